--- An OCI bundle: a directory with a config.json (runtime-spec 1.0 to 1.2), which comes to the same
--- normalised spec as a spec of Lua. The workload is PID 1 of its pid namespace.

local errors = require "tidelock.error"

local M = {}

local LARGEST = 16 * 1024 * 1024

---@class tidelock.Bundle
---@field config any    decoded; checked when it is normalised, while the kernel makes namespaces
---@field dir string    absolute
---@field at string     the file's name in errors
---@field words string[]? in the place of process.args
local Bundle = {}
Bundle.__index = Bundle

local function read(path)
  -- A FIFO would be waited for.
  local stat = require("tidelock.core").host.stat(path, true)
  local file, message = nil, "it is no file"
  if not stat or stat.type == "file" then file, message = io.open(path, "rb") end
  local text
  if file then
    -- Not LARGEST: room for all of it would be made first.
    text, message = file:read(math.min(stat and stat.size or 0, LARGEST) + 1)
    file:close()
    text = text or not message and ""
  end
  if not text then
    errors.refuse { field = "--bundle", value = path,
      why = "cannot be read: " .. tostring(message):gsub("^.*: ", ""),
      accepted = "a directory with a config.json", hint = "runc spec makes one" }
  elseif #text > LARGEST then
    errors.refuse { field = "--bundle", value = path, why = "is too large",
      accepted = "at most 16M" }
  end
  return text
end

local function refuse_json(path, err)
  local where = err.path and err.path ~= "" and (" in %s"):format(errors.printable(err.path)) or ""
  error(errors.new { op = "bundle", path = path, code = "EINVAL",
    message = ("%s:%d:%d: is no JSON%s: %s"):format(errors.printable(path, 200), err.line,
      err.column, where, err.why) }, 0)
end

---Reads DIR/config.json.
---@param dir string
---@param settings { words: string[]?, timeout: number?, timeout_at: string? }?
---@return tidelock.Bundle
function M.load(dir, settings)
  local core = require "tidelock.core"
  local path = dir:gsub("/+$", "") .. "/config.json"
  local config, err = core.json.decode(read(path), { raw = { ["linux.seccomp"] = true } })
  if not config then refuse_json(path, err) end
  settings = settings or {}
  return setmetatable({ config = config, dir = dir, at = errors.printable(path, 200),
    words = settings.words,
    timeout = settings.timeout, timeout_at = settings.timeout_at }, Bundle)
end

---Runs the container to its end; words take the place of process.args. Always returns a report.
---@param words { [integer]: string, timeout: string|number|nil }?
---@return tidelock.Report
function Bundle:run(words)
  words = words or {}
  local at = require("tidelock.origin").find()
  local bundle = setmetatable({}, Bundle)
  for name, value in pairs(self) do bundle[name] = value end
  require("tidelock.schema.check").known(words, { "timeout" }, at, "bundle:run", #words)
  if words[1] then bundle.words = { unpack(words) } end
  if words.timeout then
    bundle.timeout = require("tidelock.schema").check("timeout", words.timeout, at)
    bundle.timeout_at = at
  end
  return (require("tidelock.container").run(bundle, { operations = true }))
end

---What of a spec's fields the start needs: there are none.
function Bundle:fields() return self end

local function member(value, name)
  return type(value) == "table" and value[name] or nil
end

---The namespaces of the clone, as flags, before anything is checked.
---@return integer
function Bundle:likely_namespaces()
  local bits, flags = require("tidelock.normalise.names").namespaces, 0
  local list = member(member(self.config, "linux"), "namespaces")
  for _, namespace in ipairs(type(list) == "table" and list or {}) do
    if (member(namespace, "path") or "") ~= "" then return 0 end
    local bit = bits[member(namespace, "type")]
    -- Made once it has joined its cgroup.
    if bit and namespace.type ~= "cgroup" then flags = flags + bit end
  end
  return flags
end

---Will it have a cgroup of its own? Before anything is checked.
---@return boolean
function Bundle:likely_cgroup()
  local linux = member(self.config, "linux")
  return (member(linux, "resources") or member(linux, "cgroupsPath")) ~= nil
end

local function new_norm(bundle, facts)
  return {
    notes = {}, enforced = {}, not_enforced = {}, protected = {}, watch = {}, watched = {},
    writable = {}, origins = {}, hooks = {}, ops = {}, pass_fds = {}, sockets = {},
    streams = { stdin = "inherit", stdout = "inherit", stderr = "inherit" },
    init = false, view = "none", last_cap = facts.last_cap, bundle = bundle.dir,
    timeout = bundle.timeout, timeout_at = bundle.timeout_at,
    -- Every mode is the one that config.json says.
    creation_umask = 0,
  }
end

-- The caller's own streams go in, whatever config.json says.
local function streams(ctx)
  local confine = require "tidelock.normalise.confine"
  for fd, name in pairs { [0] = "stdin", "stdout", "stderr" } do
    confine.check_descriptor(ctx, name, fd, false)
  end
end

-- What is asked for by one property each, for the reasons that errors give.
local function origins(ctx)
  local names = { capabilities = "process.capabilities", command = "process.args",
    cwd = "process.cwd", hostname = "hostname", domainname = "domainname", user = "process.user",
    seccomp = "linux.seccomp", tty = "process.terminal", oom_score_adj = "process.oomScoreAdj",
    persona = "linux.personality", root = "root", uid_map = "linux.uidMappings",
    gid_map = "linux.gidMappings" }
  for name, field in pairs(names) do ctx.norm.origins[name] = ctx.at .. ", " .. field end
  ctx.norm.origins.namespaces = ctx.at .. ", linux.namespaces"
end

local function view(ctx)
  local mounts, norm = require "tidelock.oci.mounts", ctx.norm
  local list = {}
  mounts.configured(ctx, list)
  mounts.devices(ctx, list)
  mounts.closed(ctx, list)
  norm.mounts = list
  if not norm.root.readonly then norm.writable[1] = "/" end
  for _, entry in ipairs(list) do
    if entry.kind == "bind" and not entry.readonly and not entry.device
      or entry.kind == "filesystem" and entry.fstype == "tmpfs" and entry.flags % 2 == 0 then
      norm.writable[#norm.writable + 1] = entry.target
    end
  end
end

-- To look at the host's cgroups takes as long as five mounts. Who can make nodes is held back by
-- one without being asked.
local function asks_for_cgroups(ctx)
  local linux = ctx.config.linux
  return linux.resources or linux.cgroupsPath or not ctx.new.pid
    or ctx.norm.capability_sets.bounding / 2 ^ 27 % 2 >= 1 -- CAP_MKNOD
end

---See tidelock.normalise.normalise.
---@param facts table
---@return table norm
---@return function complete
function Bundle:normalise(facts)
  require("tidelock.oci.check").config(self.config, self.at, require("tidelock.core").json)
  local norm = new_norm(self, facts)
  local ctx = { config = self.config, facts = facts, norm = norm, at = self.at }
  ctx.dir = require("tidelock.normalise.path").from_here(facts, self.dir, "--bundle", nil)
  function ctx.where() end -- the streams are nobody's word in config.json
  function ctx.note(text, at) norm.notes[#norm.notes + 1] = { text = text, at = at } end
  local namespaces, process = require "tidelock.oci.namespaces", require "tidelock.oci.process"
  origins(ctx)
  namespaces.resolve(ctx)
  namespaces.identity(ctx)
  process.user(ctx)
  process.capabilities(ctx)
  if asks_for_cgroups(ctx) then require("tidelock.oci.resources").resolve(ctx) end
  require("tidelock.oci.mounts").root(ctx)
  view(ctx)
  namespaces.names(ctx)
  namespaces.sysctls(ctx)
  process.rlimits(ctx)
  process.personality(ctx)
  process.oom_score_adj(ctx)
  process.command(ctx, self.words)
  process.terminal(ctx)
  process.seccomp(ctx)
  streams(ctx)
  if not ctx.new.pid and not norm.cgroup then
    ctx.note("what the container starts can outlive it: there is neither a pid namespace of its own"
      .. " nor a cgroup", ctx.at .. ", linux.namespaces")
  end
  if norm.cgroup then norm.cgroup.namespace = ctx.new.cgroup or false end
  return norm, function()
    norm.sockets = require("tidelock.oci.mounts").sockets(ctx)
    require("tidelock.normalise.arrange").finish(norm)
  end
end

return M

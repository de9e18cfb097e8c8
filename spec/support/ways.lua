-- The ways into a box, for attacks that are to fail by each of them: `run` by the command line,
-- `exec` into a box that stays, by Lua, and `bundle`, a directory with an OCI config.json.
--   for _, way in ipairs(ways.list()) do it("... in " .. way.name, function()
--     local result = way.run({ "sh", "-c", script }, { folder = folder, binds = ... })
local bundles = require "spec.support.bundle"
local cjson = require "cjson"
local compile = require "spec.support.compile"
local run = require "spec.support.run"

local M = {}

---@class WaySettings
---@field folder string       a scratch folder of the host that nothing in the box sees
---@field rootfs string?      the root; the host's programs if there is none, busybox in a bundle
---@field binds { [1]: string, [2]: string, readonly: boolean? }[]?  source, target
---@field overlay boolean?    a writable layer over the root; a bundle's root is read-only without
---@field caps string[]?      to add
---@field unfiltered boolean? no seccomp filter
---@field user string?        UID or UID:GID
---@field cwd string?         inside
---@field tty boolean?
---@field options string[]?   more of `tidelock run`, for run alone
---@field fields string?      more of the spec as Lua, for exec alone
---@field exec string?        more of what exec is given, as Lua
---@field config fun(config: table)?  changes the config.json
---@field host_cwd string?    where tidelock is started

---@class Way
---@field name "run"|"exec"|"bundle"
---@field words fun(command: string[], settings: WaySettings): string[]
---@field run fun(command: string[], settings: WaySettings, options: table?): RunResult

local function run_words(command, settings)
  local words = { run.tidelock, "run" }
  local function add(...)
    for _, word in ipairs { ... } do words[#words + 1] = word end
  end
  if settings.rootfs then add("--rootfs", settings.rootfs) end
  if settings.overlay then add("--overlay", settings.rootfs .. ":/") end
  for _, bind in ipairs(settings.binds or {}) do
    add("--bind", ("%s:%s%s"):format(bind[1], bind[2], bind.readonly and ":ro" or ""))
  end
  for _, name in ipairs(settings.caps or {}) do add("--cap-add", name) end
  if settings.caps then add "--force" end
  if settings.unfiltered then add("--seccomp", "none") end
  if settings.user then add("--user", settings.user) end
  if settings.cwd then add("-C", settings.cwd) end
  if settings.tty then add "-t" end
  add(unpack(settings.options or {}))
  add("--", unpack(command))
  return words
end

local function quoted(list)
  local words = {}
  for i, word in ipairs(list) do words[i] = ("%q"):format(word) end
  return table.concat(words, ", ")
end

local function spec_fields(settings)
  local out = {}
  local function add(text, ...) out[#out + 1] = text:format(...) end
  if settings.rootfs then add("rootfs = %q,", settings.rootfs) end
  if settings.overlay then add("tidelock.fs.overlay { %q, '/' },", settings.rootfs) end
  for _, bind in ipairs(settings.binds or {}) do
    add("tidelock.fs.bind { %q, %q, readonly = %s },", bind[1], bind[2],
      tostring(bind.readonly == true))
  end
  if settings.caps then
    add("capabilities = { add = { %s } }, force = true,", quoted(settings.caps))
  end
  if settings.unfiltered then add "seccomp = 'none'," end
  return table.concat(out, " ") .. (settings.fields or "")
end

-- The process's own user and directory are exec's: those of the box are what a box has.
local EXEC = [[
local tidelock = require "tidelock"
local box, err = tidelock.spec { %s }:start()
if not box then
  io.stderr:write("tidelock: ", tostring(err), "\n")
  os.exit(125)
end
local report = box:exec { %s }
if report.error then io.stderr:write("tidelock: ", report:why(), "\n") end
box:stop()
os.exit(report.reason == "setup" and 125 or report.status or 128 + report.signal)
]]

local counter = 0

local function fresh(settings, name)
  counter = counter + 1
  return ("%s/%s-%d"):format(settings.folder, name, counter)
end

local function exec_words(command, settings)
  local own = quoted(command)
  if settings.user then own = own .. (", user = %q"):format(settings.user) end
  if settings.cwd then own = own .. (", cwd = %q"):format(settings.cwd) end
  if settings.exec then own = own .. ", " .. settings.exec end
  local script = fresh(settings, "exec") .. ".lua"
  run.write(script, EXEC:format(spec_fields(settings), own))
  return { run.tidelock, script }
end

M.rootfs = bundles.rootfs

---A C program of spec/support, for /attack of a box.
---@param folder string
---@param name? string  "attack" unless given
---@return table bind
function M.tool(folder, name)
  name = name or "attack"
  os.execute("mkdir -p -m 755 " .. run.quote(folder .. "/tools"))
  compile.c("spec/support/" .. name .. ".c", folder .. "/tools/" .. name)
  return { folder .. "/tools", "/attack", readonly = true }
end

---The program naive, for the host.
---@param folder string
---@return string program
function M.naive(folder)
  return compile.c("spec/support/naive.c", folder .. "/naive", {})
end

local function apply(config, settings)
  for _, bind in ipairs(settings.binds or {}) do
    config.mounts[#config.mounts + 1] = bundles.mount(bind[2], "bind", bind[1],
      { "rbind", bind.readonly and "ro" or "rw" })
  end
  for _, name in ipairs(settings.caps or {}) do
    for _, set in pairs(config.process.capabilities) do set[#set + 1] = "CAP_" .. name end
  end
  if settings.user then
    local uid, gid = settings.user:match "^(%d+):?(%d*)$"
    config.process.user = { uid = tonumber(uid), gid = tonumber(gid ~= "" and gid or uid) }
  end
  config.process.cwd = settings.cwd or "/"
  config.process.terminal = settings.tty or false
  if settings.config then settings.config(config) end
end

-- Read-only in a bundle, and so one for all of a folder.
local function default_root(folder)
  local path = folder .. "/busybox-root"
  return run.read(path .. "/bin/busybox") and path or M.rootfs(path)
end

---A bundle for these settings.
---@param command string[]
---@param settings WaySettings
---@return string directory
function M.bundle(command, settings)
  local bundle = fresh(settings, "bundle")
  os.execute("mkdir -m 755 " .. run.quote(bundle))
  local config = bundles.config(command)
  if run.who() ~= "root" then bundles.rootless(config) end
  config.root.path = settings.rootfs or default_root(settings.folder)
  apply(config, settings)
  run.write(bundle .. "/config.json", cjson.encode(config))
  return bundle
end

local function bundle_words(command, settings)
  return { run.tidelock, "run", "--bundle", M.bundle(command, settings) }
end

local function way(name, words)
  return {
    name = name, words = words,
    run = function(command, settings, options)
      options = options or {}
      options.cwd = options.cwd or settings.host_cwd
      return run.run(words(command, settings), options)
    end,
  }
end

local all

---Every way there is; `bundle` where this tidelock knows it.
---@return Way[]
function M.list()
  if not all then
    all = { way("run", run_words), way("exec", exec_words) }
    if M.has_bundles() then all[3] = way("bundle", bundle_words) end
  end
  return all
end

---The ways on which tidelock chooses the filter: a bundle's is that of its config.json.
---@return Way[]
function M.filtered()
  return { M.list()[1], M.list()[2] }
end

---@return boolean
function M.has_bundles()
  return run.tl({ "run", "--help" }).stdout:find("%-%-bundle") ~= nil
end

return M

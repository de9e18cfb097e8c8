--- A spec and the facts of the host become plain data: every default filled in, every value
--- checked, every list in an order that does not change from run to run.

local errors = require "tidelock.error"

local M = {}

local UMASK = 18 -- 0022
local ORIGINS = { "capabilities", "command", "cwd", "hostname", "net", "seccomp", "tty", "user" }

local function choose_view(ctx)
  local raw, norm, facts = ctx.raw, ctx.norm, ctx.facts
  if raw.rootfs then
    if raw.view and raw.view ~= "none" then
      errors.refuse { field = "view", value = raw.view, at = ctx.where("view"),
        why = "has no meaning with a rootfs, which is the view", accepted = '"none"' }
    end
    local at = ctx.where("rootfs")
    local path = facts.realpath(
      require("tidelock.normalise.path").from_here(facts, raw.rootfs, "rootfs", at))
    local stat = path and facts.stat(path)
    if not stat or stat.type ~= "dir" then
      errors.refuse { field = "rootfs", value = raw.rootfs, at = at,
        why = stat and "is not a directory" or "does not exist on the host" }
    elseif path == "/" then
      errors.refuse { field = "rootfs", value = raw.rootfs, why = "is the host's own root", at = at,
        hint = "use --view host" }
    end
    norm.view, norm.rootfs = "none", path
    norm.root = { kind = "tree", source = path, readonly = true, origin = at }
    return
  end
  norm.view = raw.view or "system"
  if norm.view == "host" then
    norm.root = { kind = "tree", source = "/", readonly = true, origin = ctx.where("view") }
  else
    norm.root = { kind = "tmpfs", readonly = true, origin = "default" }
  end
end

--- Sets the home of norm.user.
---@param ctx table
function M.choose_home(ctx)
  local user, facts = ctx.norm.user, ctx.facts
  if not user.home and user.uid == facts.uid and not ctx.norm.rootfs then
    user.home = facts.env.HOME
  end
  if not user.home and user.uid == 0 then user.home = "/root" end
  if not user.home or user.home:sub(1, 1) ~= "/" then user.home = "/" end
  user.home = require("tidelock.normalise.path").clean(user.home)
end

local function copy_plain(ctx)
  local raw, norm = ctx.raw, ctx.norm
  if raw.command then
    norm.command = {}
    for i, word in ipairs(raw.command) do norm.command[i] = word end
  end
  norm.init = raw.init ~= false
  norm.timeout = raw.timeout
  norm.timeout_at = raw.timeout and ctx.where("timeout")
  norm.umask = UMASK
  norm.last_cap = ctx.facts.last_cap
  norm.origins = {}
  for _, name in ipairs(ORIGINS) do
    norm.origins[name] = raw[name] ~= nil and ctx.where(name) or nil
  end
  norm.hooks = raw.hooks or {}
  norm.ops = raw.ops or {}
end

--- Everything that the plan needs, from a spec's fields and the host's facts. Raises an error
--- object for a value that cannot be had.
---@param spec tidelock.Spec with :fields() and :where(name)
---@param facts table
---@return table norm
---@return function complete  fills in what a report needs and a plan does not (norm.sockets), and
---leaves plain data
function M.normalise(spec, facts)
  local norm = {
    notes = {}, enforced = {}, not_enforced = {}, protected = {}, watch = {}, watched = {},
  }
  local ctx = { raw = spec:fields(), facts = facts, norm = norm, system = {} }
  function ctx.where(name) return spec:where(name) or "default" end
  function ctx.note(text, at) norm.notes[#norm.notes + 1] = { text = text, at = at } end

  local confine = require "tidelock.normalise.confine"
  copy_plain(ctx)
  choose_view(ctx)
  confine.namespaces(ctx)
  require("tidelock.normalise.identity").resolve(ctx)
  if norm.rootfs then norm.root.idmap = norm.identity.mode == "range" end
  M.choose_home(ctx)
  require("tidelock.normalise.arrange").arrange(ctx)
  require("tidelock.normalise.env").resolve(ctx)
  confine.capabilities(ctx)
  confine.rlimits(ctx)
  if ctx.raw.limits then require("tidelock.normalise.limits").resolve(ctx) end
  confine.descriptors(ctx)
  confine.seccomp(ctx)
  table.sort(norm.writable)
  table.sort(norm.protected)
  table.sort(norm.watch)
  return norm, function()
    norm.sockets = require("tidelock.normalise.sockets").reachable(ctx)
    require("tidelock.normalise.arrange").finish(norm)
  end
end

return M

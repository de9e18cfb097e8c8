--- The user's own entries of the view: checked, made absolute, and the later of two on one target
--- kept.

local errors = require "tidelock.error"
local paths = require "tidelock.normalise.path"

local M = {}

local DATA = 6 -- MS_NOSUID | MS_NODEV

local function fs_error(entry, name, value, why, hint)
  errors.refuse {
    field = "fs." .. entry.kind, value = value, why = why, at = entry.at, hint = hint,
    accepted = name,
  }
end

--- A path of the host, absolute; what `..` means there only the host can tell.
local function host_path(ctx, entry)
  local path = paths.from_here(ctx.facts, entry.source, "fs." .. entry.kind, entry.at)
  if paths.climbs(path) then
    local real = ctx.facts.realpath(path)
    if not real then fs_error(entry, nil, entry.source, "does not exist on the host") end
    path = real
  end
  return path
end

local function stat_source(ctx, entry, path)
  local stat, code = ctx.facts.stat(path)
  if stat then return stat end
  if entry.optional and code == "ENOENT" then return nil end
  local why = code == "ENOENT" and "does not exist on the host"
    or ("cannot be reached on the host: %s"):format(code or "unknown error")
  local link = ctx.facts.readlink(path)
  fs_error(entry, nil, entry.source, why,
    link and "it is a symbolic link to " .. errors.printable(link))
end

local function check_target(entry)
  local target = entry.target
  if target:sub(1, 1) ~= "/" then
    fs_error(entry, "an absolute path inside the box", target, "is not absolute")
  end
  if paths.climbs(target) then
    fs_error(entry, "a path without ..", target, "climbs with ..")
  end
  target = paths.clean(target)
  if target == "/" then
    fs_error(entry, nil, target, "is the root of the box itself",
      "another root is given with rootfs, a writable layer over it with an overlay on /")
  end
  if paths.within(target, "/proc") and entry.kind ~= "hide" then
    fs_error(entry, nil, target,
      "lies in /proc, where a mount could make the kernel's own files lie")
  end
  return target
end

local function idmapped(ctx, stat)
  return ctx.norm.identity.mode == "range" and stat.type ~= "char" and stat.type ~= "block"
end

local function bind(ctx, entry, target, readonly)
  local source = host_path(ctx, entry)
  local stat = stat_source(ctx, entry, source)
  if not stat then return nil end
  return {
    kind = "bind", source = source, real = ctx.facts.realpath(source), stat = stat,
    target = target or check_target { kind = entry.kind, target = source, at = entry.at },
    readonly = readonly, recursive = stat.type == "dir", file = stat.type ~= "dir",
    device = stat.type == "char" or stat.type == "block", idmap = idmapped(ctx, stat),
    origin = entry.at, protect = entry.kind == "rw" and not entry.all,
  }
end

--- What later boxes trust: records of boxes that run, and compiled filters. Nobody inside may write
--- them.
local function guard_own(ctx, entry, made)
  local facts = ctx.facts
  for _, own in ipairs { facts.state, facts.cache or nil } do
    local real = facts.realpath(own) or own
    for _, path in ipairs { made.source, made.real or made.source } do
      if paths.within(own, path) or paths.within(real, path) or paths.within(path, real) then
        errors.refuse {
          field = "fs." .. entry.kind, value = entry.source, at = entry.at,
          why = "holds tidelock's own files " .. own .. ", which later boxes rely on",
          hint = "give a directory below it, or add --force (force = true)",
        }
      end
    end
  end
end

--- A writable home, or the whole host, is too much to give by a slip.
local function guard(ctx, entry, made)
  if ctx.raw.force then return end
  local facts = ctx.facts
  local known = facts.passwd(facts.uid)
  local own, env = known and known.home or "/", facts.env.HOME or "/"
  for _, home in ipairs { own, env, facts.realpath(own) or own } do
    for _, path in ipairs { made.source, made.real or made.source } do
      if home ~= "/" and paths.within(home, path) then
        errors.refuse {
          field = "fs." .. entry.kind, value = entry.source, at = entry.at,
          why = path == home and "is your home directory" or "holds your home directory " .. home,
          hint = "give a directory below it, or add --force (force = true)",
        }
      end
    end
  end
  guard_own(ctx, entry, made)
end

--- `rw /`: a root directory of the user's own, or the host itself.
local function writable_root(ctx, entry)
  local norm = ctx.norm
  if not norm.rootfs then
    if not ctx.raw.force then
      errors.refuse { field = "fs.rw", value = "/", why = "is the whole host", at = entry.at,
        hint = "give the directory that is to be written, or add --force (force = true)" }
    elseif norm.view ~= "host" then
      errors.refuse { field = "fs.rw", value = "/", at = entry.at,
        why = "is not part of the view " .. errors.show(norm.view), hint = "use --view host" }
    end
  end
  norm.root.readonly = false
  norm.root.origin = entry.at
end

local kinds = {}

function kinds.bind(ctx, entry)
  local made = bind(ctx, entry, check_target(entry), entry.readonly ~= false)
  if made and not made.readonly then guard(ctx, entry, made) end
  return made
end

function kinds.ro(ctx, entry)
  return bind(ctx, entry, nil, true)
end

function kinds.rw(ctx, entry)
  if host_path(ctx, entry) == "/" then return writable_root(ctx, entry) end
  local made = bind(ctx, entry, nil, false)
  if made then guard(ctx, entry, made) end
  return made
end

function kinds.tmpfs(_, entry)
  return { kind = "tmpfs", target = check_target(entry), size = entry.size,
    mode = entry.mode or 1023, flags = DATA, origin = entry.at }
end

function kinds.overlay(ctx, entry)
  local target = entry.target and paths.clean(entry.target)
  if target == "/" then
    local root = ctx.norm.root
    if root.kind == "tmpfs" then
      fs_error(entry, nil, "/", "needs a root directory to lie over", "use --rootfs")
    elseif ctx.norm.view == "host" then
      fs_error(entry, nil, "/", "cannot lie over the host's root: other mounts are on it, which the"
        .. " kernel locks in a user namespace", "lay it over one directory, such as --overlay /srv")
    end
    root.overlay, root.size, root.origin = true, entry.size, entry.at
    return nil
  end
  local made = bind(ctx, entry, target and check_target(entry), true)
  if not made then return nil end
  if made.file then fs_error(entry, "a directory", entry.source, "is not a directory") end
  made.kind, made.size = "overlay", entry.size
  return made
end

function kinds.hide(_, entry)
  return { kind = "mask", target = check_target(entry), origin = entry.at }
end

function kinds.remove(_, entry)
  local target = entry.target
  if target:sub(1, 1) ~= "/" then
    fs_error(entry, "an absolute path inside the box", target, "is not absolute")
  end
  return { kind = "remove", target = paths.clean(target), origin = entry.at }
end

--- Of two on one target the later stays; a removal takes away what came before it.
local function latest(made)
  local last, kept = {}, {}
  for i = 1, #made do last[made[i].target] = i end
  for i = 1, #made do
    local entry = made[i]
    entry.order = i
    if last[entry.target] == i and entry.kind ~= "remove" then kept[#kept + 1] = entry end
  end
  return kept
end

--- A mount over an earlier one further down would make that one vanish.
local function refuse_covering(kept)
  local at = {}
  for _, entry in ipairs(kept) do
    if entry.kind ~= "mask" then at[entry.target] = entry end
  end
  for _, entry in ipairs(kept) do
    local dir = entry.target
    while dir ~= "/" and entry.kind ~= "mask" do
      dir = paths.parent(dir)
      local above = at[dir]
      if above and above.order > entry.order then
        errors.refuse {
          field = "fs", value = above.target, at = above.origin,
          why = ("would cover %s, which is mounted before it at %s"):format(
            entry.target, entry.origin),
          hint = "put the mount of " .. above.target .. " first",
        }
      end
    end
  end
end

--- The user's mounts, in the order in which they were given.
---@param ctx table
---@return table[] mounts
---@return table<string, boolean> removed targets that the defaults shall not have
function M.entries(ctx)
  local made, removed = {}, {}
  for _, entry in ipairs(ctx.raw.fs or {}) do
    local new = kinds[entry.kind](ctx, entry)
    if new then
      new.class = "user"
      made[#made + 1] = new
      if new.kind == "remove" then removed[new.target] = true end
    end
  end
  local kept = latest(made)
  refuse_covering(kept)
  require("tidelock.normalise.beneath").hold(ctx, kept)
  return kept, removed
end

return M

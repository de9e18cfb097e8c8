--- The command's environment, and where its file may be.

local errors = require "tidelock.error"

local M = {}

M.PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

local KEEP = { "PATH", "TERM", "LANG", "TZ" }

local function minimal(facts, rootfs)
  local env = {}
  for _, name in ipairs(KEEP) do env[name] = facts.env[name] end
  for name, value in pairs(facts.env) do
    if name:sub(1, 3) == "LC_" then env[name] = value end
  end
  -- The caller's PATH says where things are on the host, not in another root.
  if rootfs or not env.PATH or env.PATH == "" then env.PATH = M.PATH end
  return env
end

local function base(ctx)
  local keep, facts = ctx.raw.env_keep or "minimal", ctx.facts
  if keep == "none" then return {} end
  local env
  if keep == "all" then
    env = {}
    for name, value in pairs(facts.env) do env[name] = value end
  else
    env = minimal(facts, ctx.norm.rootfs)
  end
  env.HOME = ctx.norm.user.home
  env.USER = ctx.norm.user.name
  if env.LOGNAME then env.LOGNAME = env.USER end
  return env
end

--- The candidates that execve tries in turn. A relative or empty element of PATH means the current
--- directory, which is the job's to fill: it is never looked into.
---@param command string[]?
---@param path string      PATH
---@param refuse fun(why: string, hint: string)
---@return string[]
function M.exec_paths(command, path, refuse)
  if not command then return {} end
  local name = command[1]
  if name:find("/", 1, true) then return { name } end
  local list, seen = {}, {}
  for dir in (path .. ":"):gmatch("([^:]*):") do
    if dir:sub(1, 1) == "/" and not seen[dir] then
      seen[dir] = true
      list[#list + 1] = dir .. (dir:sub(-1) == "/" and "" or "/") .. name
    end
  end
  if not list[1] then
    refuse("cannot be looked for: PATH has no absolute directory",
      "set PATH, or give the command with its path")
  end
  return list
end

--- Sets norm.env (sorted) and norm.exec_paths.
---@param ctx table
function M.resolve(ctx)
  local env = base(ctx)
  for name, value in pairs(ctx.raw.env or {}) do env[name] = value or nil end
  local list = {}
  for name, value in pairs(env) do list[#list + 1] = name .. "=" .. value end
  table.sort(list)
  ctx.norm.env = list
  local command = ctx.norm.command
  ctx.norm.exec_paths = M.exec_paths(command, env.PATH or M.PATH, function(why, hint)
    errors.refuse { field = "command", value = command[1], at = ctx.where("command"), why = why,
      hint = hint }
  end)
end

return M

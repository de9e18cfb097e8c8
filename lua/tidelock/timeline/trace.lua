--- Takes the time of the command line's own phases, for `run --timeline`. The phases are functions
--- of the library, wrapped when their module is loaded: without the option there is none of this.

local M = {}

---@class tidelock.Span
---@field name string
---@field start number   seconds of CLOCK_MONOTONIC
---@field stop number?   nil: it goes on
---@field track string?  of tidelock.timeline; nil: the command line's

-- Module -> function -> what the timeline calls it.
local PHASES = {
  ["tidelock.cgroup.box"] = { begin = "cgroup" },
  ["tidelock.container"] = {
    call_hooks = "hooks", conclude = "conclude", forward_signals = "hold signals back",
    launch = "launch", prepare = "prepare", undo_hooks = "undo the hooks",
  },
  ["tidelock.fault"] = { explain = "explain the fault" },
  ["tidelock.hint"] = { find = "hint" },
  ["tidelock.load"] = { file = "run the spec file" },
  ["tidelock.normalise"] = { normalise = "normalise" },
  ["tidelock.normalise.arrange"] = { arrange = "mounts", finish = "finish the mounts" },
  ["tidelock.normalise.confine"] = {
    capabilities = "capabilities", descriptors = "descriptors", namespaces = "namespaces",
    rlimits = "rlimits", seccomp = "filter",
  },
  ["tidelock.normalise.cwd"] = { choose = "cwd", verify = "verify the cwd" },
  ["tidelock.normalise.env"] = { resolve = "environment" },
  ["tidelock.normalise.identity"] = { resolve = "identity" },
  ["tidelock.normalise.limits"] = { resolve = "limits" },
  ["tidelock.normalise.mounts"] = { entries = "mounts asked for" },
  ["tidelock.normalise.protect"] = { entries = "protected names" },
  ["tidelock.normalise.sockets"] = { reachable = "sockets in reach" },
  ["tidelock.normalise.view"] = { closed = "closed directories", entries = "view" },
  ["tidelock.oci.bundle"] = { load = "read the bundle" },
  ["tidelock.options.parse"] = { parse = "parse" },
  ["tidelock.plan.build"] = { build = "plan" },
  ["tidelock.plan.files"] = { add = "plan: files" },
  ["tidelock.plan.finish"] = { add = "plan: the end" },
  ["tidelock.plan.host"] = { add = "plan: host" },
  ["tidelock.report"] = { of = "report", take_times = "read the times" },
  ["tidelock.spec"] = { new = "merge the spec", of = "read the settings" },
  ["tidelock.state"] = { found = "record" },
  ["tidelock.supervisor"] = { wait = "wait for the box" },
  ["tidelock.terminal"] = { wait = "wait for the box" },
}
local TRACKS = { ["tidelock.supervisor"] = "supervisor", ["tidelock.terminal"] = "supervisor" }

-- The same of the core, which is opened part by part.
local CORE = {
  launch = { spawn = "take the clone", start = "start" },
  plan = { pack = "pack" },
}

local spans, open, clock

---The time of CLOCK_MONOTONIC, in seconds.
---@return number
function M.now() return clock() end

---Begins a span inside of the one that is open.
---@param name string
---@param track string?  the one of the span around it unless given
---@return integer depth  for leave
function M.enter(name, track)
  local around = open[#open]
  local span = { name = name, start = clock(), track = track or around and around.track }
  spans[#spans + 1], open[#open + 1] = span, span
  return #open
end

---Ends a span, and those inside of it that an error has left. Returns the rest of its arguments.
---@param depth integer
function M.leave(depth, ...)
  local now = clock()
  for i = #open, depth, -1 do open[i].stop, open[i] = now, nil end
  return ...
end

local function wrap(functions, names, track)
  for key, name in pairs(names) do
    local call = functions[key]
    functions[key] = function(...)
      return M.leave(M.enter(name, track), call(...))
    end
  end
end

-- Only the library's own: a caller's module is loaded as if nobody looked.
local function wrap_require()
  local plain, loaded = require, package.loaded
  -- luacheck: globals require
  function require(name)
    if loaded[name] ~= nil or type(name) ~= "string" or not name:find("^tidelock%.") then
      return plain(name)
    end
    local module = M.leave(M.enter("load " .. name:sub(10)), plain(name))
    if PHASES[name] then wrap(module, PHASES[name], TRACKS[name]) end
    return module
  end
end

---Takes the time from here on; what was before is known to main.c.
---@param entered number?  when the program was entered, in seconds of CLOCK_MONOTONIC
---@param begun number?    when the clone was begun that the words let it guess
---@param main number?     when its main was
---@param ready number?    when Lua was there
function M.begin(entered, begun, main, ready)
  if spans then return end
  local core = require "tidelock.core"
  clock = core.process.clock
  spans, open = {}, {}
  if entered then
    spans[1] = { name = "guess the namespaces", start = entered, stop = begun }
    spans[2] = { name = "start the program", start = begun, stop = main }
    spans[3] = { name = "start Lua", start = main, stop = ready }
    spans[4] = { name = "load timeline.trace", start = ready, stop = clock() }
  end
  for part, names in pairs(CORE) do wrap(core[part], names) end
  for name, names in pairs(PHASES) do
    if package.loaded[name] then wrap(package.loaded[name], names, TRACKS[name]) end
  end
  wrap_require()
end

---What there is so far, in the order of the starts; what goes on ends now.
---@return tidelock.Span[]
function M.spans()
  M.leave(1)
  return spans
end

return M

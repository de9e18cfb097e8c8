-- What a run may not leave behind: processes, mounts, cgroups, links, descriptors, files.
--   local before = leaks.snapshot()
--   ... run something ...
--   leaks.verify(before)     -- raises with a list of what is new
local M = {}

local function first_line(path)
  local file = io.open(path)
  local line = file and file:read("*l")
  if file then file:close() end
  return line
end

local own_pid = tonumber(first_line("/proc/self/stat"):match("^%d+"))

local function parent_of(pid)
  local line = first_line(("/proc/%s/stat"):format(pid))
  return line and tonumber(line:match("^.*%) %S+ (%d+)"))
end

local own_ancestors, next_ancestor = {}, own_pid
while next_ancestor and next_ancestor > 0 do
  own_ancestors[next_ancestor] = true
  next_ancestor = parent_of(next_ancestor)
end

-- Somebody else's box on the same machine: there is a living process above it that is neither ours
-- nor one of its own. What has lost its supervisor is ours until it is shown to be another's.
local function is_foreign(pid, belongs)
  while pid and not own_ancestors[pid] do
    if not belongs(tostring(pid)) then
      repeat pid = parent_of(pid) until not pid or own_ancestors[pid]
      return pid ~= nil and pid ~= own_pid
    end
    pid = parent_of(pid)
  end
  return false
end

-- One shell, all questions; each answer is a line "kind<tab>thing".
local script = [==[
tag() { while IFS= read -r line; do printf '%s\t%s\n' "$1" "$line"; done; }
ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's|.* /proc/\([0-9]*\)/exe -> |\1 |p' | tag exe
ls -l /proc/[0-9]*/ns/pid 2>/dev/null | sed -n 's|.* /proc/\([0-9]*\)/ns/pid -> |\1 |p' | tag pidns
tag mount < /proc/PID/mountinfo
sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/PID/net/dev | tag link
ls -l /proc/PID/fd 2>/dev/null | sed -n 's/.* -> //p' | tag fd
find /sys/fs/cgroup -maxdepth 5 -type d -name '*tidelock*' 2>/dev/null | tag cgroup
find /run/tidelock /tmp/tidelock* "${XDG_RUNTIME_DIR:-/nonexistent}"/tidelock* \
  "${XDG_STATE_HOME:-$HOME/.local/state}"/tidelock \
  -type d \( -name 'tidelock*' -o -name boxes \) -o -print 2>/dev/null | tag file
find /var/cache/tidelock "${XDG_CACHE_HOME:-$HOME/.cache}"/tidelock -name '*tmp*' \
  2>/dev/null | tag file
cat /proc/PID/task/*/children 2>/dev/null | tr ' ' '\n' | tag child
]==]
script = script:gsub("PID", tostring(own_pid))

---@return table<string, integer> things and how often each was seen
function M.snapshot()
  local pipe = assert(io.popen(script))
  local seen, pids, spaces, children = {}, {}, {}, {}
  local function add(thing) seen[thing] = (seen[thing] or 0) + 1 end
  for line in pipe:lines() do
    local kind, thing = line:match("^(%a+)\t(.+)$")
    local pid, rest = (thing or ""):match("^(%d+) (.+)$")
    if kind == "exe" then
      pids[pid] = rest
    elseif kind == "pidns" then
      spaces[pid] = rest
    elseif kind == "child" then
      children[thing] = true
    elseif kind == "fd" then
      add("descriptor of the caller: " .. thing:gsub(":%[%d+%]", ""))
    elseif kind then
      add(kind .. ": " .. thing)
    end
  end
  pipe:close()
  -- init by its memfd, a supervisor by its name, a workload by its pid namespace.
  local here = spaces[tostring(own_pid)]
  local own_program = require("spec.support.run").tidelock
  local function in_box(pid)
    return pids[pid] and (pids[pid]:find("/memfd:tidelock", 1, true)
      or spaces[pid] and spaces[pid] ~= here or pids[pid]:find(own_program, 1, true) == 1)
  end
  for pid, exe in pairs(pids) do
    if exe:find("/memfd:tidelock", 1, true) or exe:match("/tidelock[%a-]*$") then
      if not is_foreign(tonumber(pid), in_box) then add(("process: %s %s"):format(pid, exe)) end
    elseif spaces[pid] and spaces[pid] ~= here and not is_foreign(tonumber(pid), in_box) then
      add(("process in a box: %s %s"):format(pid, exe))
    end
  end
  for pid in pairs(children) do
    -- The shell that asks is a child too, and gone by the time it is looked up.
    if first_line("/proc/" .. pid .. "/stat") then
      add(("child: %s %s"):format(pid, pids[pid] or "(zombie)"))
    end
  end
  return seen
end

---What is there now and was not there before.
---@param before table<string, integer>
---@return string[]
function M.new_since(before)
  local found = {}
  for thing, count in pairs(M.snapshot()) do
    if count > (before[thing] or 0) then found[#found + 1] = thing end
  end
  table.sort(found)
  return found
end

local function now()
  return tonumber(first_line("/proc/uptime"):match("^[%d.]+"))
end

---Raise when something new is still there after a second. Only what every look finds counts: other
---people's boxes on the same machine come and go.
---@param before table<string, integer>
---@param seconds? number
function M.verify(before, seconds)
  local deadline = now() + (seconds or 1)
  local always = M.new_since(before)
  while #always > 0 do
    if now() >= deadline then
      error("left behind:\n  " .. table.concat(always, "\n  "), 2)
    end
    os.execute("sleep 0.05")
    local again, still = {}, {}
    for _, thing in ipairs(M.new_since(before)) do again[thing] = true end
    for _, thing in ipairs(always) do
      if again[thing] then still[#still + 1] = thing end
    end
    always = still
  end
end

---The same after a kill -9 of a supervisor: but for its records, which doctor --repair then finds
---and removes.
---@param before table<string, integer>
---@param seconds? number
function M.verify_killed(before, seconds)
  local function others()
    local list = {}
    for _, thing in ipairs(M.new_since(before)) do
      if not thing:find("^file: .*/boxes/%d+%-%d+%-%d+%.json") then list[#list + 1] = thing end
    end
    return list
  end
  local deadline, left = now() + (seconds or 1), others()
  while left[1] and now() < deadline do
    os.execute "sleep 0.05"
    left = others()
  end
  if left[1] then error("left behind:\n  " .. table.concat(left, "\n  "), 2) end
  local result = require("spec.support.run").tl { "doctor", "--repair" }
  if result.status ~= 0 then error(result.stdout .. result.stderr, 2) end
  M.verify(before, 1)
end

return M

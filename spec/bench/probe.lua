-- Do the contestants make the same container? Each starts a shell once in place of `true`, which
-- tells what it sees; where that differs from what the floor makes, the table gets a note.
local bundle = require "bench.bundle"
local harness = require "bench.harness"

local M = {}

-- Of busybox; it reads with the shell's own means, for a process would change what is seen.
local SCRIPT = [[
of() { while read -r line; do echo "$1 $line"; done < "$2"; }
echo "pid $$"
echo "nofile $(ulimit -Sn) $(ulimit -Hn)"
echo "umask $(umask)"
echo "cwd $PWD"
echo "PATH $PATH"
echo "TERM $TERM"
echo "dev" /dev/*
of hostname /proc/sys/kernel/hostname
of lo /sys/class/net/lo/flags
of status /proc/self/status
of mount /proc/self/mountinfo
of cgroup /proc/self/cgroup
for name in cgroup ipc mnt net pid time user uts; do
  echo "ns $name $(/bin/busybox readlink /proc/self/ns/$name)"
done
]]
M.COMMAND = { "/bin/busybox", "sh", "-c", SCRIPT }

local STATUS = { "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CapInh",
  "CapPrm", "CapEff", "CapBnd", "CapAmb" }
-- What each kernel does by itself, or what a runtime may choose.
local IGNORED_OPTIONS = { relatime = true }

local function options(text)
  local list = {}
  for option in text:gmatch "[^,]+" do
    if not IGNORED_OPTIONS[option] then list[#list + 1] = option end
  end
  table.sort(list)
  return table.concat(list, ",")
end

-- The last mount on a target is the one that is seen. Of a masked file only that it is masked.
local function mount(facts, line)
  local target, flags, kind = line:match "^%d+ %d+ %S+ %S+ (%S+) (%S+).- %- (%S+)"
  local masked = target:match "^/proc/" and kind ~= "proc" or target:match "^/sys/f"
  facts["mount " .. target] = masked and "masked" or kind .. " " .. options(flags)
  facts.mounts = tostring((tonumber(facts.mounts) or 0) + 1)
end

local function own_namespaces()
  local own = {}
  for name in ("cgroup ipc mnt net pid time user uts"):gmatch "%S+" do
    own[name] = harness.output_of("readlink /proc/self/ns/" .. name):gsub("\n", "")
  end
  return own
end

local own

-- What the shell told, as a table of texts.
local function parse(text)
  own = own or own_namespaces()
  local facts, status = {}, {}
  for key, rest in text:gmatch "(%S+) ([^\n]*)" do
    if key == "mount" then
      mount(facts, rest)
    elseif key == "status" then
      local name, value = rest:match "^(%S+):%s*(.-)%s*$"
      if name then status[name] = value:gsub("%s+", " ") end
    elseif key == "cgroup" then
      local controllers, path = rest:match "^%d+:([^:]*):(.*)"
      if path:find(bundle.CGROUP, 1, true) then
        facts.cgroups = (facts.cgroups or "") .. controllers .. " "
      end
    elseif key == "ns" then
      local name, value = rest:match "^(%S+) (.*)"
      facts["namespace " .. name] = value == own[name] and "the host's" or "new"
    else
      facts[key] = rest
    end
  end
  for _, name in ipairs(STATUS) do facts[name] = status[name] end
  return facts
end

-- The words of a contestant as one shell command, in place of timer.
local function shell_command(contestant)
  local words, input = {}, ""
  for i = 2, #contestant do
    local word = contestant[i]
    if i == 2 and word:match "^3<" then
      input = " " .. harness.quote { word:sub(3) }
    else
      words[#words + 1] = (word:gsub("{}", "probe"):gsub("{p}", "0"))
    end
  end
  return harness.quote(words) .. (input ~= "" and " 3<" .. input or "")
end

---@return table? facts
---@return string? why if it does not run
function M.facts(contestant)
  local complaints = os.tmpname()
  local text = harness.output_of(shell_command(contestant) .. " 2>" .. complaints .. " </dev/null")
  local file = assert(io.open(complaints))
  local why = file:read "*l" or "it prints nothing"
  file:close()
  os.remove(complaints)
  if not text:find "^pid " then return nil, why end
  return parse(text)
end

-- Lists of words are compared word by word.
local LISTS = { dev = true, cgroups = true }

local function words_beyond(this, that)
  local known, list = {}, {}
  for word in (that or ""):gmatch "%S+" do known[word] = true end
  for word in (this or ""):gmatch "%S+" do
    if not known[word] then list[#list + 1] = word end
  end
  table.sort(list)
  return #list > 0 and table.concat(list, " ") or nil
end

local function describe(key, this, that)
  if this == that then
    return nil
  elseif LISTS[key] then
    local more, less = words_beyond(this, that), words_beyond(that, this)
    return (more or less) and ("%s:%s%s"):format(key, more and " with " .. more or "",
      less and " without " .. less or "")
  end
  return ("%s: %s, not %s"):format(key, this or "none", that or "none")
end

---The differences of two containers, sorted, each a sentence for a note.
function M.differences(facts, of_floor)
  local list, seen = {}, {}
  local function compare(key)
    if seen[key] then return end
    seen[key] = true
    list[#list + 1] = describe(key, facts[key], of_floor[key])
  end
  for key in pairs(facts) do compare(key) end
  for key in pairs(of_floor) do compare(key) end
  table.sort(list)
  return list
end

return M

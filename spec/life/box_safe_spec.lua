-- A process that box:exec puts into a box is as confined as the workload of a run. That it cannot
-- be looked into while it is on its way is in spec/security/joining_process_spec.lua.
local box = require "spec.support.box"
local run = require "spec.support.run"

local start = "local box = assert(tidelock.spec { %s }:start())\n"

-- The lines of /proc/self/status that say what a process is and may.
local TELLING = [["grep", "-E", "^(Uid|Gid|Groups|Cap|NoNew|Seccomp|Umask|SigBlk|SigIgn|SigCgt)",]]
  .. [[ "/proc/self/status"]]

local function lines(text, fields) return box.lines(start:format(fields or "") .. text) end

local function fields_of(text)
  local fields = {}
  for name, value in text:gmatch("([%w_]+):[ \t]*([^\n]-)[ \t]*\n") do fields[name] = value end
  return fields
end

describe("what box:exec starts", function()
  it("has no capability, no way to gain one, and is under the filter", function()
    local status = fields_of(box.both(start:format "" .. "box:exec {" .. TELLING .. "}"))
    for _, set in ipairs { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" } do
      assert.equal("0000000000000000", status[set], set)
    end
    assert.equal("1", status.NoNewPrivs)
    assert.equal("2", status.Seccomp)
    assert.equal("", status.Groups)
  end)

  it("has the same identity, filter and limits as the workload of a run", function()
    local text = [[
      local fields = { %s rlimits = { nofile = 77 } }
      tidelock.spec(fields):run { %s }
      print "--"
      local box = assert(tidelock.spec(fields):start())
      box:exec { %s }]]
    for _, extra in ipairs { "", "capabilities = { add = { 'CHOWN', 'KILL' } }," } do
      local ran, put = box.both(text:format(extra, TELLING, TELLING)):match("^(.-)%-%-\n(.*)$")
      ran, put = fields_of(ran), fields_of(put)
      for _, name in ipairs { "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd",
        "CapAmb", "NoNewPrivs",
        "Seccomp", "Seccomp_filters", "Umask", "SigBlk", "SigIgn", "SigCgt" } do
        assert.equal(ran[name], put[name], name)
      end
    end
  end)

  it("has nothing inheritable, also with capabilities (CVE-2022-29162)", function()
    local status = fields_of(box.both(start:format "capabilities = { add = { 'CHOWN' } }"
      .. "box:exec {" .. TELLING .. "}"))
    assert.equal("0000000000000001", status.CapBnd)
    if run.who() == "root" then assert.equal("0000000000000000", status.CapInh) end
  end)

  it("has descriptors 0 to 2 and no others, whatever the caller has open", function()
    assert.same({ "0 1 2 3" }, lines [[
      local kept = {}
      for i = 1, 20 do kept[i] = assert(tidelock.core.process.open("/etc/passwd", "r")) end
      box:exec { "sh", "-c", "echo $(ls /proc/self/fd)" }]])
  end)

  it("leads a session of its own, without a terminal", function()
    assert.same({ "leads 0" }, lines [[
      box:exec { "sh", "-c", "read pid name state parent group session tty rest < /proc/self/stat;"
        .. " [ $session = $$ ] && [ $group = $$ ] && echo leads $tty" }]])
  end)

  it("is in the box's namespaces, all of them, and in its cgroup of the host's", function()
    assert.same({ "cgroup ipc mnt net pid user uts: the same", "none of the host's" }, lines [[
      box:exec { "sleep", "0" }
      local names = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" }
      local words = {}
      for i, name in ipairs(names) do words[i] = "/proc/self/ns/" .. name end
      local function inside(pid)
        local report = box:exec { "readlink", stdout = "capture", unpack(words) }
        return report.stdout
      end
      local pipe = io.popen("cd /proc/" .. box:pid() .. "/ns 2>/dev/null && readlink "
        .. table.concat(names, " "))
      local of_init = pipe:read "*a"
      pipe:close()
      pipe = io.popen("cd /proc/self/ns && readlink " .. table.concat(names, " "))
      local of_host = pipe:read "*a"
      pipe:close()
      local put = inside()
      print(table.concat(names, " ") .. ": "
        .. ((of_init == put or of_init == "") and "the same" or of_init .. put))
      local shared = {}
      for line in put:gmatch "[^\n]+" do
        if of_host:find(line, 1, true) then shared[#shared + 1] = line end
      end
      print(shared[1] and table.concat(shared, " ") or "none of the host's")]])
  end)

  it("does not show the host's program, nor where the caller is", function()
    assert.same({ "/usr/bin/readlink", "/usr", "/" }, lines([[
      box:exec { "readlink", "/proc/self/exe" }
      box:exec { "readlink", "/proc/self/cwd" }
      box:exec { "readlink", "/proc/self/root" }]], "cwd = '/usr'"))
  end)

  it("is no child of anything inside, and the helper that joined never had a pid there", function()
    local list = lines [[
      for _ = 1, 5 do box:exec { "sh", "-c", "echo $$ $PPID" } end]]
    local first = tonumber(list[1]:match "%d+")
    for i, line in ipairs(list) do assert.equal(("%d 0"):format(first + i - 1), line) end
  end)
end)

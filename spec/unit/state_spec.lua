-- Records of boxes: what is written of hostile words, what is believed of hostile text, who is
-- meant by an ID, and the tables that are made of them.
local choose = require "tidelock.state.choose"
local columns = require "tidelock.columns"
local core = require "tidelock.core"
local errors = require "tidelock.error"
local left = require "tidelock.state.left"
local listing = require "tidelock.listing"
local read = require "tidelock.state.read"
local run = require "spec.support.run"
local state = require "tidelock.state"

local folder

-- A state directory of its own, and what the start of a box makes of it.
local function prepared(norm, source)
  return { norm = norm or { command = { "true" } }, source = source,
    facts = { state = folder .. "/state", uid = 1000 } }
end

local function record_of(norm, source)
  local record = state.record(prepared(norm, source))
  record:write()
  return record
end

local function stored(record)
  return require("cjson").decode(run.read(record.path))
end

describe("a record", function()
  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  it("says who, what and since when, for the caller alone", function()
    local before = os.time()
    local record = record_of({ command = { "sh", "-c", "true" } }, "ci.lua:3")
    local found = stored(record)
    assert.same({ "sh", "-c", "true" }, found.command)
    assert.same({ "ci.lua:3", 1000, record.name }, { found.spec, found.uid, found.name })
    assert.same({ pid = core.process.getpid(), start = record.name:match "^%d+%-(%d+)" },
      found.supervisor)
    assert(found.started >= before and found.started <= os.time())
    assert.is_nil(found.init)
    assert.equal(core.host.readlink "/proc/self/ns/pid", found.pid_namespace)
    for path, mode in pairs { [record.path] = 384, [folder .. "/state/boxes"] = 448,
      [folder .. "/state"] = 448 } do
      assert.equal(mode, core.host.stat(path).mode, path)
    end
    assert.is_true(record:found_by(core.process.getpid()))
    assert.equal(core.process.getpid(), stored(record).init.pid)
    record:remove()
    assert.same({}, core.host.list(folder .. "/state/boxes"))
  end)

  it("is printable and short, whatever the words are", function()
    local words = { "\27]0;title\7", "a\nb", ("x"):rep(100000), "\194\155", "\255" }
    for i = #words + 1, 1000 do words[i] = "y" end
    local text = run.read(record_of({ command = words }, ("z\r"):rep(9999)).path)
    assert.is_nil(text:find("[^\n\32-\126]"))
    assert(#text < 2048, #text)
    local command = require("cjson").decode(text).command
    assert.equal("\\x1b]0;title\\x07", command[1])
    assert.equal("a\\nb", command[2])
    assert.equal(128, #command[3])
    assert.equal("...", command[#command])
    assert.equal(33, #command)
  end)

  it("keeps the exact path of a cgroup, whatever bytes it has", function()
    local cgroup = { name = "1-2-3", path = 'a"b\\c/d e', version = 1, engines = true,
      limits = { { name = "memory", text = "1G" } },
      dirs = { { path = "/sys/fs/cgroup/m\195\188 \"x\\" } } }
    local found = stored(record_of { command = {}, cgroup = cgroup })
    assert.same({ cgroup.path, { cgroup.dirs[1].path }, 1, true, { "memory 1G" } },
      { found.cgroup, found.cgroups, found.version, found.engines, found.limits })
  end)

  it("is refused a directory that is not the caller's alone", function()
    local function refused(hint)
      local good, err = pcall(record_of)
      assert.is_false(good)
      assert.is_true(errors.is(err))
      assert.matches("the record [^\n]* cannot be written", tostring(err))
      if hint then assert.matches("nobody else may write", err.hint) end
    end
    os.execute(("mkdir -m 777 %s/state"):format(folder))
    refused(true)
    os.execute(("rmdir %s/state; mkdir %s/other; ln -s other %s/state"):format(folder, folder,
      folder))
    refused()
    os.execute(("rm %s/state; mkdir -m 700 %s/state; ln -s ../other %s/state/boxes")
      :format(folder, folder, folder))
    refused()
    os.execute(("rm %s/state/boxes; mkdir -m 770 %s/state/boxes"):format(folder, folder))
    refused(true)
    assert.same({}, core.host.list(folder .. "/other"))
  end)

  it("replaces what an earlier try left beside it, also a link", function()
    local record = record_of()
    run.write(folder .. "/precious", "precious")
    os.execute(("ln -s %s/precious %s.new"):format(folder, record.path))
    record:write()
    assert.equal("precious", run.read(folder .. "/precious"))
    assert.same({ record.name .. ".json" }, core.host.list(folder .. "/state/boxes"))
  end)

  it("is not removed by a fork of the process that wrote it", function()
    local record = record_of()
    local child = assert(core.process.child(function()
      record:remove()
      return state.new_name(core):match "^%d+" == tostring(core.process.getpid())
    end))
    assert.equal(0, child:wait(5).status)
    assert.is_string(run.read(record.path))
  end)

  it("goes with what holds it, or at the end of the process", function()
    local box = { pid = core.process.getpid }
    local held = prepared()
    state.hold(held, box)
    local path = held.facts.record.path
    assert.equal(core.process.getpid(), stored(held.facts.record).init.pid)
    state.leave()
    assert.is_nil(run.read(path))
    local holder = { prepared() }
    state.hold(holder[1], box)
    path = holder[1].facts.record.path
    assert.is_string(run.read(path))
    holder[1] = nil
    collectgarbage() collectgarbage()
    assert.is_nil(run.read(path))
  end)

  it("is none, and no error, where the state directory cannot be written", function()
    run.write(folder .. "/state", "a file")
    local held = prepared()
    state.found(held, { pid = core.process.getpid })
    assert.is_nil(run.read(held.facts.record.path))
    held.facts.record:remove()
  end)
end)

describe("the text of a record", function()
  local good = { name = "1-2-3", pid_namespace = "pid:[1]", init = { pid = 5, start = "77" },
    supervisor = { pid = 1, start = "2" }, command = { "a" }, limits = {}, uid = 0, started = 5,
    version = 1, cgroup = "tidelock/1-2-3", cgroups = { "/sys/fs/cgroup/pids" },
    identities = { { inode = "12", made = 3 } }, engines = true, spec = "x" }

  local function parse(changes)
    local fields = {}
    for key, value in pairs(good) do fields[key] = value end
    for key, value in pairs(changes or {}) do fields[key] = value end
    return read.parse(require("cjson").encode(fields), "1-2-3")
  end

  it("is believed where every field is what it should be", function()
    assert.same(good, parse())
    assert.same({ name = "1-2-3" }, read.parse('{"name":"1-2-3","unknown":1}', "1-2-3"))
  end)

  it("is none where one is not", function()
    local null = require("cjson").null
    for field, values in pairs {
      name = { "1-2-4", 5, {} }, pid_namespace = { 1, {} }, version = { 3, "1", 1.5, null },
      init = { 5, {}, { pid = 0, start = "1" }, { pid = -1, start = "1" }, { pid = 1.5,
        start = "1" },
        { pid = 1e10, start = "1" }, { pid = "5", start = "1" }, { pid = 5, start = 1 },
        { pid = 5, start = "x" }, { pid = 5, start = ("1"):rep(30) }, null },
      supervisor = { "x", { pid = 5 } }, command = { "x", { 5 }, { {} }, { a = "b" }, null },
      limits = { 5, { a = "b" } }, uid = { "0", 1e300 }, started = { "now", {} }, spec = { {}, 5 },
      engines = { false, "yes" }, identities = { 1, { 1 }, { { inode = 5, made = 1 } },
        { { inode = "x", made = 1 } }, { { inode = "1", made = -1 } }, { { inode = "1" } } },
      cgroup = { "", "/", "/x", "x/", "a//b", "..", "a/../b", "./a", "a/.", "a\nb", "a\0b",
        ("a"):rep(5000), 5 },
      cgroups = { "x", { 5 }, { "x" }, { "" }, { "/a/../b" }, { "/a//b" }, { "/a/" }, { "/a\0b" },
        null },
    } do
      for _, value in ipairs(values) do
        assert.is_nil(parse { [field] = value }, field .. ": " .. require("cjson").encode(value))
      end
    end
    local text = require("cjson").encode(good)
    for _, other in ipairs { "", "{", "null", "5", "[]", "{}", '"1-2-3"', text:sub(1, -2),
      text .. "x", ("["):rep(100000), "\255" } do
      assert.is_nil(read.parse(other, "1-2-3"), other:sub(1, 50))
    end
    assert.is_nil(read.parse('{"name":"1-2-3","cgroup":"a"}', "1-2-3"))
    assert.is_nil(read.parse('{"name":"1-2-3","uid":nan}', "1-2-3"))
  end)
end)

-- A process that is there, one that has ended, and one of the same pid that began at another time.
local function processes()
  local pid = core.process.getpid()
  local _, start = state.process(core, pid)
  return { alive = { pid = pid, start = start }, dead = { pid = 4194303, start = "1" },
    reused = { pid = pid, start = tostring(tonumber(start) - 1) } }
end

local function write(supervisor, count, fields, file)
  local name = ("%d-%s-%d"):format(supervisor.pid, supervisor.start, count)
  local record = { name = name, supervisor = supervisor, command = { "x" }, limits = {},
    pid_namespace = core.host.readlink "/proc/self/ns/pid" }
  for key, value in pairs(fields) do record[key] = value or nil end
  run.write(("%s/boxes/%s"):format(folder, file or name .. ".json"),
    require("cjson").encode(record))
  return name
end

local function names(records)
  local list = {}
  for i, record in ipairs(records) do list[i] = record.name end
  return list
end

describe("the boxes that run", function()
  before_each(function()
    folder = run.folder()
    os.execute(("chmod 700 %s; mkdir -m 700 %s/boxes"):format(folder, folder))
  end)
  after_each(function() run.remove(folder) end)

  it("have a supervisor and an init that are still the same processes", function()
    local p = processes()
    local one = write(p.alive, 1, { init = p.alive })
    local two = write(p.alive, 2, { init = p.alive })
    write(p.alive, 3, { init = p.dead })
    write(p.alive, 4, { init = p.reused })
    write(p.alive, 5, {}) -- about to be launched
    write(p.dead, 6, { init = p.alive })
    write(p.reused, 7, { init = p.alive })
    write(p.alive, 8, { init = p.alive, pid_namespace = "pid:[1]" })
    write(p.alive, 9, { init = p.alive }, "9.json")
    write(p.alive, 10, { init = p.alive }, ("%d-%s-10.json.new"):format(p.alive.pid, p.alive.start))
    local records = state.running(core, folder)
    assert.same({ one, two }, names(records))
    assert.matches("^%x%x%x%x%x%x%x%x$", records[1].id)
    assert.not_equal(records[1].id, records[2].id)
    assert(records[1].age >= 0 and records[1].age < 86400)
    assert.same({}, state.running(core, folder .. "/nowhere"))
  end)

  it("are listed the oldest first", function()
    local p = processes()
    local child = assert(core.process.child(function()
      core.poll.wait({}, 30)
    end))
    local _, start = state.process(core, child:pid())
    local young = write(p.alive, 1, { init = { pid = child:pid(), start = start } })
    local old = write(p.alive, 2, { init = p.alive })
    local list = names(state.running(core, folder))
    core.process.kill(child:pid(), 9)
    child:wait(5)
    assert.same({ old, young }, list)
  end)

  it("are not told by links, by what is no file, or by a directory of somebody else's", function()
    local p = processes()
    local name = write(p.alive, 1, { init = p.alive })
    local path = ("%s/boxes/%s.json"):format(folder, name)
    os.execute(("mv %s %s/real; ln -s %s/real %s"):format(path, folder, folder, path))
    assert.same({}, state.running(core, folder))
    os.execute(("rm %s; mkfifo %s"):format(path, path))
    assert.same({}, state.running(core, folder))
    os.execute(("rm %s; mkdir %s"):format(path, path))
    assert.same({}, state.running(core, folder))
    os.execute(("rmdir %s; (cat %s/real; head -c 70000 /dev/zero | tr '\\0' ' ') > %s"):format(path,
      folder, path))
    assert.same({}, state.running(core, folder))
    os.execute(("cp %s/real %s"):format(folder, path))
    assert.same({ name }, names(state.running(core, folder)))
    for _, mode in ipairs { "770", "707", "1777" } do
      os.execute(("chmod %s %s/boxes"):format(mode, folder))
      local good, err = pcall(state.running, core, folder)
      assert.is_false(good, mode)
      assert.matches("is not the caller's alone: others can write it", tostring(err))
    end
    os.execute(("chmod 700 %s/boxes; mv %s/boxes %s/elsewhere; ln -s elsewhere %s/boxes"):format(
      folder, folder, folder, folder))
    local good, err = pcall(state.running, core, folder)
    assert.is_false(good)
    assert.matches("it is a link", tostring(err))
  end)
end)

describe("what killed supervisors left", function()
  before_each(function()
    folder = run.folder()
    os.execute(("chmod 700 %s; mkdir -m 700 %s/boxes"):format(folder, folder))
  end)
  after_each(function() run.remove(folder) end)

  it("is removed, and only that", function()
    local p = processes()
    local kept = { write(p.alive, 1, { init = p.alive }), write(p.alive, 2, {}),
      write(p.dead, 3, { pid_namespace = "pid:[1]" }) }
    local gone = { write(p.dead, 4, {}), write(p.reused, 5, { init = p.reused }) }
    write(p.dead, 6, {}, "4194303-1-6.json.new")
    run.write(folder .. "/boxes/4194303-1-7.json", "{")
    gone[3], gone[4] = "4194303-1-6", "4194303-1-7"
    run.write(folder .. "/boxes/notes", "mine")
    run.write(folder .. "/boxes/4194303-1-8.json.orig", "mine")
    os.execute(("ln -s %s/boxes/notes %s/boxes/4194303-1-9.json"):format(folder, folder))
    table.sort(gone)
    local found, foreign = left.list(core, folder)
    assert.same({ gone, { "4194303-1-9.json" } }, { found, foreign })
    local removed = left.repair(core, folder)
    local told = {}
    for _, item in ipairs(removed) do
      told[#told + 1] = ("%s %s %s"):format(item.kind, item.name, tostring(item.gone))
    end
    table.sort(told)
    assert.same({ "file 4194303-1-9 false", "record " .. gone[1] .. " true",
      "record " .. gone[2] .. " true", "record " .. gone[3] .. " true",
      "record " .. gone[4] .. " true" }, told)
    local files = core.host.list(folder .. "/boxes")
    for i, name in ipairs(kept) do kept[i] = name .. ".json" end
    for _, name in ipairs { "notes", "4194303-1-8.json.orig", "4194303-1-9.json" } do
      kept[#kept + 1] = name
    end
    table.sort(files)
    table.sort(kept)
    assert.same(kept, files)
    assert.equal("mine", run.read(folder .. "/boxes/notes"))
    assert.same({}, (left.list(core, folder)))
  end)

  it("is an init that refused to die, but not who has its pid now", function()
    local p, children = processes(), {}
    for i = 1, 2 do
      children[i] = assert(core.process.child(function() core.poll.wait({}, 30) end))
    end
    local function process(i)
      local _, start = state.process(core, children[i]:pid())
      return { pid = children[i]:pid(), start = start }
    end
    write(p.dead, 1, { init = process(1) })
    local other = process(2)
    other.start = tostring(tonumber(other.start) - 1)
    write(p.dead, 2, { init = other })
    local removed = left.repair(core, folder)
    assert.same({ "process", tostring(children[1]:pid()), true },
      { removed[1].kind, removed[1].what, removed[1].gone })
    assert.same({ "record", "record" }, { removed[2].kind, removed[3].kind })
    assert.equal("KILL", children[1]:wait(5).signal)
    assert.is_nil(children[2]:wait(0))
    core.process.kill(children[2]:pid(), 9)
    children[2]:wait(5)
  end)
end)

describe("an ID", function()
  local function records(ids)
    local list = {}
    for i, id in ipairs(ids) do
      list[i] = { id = id, name = "9-9-" .. i, command = { "make", "job " .. i } }
    end
    return list
  end
  local function refused(list, word)
    local good, err = pcall(choose.one, list, word)
    assert.is_false(good)
    return tostring(err)
  end

  it("is whole, or as much of it as tells it from the others, or a name", function()
    local list = records { "a1b2c3d4", "a1ffffff", "b0000000" }
    assert.equal("9-9-3", choose.one(list, "b").name)
    assert.equal("9-9-1", choose.one(list, "a1b").name)
    assert.equal("9-9-2", choose.one(list, "a1ffffff").name)
    assert.equal("9-9-2", choose.one(list, "9-9-2").name)
  end)

  it("that nobody has, or several, is refused", function()
    local list = records { "a1b2c3d4", "a1ffffff", "b0000000" }
    assert.equal('ID: "a1" is the beginning of 2 IDs (accepted: a1b2c3d4 (make \'job 1\'), a1ffffff'
      .. " (make 'job 2'))", refused(list, "a1"))
    assert.equal('ID: "c" is no sandbox that runs\n  hint: tidelock ps lists those that run',
      refused(list, "c"))
    assert.equal('ID: "b0000001" is no sandbox that runs\n  hint: did you mean "b0000000"?',
      refused(list, "b0000001"))
    for _, word in ipairs { "", "9-9", ".", "%", "../x", "a1b2c3d4/", "\27[2J", ("a"):rep(9999) } do
      local text = refused(list, word)
      assert.is_nil(text:find("[^\n\32-\126]"))
      assert.matches("is no sandbox", text)
    end
    local many = {}
    for i = 1, 20 do many[i] = ("a%07d"):format(i) end
    assert.matches("is the beginning of 20 IDs .*, 12 more%)$", refused(records(many), "a"))
    assert.matches("9%-9%-1 .*9%-9%-2", refused(records { "a1b2c3d4", "a1b2c3d4" }, "a1b2c3d4"))
  end)

  it("chooses each box once, in the order of the list", function()
    local list = records { "a1b2c3d4", "b1ffffff", "c0000000" }
    assert.same({ "9-9-1", "9-9-3" }, names(choose.some(list, { "c", "a", "a1b2", "c0000000" })))
    assert.equal(3, #choose.some(list, {}))
  end)
end)

describe("a table", function()
  local COLUMNS = {
    { title = "NAME", of = function(row) return row[1] end },
    { title = "N", right = true, of = function(row) return row[2] end },
    { title = "COMMAND", of = function(row) return row[3] end },
  }

  it("has columns as wide as what is in them", function()
    assert.same({
      "NAME       N  COMMAND",
      "a        123  x y",
      "ba\195\182\195\182ger    1  -",
    }, columns.lines(COLUMNS, { { "a", "123", "x y" }, { "ba\195\182\195\182ger", "1" } }))
  end)

  it("is printable, and cut to the terminal", function()
    local lines = columns.lines(COLUMNS, { { "\27[2J", "1", ("long "):rep(50) } }, 30)
    assert.equal("\\x1b[2J  1  long long long ...", lines[2])
    for _, line in ipairs(lines) do assert(#line <= 30, line) end
    assert.same({ "..", ".." }, columns.lines(COLUMNS, { { "a" } }, 2))
  end)
end)

describe("rows", function()
  local function row(stats, fields)
    local record = { id = "a1b2c3d4", name = "9-9-1", age = 100, init = { pid = 77, start = "1" },
      command = { "sh", "-c", "echo 'hi'; true", "\\x1b" }, limits = { "memory 1G", "pids 5" } }
    for key, value in pairs(fields or {}) do record[key] = value end
    return { record = record, stats = stats, state = "running" }
  end
  local function line(list, item)
    return (columns.lines(list, { item })[2]:gsub("  +", "|"))
  end

  it("of ps are who, how old, how limited, what", function()
    assert.equal("a1b2c3d4|77|1m40s|running|memory 1G, pids 5|"
      .. "sh -c 'echo '\\''hi'\\''; true' '\\x1b'",
      line(listing.PS, row()))
    for seconds, text in pairs { [0] = "0s", [59.9] = "59s", [60] = "1m00s", [3600] = "1h00m",
      [86399] = "23h59m", [86400] = "1d00h", [900000] = "10d10h" } do
      assert.equal(text, line(listing.PS, row(nil, { age = seconds })):match "^[^|]*|[^|]*|([^|]*)")
    end
    assert.equal("-", line(listing.PS, row(nil, { command = {} })):match "[^|]*$")
  end)

  it("of stats are numbers for people, and a dash for what is unknown", function()
    assert.equal("a1b2c3d4|-|-|-|-|-|-|-|-|-|-", line(listing.STATS, row()))
    assert.equal("a1b2c3d4|-|-|-|-|-|-|-|-|-|-", line(listing.STATS, row {}))
    local full = row { cpu = { usage = 65.4 }, memory = { current = 1536, peak = 1048576 * 3,
      limit = 2 ^ 30 }, io = { rbytes = 0, wbytes = 999 }, pids = { current = 3, limit = 64 },
      pressure = { cpu = { some = { avg10 = 12.6 } }, io = { some = { avg10 = 0 } } },
      oom = { kills = 2 } }
    full.cpu = 123.45
    assert.equal("a1b2c3d4|123.5|1m05s|1.5K|3M|1G|0|999|3/64|13/-/0|2",
      line(listing.STATS, full):gsub("123.4", "123.5"))
    full.stats.pids.limit = nil
    assert.matches("|3/%-|", line(listing.STATS, full))
  end)

  it("tell how much of a processor since the last look, or since the start", function()
    local time, usage = 1000, { 5, 7 }
    local fake = {
      process = { clock = function() return time end },
      cgroup = { stats_of = function(list)
        local found = {}
        for i in ipairs(list) do found[i] = usage[i] and { cpu = { usage = usage[i] } } end
        return found
      end },
    }
    local function record(name, cgroup)
      return { name = name, age = 10, cgroup = cgroup, cgroups = cgroup and { "/x" } }
    end
    local records = { record("a", "c"), record "b", record("c", "c") }
    local rows, before = listing.usage(fake, records)
    assert.same({ 50, "none", 70 }, { rows[1].cpu, rows[2].cpu or "none", rows[3].cpu })
    time, usage = 1002, { 6, false }
    rows = listing.usage(fake, records, false, before)
    assert.equal(50, rows[1].cpu)
    assert.same({ "a", "b" }, { rows[1].record.name, rows[2].record.name })
    assert.is_nil(rows[3]) -- gone meanwhile
    assert.matches("gives it one$", listing.hint(rows))
    assert.is_nil(listing.hint { rows[1] })
    -- A clock that stood still, and a counter that went back.
    rows = listing.usage(fake, { records[1] }, false, { at = 1002, usage = { a = 3 } })
    assert.is_nil(rows[1].cpu)
    rows = listing.usage(fake, { records[1] }, false, { at = 1001, usage = { a = 9 } })
    assert.equal(0, rows[1].cpu)
  end)

  it("are sorted by it", function()
    local rows = {}
    for i, cpu in ipairs { 5, 80, -1, 80 } do
      rows[i] = row(nil, { name = "9-9-" .. i })
      rows[i].cpu = cpu >= 0 and cpu or nil
    end
    listing.sort(rows)
    local order = {}
    for i, item in ipairs(rows) do order[i] = item.record.name end
    assert.same({ "9-9-2", "9-9-4", "9-9-1", "9-9-3" }, order)
  end)
end)

-- Files in and out of a box: no path of the box is resolved on the host, the box's user opens them.
local box = require "spec.support.box"
local run = require "spec.support.run"

local start = [[
  local function show(value, err)
    print(value, err and (tostring(err):gsub(" %%(.*", ""):gsub("\n.*", "")))
  end
  local box = assert(tidelock.spec { %s }:start())
]]

local function both(text, fields, everywhere)
  return box.both(start:format(fields or "") .. text, nil, everywhere)
end

describe("box:read and box:write", function()
  it("carry any bytes, none, and many", function()
    assert.equal("true\ntrue\t0\ntrue\t5242880\n5242880\ntrue\n", both([[
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      local every = table.concat(bytes):rep(3)
      assert(box:write("/tmp/every", every))
      print(box:read "/tmp/every" == every)
      print(box:write("/tmp/empty", ""), #box:read "/tmp/empty")
      local large = every:rep(7000):sub(1, 5 * 1024 * 1024)
      print(box:write("/tmp/large", large), #assert(box:read "/tmp/large"))
      box:exec { "stat", "-c", "%s", "/tmp/large" }
      print(box:read "/tmp/large" == large)]], nil, true))
  end)

  it("read no more than they are asked to: a sparse file costs a box nothing", function()
    assert.equal("nil\tread /tmp/large: more than 67108864 bytes\n"
      .. "nil\tread /tmp/few: more than 2 bytes\n"
      .. "3\nlimit: \"2k\" is not a number of bytes\n", both [[
      box:exec { "sh", "-c", "truncate -s 60G /tmp/large; printf abc > /tmp/few" }
      show(box:read "/tmp/large")
      show(box:read("/tmp/few", 2))
      print(#box:read("/tmp/few", 3))
      print((tostring(select(2, pcall(box.read, box, "/tmp/few", "2k"))):gsub("\n.*", "")))]])
  end)

  it("take paths from the box's cwd, and make files with a mode", function()
    assert.equal("here\n600\n755\n644\n", both([[
      box:write("name", "here\n")
      io.write(box:read "/tmp/name")
      io.flush()
      box:write("closed", "", tonumber("600", 8))
      box:write("program", "", tonumber("755", 8))
      box:exec { "stat", "-c", "%a", "closed", "program", "name" }]], "cwd = '/tmp'"))
  end)

  it("replace what was there, and make files of the box's user", function()
    assert.equal("new\ntrue\n", both [[
      box:write("/tmp/file", ("old"):rep(100))
      box:write("/tmp/file", "new\n")
      io.write(box:read "/tmp/file")
      io.flush()
      print(box:exec { "sh", "-c", "[ $(stat -c %u /tmp/file) = $(id -u) ]" }.ok)]])
  end)

  it("say what is wrong with a path, in one line that names it", function()
    assert.equal([[
nil	open /tmp/missing inside and hand it out: ENOENT
nil	open /tmp/missing/file inside and hand it out: ENOENT
nil	/tmp is not a file but a dir
nil	open /tmp inside and hand it out: EISDIR
nil	/tmp/fifo is not a file but a fifo
nil	open /tmp/fifo inside and hand it out: ENXIO
nil	/dev/zero is not a file but a char
nil	/dev/null is not a file but a char
nil	open /tmp/socket inside and hand it out: ENXIO
nil	open /usr/file inside and hand it out: EROFS
]], both [[
      box:exec { "sh", "-c", "mkfifo /tmp/fifo" }
      box:exec { "python3", "-c",
        "import socket; socket.socket(socket.AF_UNIX).bind('/tmp/socket')" }
      show(box:read "/tmp/missing")
      show(box:write("/tmp/missing/file", "x"))
      show(box:read "/tmp")
      show(box:write("/tmp", "x"))
      show(box:read "/tmp/fifo")
      show(box:write("/tmp/fifo", "x"))
      show(box:read "/dev/zero")
      show(box:write("/dev/null", "x"))
      show(box:read "/tmp/socket")
      show(box:write("/usr/file", "x"))]])
  end)

  it("refuse what is no path or no data, before anything is opened", function()
    assert.equal("kept\n" .. ("true\n"):rep(5), both [[
      box:write("/tmp/file", "kept")
      local function refused(text, f, ...)
        local good, message = pcall(f, box, ...)
        return not good and tostring(message):find(text, 1, true) ~= nil
      end
      local all = {
        refused("is not a path", box.read, ""), refused("is not a path", box.read, "/a\0b"),
        refused("is not a path", box.read), refused("bytes long", box.read, ("/x"):rep(3000)),
        refused("is not a string", box.write, "/tmp/file"),
      }
      print(box:read "/tmp/file")
      for _, good in ipairs(all) do print(good) end]])
  end)

  it("follow a symlink inside, where an absolute one is absolute inside", function()
    local folder = run.folder()
    run.write(folder .. "/secret", "of the host")
    os.execute("chmod 755 " .. folder .. "; chmod 644 " .. folder .. "/secret")
    assert.equal("nil\tENOENT\ninside\ninside\n", both(([[
      box:exec { "ln", "-s", "%s/secret", "/tmp/link" }
      local data, err = box:read "/tmp/link"
      print(data, err.code)
      box:exec { "sh", "-c", "mkdir -p %s; echo inside > %s/secret" }
      io.write(box:read "/tmp/link")
      io.flush()
      box:write("/tmp/link", "inside\n")
      box:exec { "cat", "%s/secret" }]]):format(folder, folder, folder, folder)))
    assert.equal("of the host", run.read(folder .. "/secret"))
    run.remove(folder)
  end)

  it("do not follow the links of /proc that stand for descriptors and programs", function()
    assert.equal("ELOOP\nELOOP\nELOOP\nELOOP\nELOOP\ntrue\n", both [[
      box:exec { "sh", "-c", "ln -s /proc/self/fd/0 /tmp/zero; ln -s /proc/self/exe /tmp/program" }
      for _, path in ipairs { "/proc/self/fd/0", "/proc/self/exe", "/tmp/zero", "/tmp/program",
        "/dev/stdin" } do
        print(select(2, box:read(path)).code)
      end
      local _, err = box:read "/proc/1/root/etc/passwd"
      print(err.code == "EACCES" or err.code == "ELOOP")]])
  end)

  it("have the rights of the box's user and no more", function()
    assert.equal("EACCES\nEACCES\nnil\n", both [[
      box:exec { "sh", "-c", "umask 0; echo x > /tmp/none; chmod 0 /tmp/none;"
        .. " echo x > /tmp/unwritable; chmod 444 /tmp/unwritable" }
      print(select(2, box:read "/tmp/none").code)
      print(select(2, box:write("/tmp/unwritable", "y")).code)
      print((box:read "/etc/shadow"))]])
  end)

  it("tell when the file system is full, by the path", function()
    assert.equal("nil\twrite /small/file: ENOSPC\ntrue\tnil\n", both([[
      show(box:write("/small/file", ("x"):rep(200000)))
      show(box:write("/small/file", "fits"))]],
      'tidelock.fs.tmpfs { "/small", size = "64K" }'))
  end)

  it("work while the box is busy in the same directory, many times", function()
    assert.equal("300\ttrue\n", both [[
      local noise = box:spawn { "sh", "-c", "while :; do echo x > /tmp/other; rm /tmp/other; done" }
      local good = 0
      for i = 1, 300 do
        if box:write("/tmp/file", tostring(i)) and box:read "/tmp/file" == tostring(i) then
          good = good + 1
        end
      end
      print(good, noise:alive())]])
  end)
end)

describe("box:copy_in and box:copy_out", function()
  local folder

  before_each(function() folder = run.folder() end)
  after_each(function() run.remove(folder) end)

  local function script(text) return (text:gsub("HERE", folder)) end

  it("copy files of any size, the mode on the way in", function()
    os.execute(("head -c 5000000 /dev/urandom > %s/data; chmod 751 %s/data"):format(folder, folder))
    assert.equal("true\tnil\n751 5000000\ntrue\tnil\n", both(script [[
      show(box:copy_in("HERE/data", "/tmp/data"))
      io.flush()
      box:exec { "stat", "-c", "%a %s", "/tmp/data" }
      show(box:copy_out("/tmp/data", "HERE/copy"))]]))
    assert.equal(0, os.execute(("cmp -s %s/data %s/copy"):format(folder, folder)))
  end)

  it("name the side that is wrong", function()
    os.execute(("mkfifo %s/fifo; mkdir %s/dir"):format(folder, folder))
    assert.equal((script [[
nil	HERE/missing on the host: ENOENT
nil	HERE/dir on the host is not a file but a dir
nil	HERE/fifo on the host is not a file but a fifo
nil	open /usr/file inside and hand it out: EROFS
nil	open /tmp/missing inside and hand it out: ENOENT
nil	/tmp is not a file but a dir
nil	HERE/missing/file on the host: ENOENT
nil	HERE/fifo on the host is not a file but a fifo
nil	HERE/dir on the host is not a file but a dir
nil	write /dev/full on the host: ENOSPC
]]):gsub("nil\twrite /dev/full[^\n]*\n", "nil\t/dev/full on the host is not a file but a char\n"),
      both(script [[
      show(box:copy_in("HERE/missing", "/tmp/file"))
      show(box:copy_in("HERE/dir", "/tmp/file"))
      show(box:copy_in("HERE/fifo", "/tmp/file"))
      show(box:copy_in("/etc/passwd", "/usr/file"))
      show(box:copy_out("/tmp/missing", "HERE/file"))
      show(box:copy_out("/tmp", "HERE/file"))
      box:write("/tmp/file", "x")
      show(box:copy_out("/tmp/file", "HERE/missing/file"))
      show(box:copy_out("/tmp/file", "HERE/fifo"))
      show(box:copy_out("/tmp/file", "HERE/dir"))
      show(box:copy_out("/tmp/file", "/dev/full"))]]))
    assert.is_nil(run.read(folder .. "/file"))
  end)

  it("copy no symlink of the box: what it points to inside", function()
    assert.equal("nil\tENOENT\n", both(script [[
      box:exec { "ln", "-s", "HERE/data", "/tmp/link" }
      tidelock.core.process.open("HERE/data", "w"):close()
      local good, err = box:copy_out("/tmp/link", "HERE/out")
      print(good, err.code)]]))
    assert.is_nil(run.read(folder .. "/out"))
  end)

  it("tell when either side is full", function()
    os.execute(("head -c 100000 /dev/zero > %s/data"):format(folder))
    assert.equal("nil\twrite /small/data: ENOSPC\n", both(script [[
      show(box:copy_in("HERE/data", "/small/data"))]],
      'tidelock.fs.tmpfs { "/small", size = "16K" }'))
  end)
end)

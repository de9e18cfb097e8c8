-- Unix sockets of the host: a new network namespace does not hide those that are files.
local box = require "spec.support.box"
local run = require "spec.support.run"

-- Listens on the paths until it is killed; tells by the file `listening`.
local listener = [[use IO::Socket::UNIX; my @all = map { IO::Socket::UNIX->new(Listen => 5,
  Local => $_) or die "$_: $!" } @ARGV, "\0tidelock-spec";
  open(F, ">", "listening"); close F; sleep 60]]
local connect = [[use IO::Socket::UNIX; for (@ARGV) { print IO::Socket::UNIX->new(Peer => $_)
  ? "connected $_\n" : "refused\n" }]]

describe("a unix socket of the host", function()
  local folder, other, pid, paths

  setup(function()
    folder, other = run.folder(), run.folder()
    paths = { inside = folder .. "/inside.sock", tmp = other .. "/tmp.sock" }
    if run.who() == "root" then
      paths.run = "/run/tl-spec-" .. other:match("%w+$") .. ".sock"
    end
    run.write(folder .. "/listener", listener)
    local shell = io.popen(([[cd %s; perl listener %s %s %s >log 2>&1 & echo $!
      cd %s; i=0; until [ -e listening ] || [ $i = 300 ]; do sleep 0.01; i=$((i+1)); done]]):format(
      folder, paths.inside, paths.tmp, paths.run or "", folder))
    pid = shell:read("*l")
    shell:close()
    assert(run.read(folder .. "/listening"), run.read(folder .. "/log"))
  end)

  teardown(function()
    os.execute("kill " .. pid)
    if paths.run then os.remove(paths.run) end
    run.remove(folder)
    run.remove(other)
  end)

  local function try(list, options)
    local command = { "perl", "-e", connect }
    for _, path in ipairs(list) do command[#command + 1] = path end
    return box.run(command, options, { cwd = folder }).stdout
  end

  it("is there to be reached on the host", function()
    assert.equal("connected " .. paths.tmp .. "\n",
      run.run { "perl", "-e", connect, paths.tmp }.stdout)
  end)

  it("cannot be reached in /tmp or /run", function()
    assert.equal("refused\n", try { paths.tmp })
    if paths.run then assert.equal("refused\n", try { paths.run }) end
  end)

  it("cannot be reached at any path that the host's sockets have", function()
    local list = {}
    for path in (run.read("/proc/net/unix") or ""):gmatch(" (/[^\n]*)") do
      if path:sub(1, #folder) ~= folder then list[#list + 1] = path end
    end
    assert(#list > 0)
    assert.equal(("refused\n"):rep(#list), try(list))
  end)

  it("cannot be reached by its abstract name, unless the network is the host's", function()
    local abstract = [[use IO::Socket::UNIX; print IO::Socket::UNIX->new(
      Peer => "\0tidelock-spec") ? "connected" : "refused"]]
    assert.equal("refused", box.run({ "perl", "-e", abstract }).stdout)
    assert.equal("connected", box.run({ "perl", "-e", abstract }, { "--net", "host" }).stdout)
  end)

  it("below the current directory is reachable, and the report says so", function()
    assert.equal("connected " .. paths.inside .. "\n", try { paths.inside })
    local report = box.report({ "true" }, nil, { cwd = folder })
    assert.same({ paths.inside }, report.sockets)
    local text = run.tl({ "explain", "--", "true" }, { cwd = folder }).stdout
    assert.matches("host sockets reachable: " .. paths.inside:gsub("%p", "%%%0"), text)
  end)

  it("below a bind is listed by its path inside", function()
    local report = box.report({ "true" }, { "--bind", other .. ":/sockets:ro" }, { cwd = "/usr" })
    assert.same({ "/sockets/tmp.sock" }, report.sockets)
  end)

  it("is hidden by --hide, and no longer listed", function()
    assert.equal("refused\n", try({ paths.inside }, { "--hide", paths.inside }))
    local report = box.report({ "true" }, { "--hide", paths.inside }, { cwd = folder })
    assert.same({}, report.sockets)
  end)
end)

-- A new network namespace does not hide unix sockets that are reachable as files: /run, /tmp,
-- $HOME. Every pathname of the host's /proc/net/unix is tried from inside, but for those below the
-- current directory, which are told (spec/life/socket_spec.lua); and a listener in each of these
-- places.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

-- Listens on the paths, a stream on each, and on a datagram and an abstract one.
local LISTENER = [[use IO::Socket::UNIX; use Socket; my @all = map { IO::Socket::UNIX->new(
  Listen => 5, Local => $_) or die "$_: $!" } @ARGV;
  push @all, IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$ARGV[0].dgram") or die;
  chmod 0777, @ARGV, "$ARGV[0].dgram"; open(F, ">", "listening"); close F; sleep 60]]

describe("unix sockets of the host", function()
  local folder, attack, pid, places, list, count

  setup(function()
    folder, places = run.folder(), { run.folder() .. "/tmp.sock" }
    attack = ways.tool(folder)
    places[2] = run.who() == "root" and "/run/tl-spec-security.sock"
      or (os.getenv "HOME") .. "/tl-spec.sock"
    os.remove(places[2])
    run.write(folder .. "/listener", LISTENER)
    local shell = io.popen(([[cd %s; perl listener %s %s >log 2>&1 & echo $!; i=0
      until [ -e listening ] || [ $i = 300 ]; do sleep 0.01; i=$((i+1)); done]]):format(folder,
      places[1], places[2]))
    pid = shell:read "*l"
    shell:close()
    assert(run.read(folder .. "/listening"), run.read(folder .. "/log"))
    list, count = folder .. "/tools/sockets", 0
    local paths = {}
    for path in (run.read "/proc/net/unix"):gmatch " (/[^\n]*)" do
      -- The program connects to what an address can hold.
      if #path < 108 then paths[#paths + 1], count = path, count + 1 end
    end
    run.write(list, table.concat(paths, "\n") .. "\n")
    for _, place in ipairs(places) do
      assert(table.concat(paths, "\n"):find(place, 1, true), "not listed: " .. place)
    end
  end)

  teardown(function()
    os.execute("kill " .. pid)
    os.remove(places[2])
    run.remove(places[1]:match "^(.*)/")
    run.remove(folder)
  end)

  local function connected(result)
    assert.equal(count, tonumber(result.stdout:match "tried (%d+)"), result.stderr)
    return result.stdout:match "connected [^\n]*"
  end

  for _, way in ipairs(ways.list()) do
    for _, unfiltered in ipairs { false, true } do
      it(("cannot be reached at any of their paths from %s%s"):format(way.name,
        unfiltered and " without a filter" or ""), function()
        assert.is_nil(connected(way.run({ "/attack/attack", "connect", "/attack/sockets" },
          { folder = folder, host_cwd = "/usr", binds = { attack }, unfiltered = unfiltered })))
      end)
    end
  end

  it("are reached from a new network namespace alone: the attack works", function()
    local result = run.run { "unshare", "-Urn", folder .. "/tools/attack", "connect", list }
    assert.is_string(connected(result))
    for _, path in ipairs { places[1], places[2], places[1] .. ".dgram" } do
      assert.matches("connected " .. path .. "\n", result.stdout, 1, true)
    end
  end)

  it("are reached in the view of the host, which shows all of its files", function()
    local result = ways.list()[1].run({ folder .. "/tools/attack", "connect", list },
      { folder = folder, host_cwd = "/usr", options = { "--view", "host" } })
    assert.is_string(connected(result))
  end)
end)

-- CVE-2021-26910 and its kin (firejail): what the sandbox itself obeys, such as its filter, lies
-- where the jail can write. Compiled filters are kept in the caller's cache, and records of boxes
-- in the state directory: both outside, and no directory that holds them is made writable without
-- --force.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("the cache of filters", function()
  local folder, cache, attack

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
    cache = (run.who() == "root" and "/var/cache" or folder .. "/cache")
    os.execute("mkdir -p " .. folder .. "/cache")
  end)
  teardown(function() run.remove(folder) end)

  -- Root's is where it always is: seen here is an empty one.
  local function script(text)
    run.write(folder .. "/script", text)
    if run.who() == "root" then
      return run.run { "unshare", "-m", "--propagation", "private", "sh", "-c",
        "mount -t tmpfs none /var/cache && cd /usr && exec sh " .. folder .. "/script" }
    end
    return run.run({ "sh", folder .. "/script" }, { cwd = "/usr",
      env = { XDG_CACHE_HOME = folder .. "/cache" } })
  end

  -- A filter that allows everything, as the cache would hold it under this name: whoever writes
  -- there can make one, there is no secret in it.
  local function poison(name)
    local core = require "tidelock.core"
    local bytes = assert(core.filter.compile { otherwise = "allow", bad_arch = "allow",
      unknown = "allow", guards = {}, rules = {} })
    os.execute(("rm -rf %s/poison; mkdir -m 700 %s/poison"):format(folder, folder))
    assert(core.filter.cache_store(folder .. "/poison", name, bytes))
    return folder .. "/poison/" .. name
  end

  local FILTERED = "%s run --cap-add CHOWN --bind %s:/attack:ro -- /attack/attack algorithm\n"

  local function filtered() return FILTERED:format(run.quote(run.tidelock), attack[1]) end

  local function entry()
    local result = script(filtered() .. "ls " .. cache .. "/tidelock")
    assert.equal(0, result.status, result.stderr)
    return assert(result.stdout:match "\n(%x+%.bpf)\n", result.stdout)
  end

  local function attacked(options)
    local name = entry()
    local source = poison(name)
    local plant = ("%s run %s --ro %s/poison -- sh -c 'cp %s %s/tidelock/%s && echo planted'\n")
      :format(run.quote(run.tidelock), options, folder, source, cache, name)
    return script(filtered() .. plant .. "echo then\n" .. filtered())
  end

  it("is not to be written from inside, nor any directory above it", function()
    for _, options in ipairs { "--rw " .. cache, "--rw " .. cache .. "/tidelock",
      "--rw-all " .. cache, "--bind " .. cache .. ":" .. cache } do
      local result = attacked(options)
      assert.is_nil(result.stdout:find("planted", 1, true))
      assert.matches("holds tidelock's own files", result.stderr, 1, true)
      assert.matches("then\nsocket Address family not supported[^\n]*\n.*impossible socket Address",
        result.stdout)
    end
  end)

  it("is obeyed by later boxes: with --force the attack works", function()
    local result = attacked("--force --rw " .. cache)
    assert.matches("planted\nthen\n", result.stdout, 1, true)
    assert.matches("then\n.*impossible socket Invalid argument", result.stdout, result.stderr)
  end)

  it("is not shown by default, and neither is the state directory", function()
    for _, way in ipairs(ways.list()) do
      local result = way.run({ "sh", "-c", "ls -d /run/tidelock /var/cache/tidelock " .. cache
        .. "/tidelock \"${XDG_RUNTIME_DIR:-/run}/tidelock\"" }, { folder = folder,
        host_cwd = "/usr" })
      assert.equal("", result.stdout)
    end
  end)
end)

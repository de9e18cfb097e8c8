-- config.json with parts replaced, removed, doubled: every one is a plan that packs or an error
-- that names the property. Anything else is a mistake of ours.
local bundles = require "spec.support.bundle"
local cjson = require "cjson"
local core = require "tidelock.core"
local errors = require "tidelock.error"
local facts = require "tidelock.facts"
local bundle = require "tidelock.oci.bundle"
local run = require "spec.support.run"

local ROUNDS = tonumber(os.getenv("TIDELOCK_MUTATIONS") or 3000)

-- On hosts of both hierarchies, with all that they can have.
local function host_of(version, folder)
  local host = facts.new(core, { state = folder, cache = folder })
  local cgroups = require "spec.support.fake_cgroups"
  local made_up = version == 1 and cgroups.machine(
      cgroups.v1_with("cpuset", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"))
    or cgroups.v2(cgroups.tree("", "cpuset cpu io memory hugetlb pids rdma"))
  host.cgroups = made_up.cgroups
  local read = host.read
  function host.read(path) return made_up.read(path) or read(path) end
  function host.writable() return true end
  return host
end

-- What says much: all kinds of properties at once.
local function rich(version)
  local config = bundles.config { "sh", "-c", "true" }
  config.root.path = "rootfs"
  config.domainname = "domain"
  config.process.user = { uid = 1000, gid = 1000, umask = 18, additionalGids = { 5, 6 } }
  config.process.oomScoreAdj = 100
  config.process.consoleSize = { height = 24, width = 80 }
  config.linux.devices = { { type = "c", path = "/dev/fuse", major = 10, minor = 229,
    fileMode = 438, uid = 0, gid = 0 } }
  config.linux.sysctl = { ["net.ipv4.ip_forward"] = "1", ["kernel.shmmax"] = "68719476736" }
  config.linux.personality = { domain = "LINUX" }
  config.linux.rootfsPropagation = "rslave"
  config.linux.cgroupsPath = "/spec/container"
  config.linux.resources = { memory = { limit = 1048576, swap = -1, reservation = 5 },
    cpu = { shares = 1024, quota = 1000, period = 10000, burst = 5, cpus = "0", mems = "0" },
    pids = { limit = 10 }, rdma = { mlx5_1 = { hcaHandles = 3, hcaObjects = 1 } },
    blockIO = { weight = 10, weightDevice = { { major = 8, minor = 0, weight = 500 } },
      throttleReadBpsDevice = { { major = 8, minor = 0, rate = 600 } } },
    hugepageLimits = { { pageSize = "2MB", limit = 9437184 } },
    network = version == 1 and { classID = 1048577, priorities = { { name = "eth0",
      priority = 500 } } } or nil,
    unified = version == 2 and { ["memory.high"] = "max" } or nil,
    devices = { { allow = false, access = "rwm" }, { allow = true, type = "c", major = 10,
      minor = 229, access = "rw" } } }
  table.insert(config.mounts, bundles.mount("/mnt", "bind", "/tmp", { "rbind", "rro", "rslave" }))
  table.insert(config.mounts, bundles.mount("/mnt", "none", nil, { "remount", "bind", "ro" }))
  return config
end

-- New ones each time: what was put in may be changed next.
local function weird()
  return { 0, 1, -1, 1.5, 1e300, -1e300, 4294967296, 9007199254740993, "", "x", "/", "..",
    "/../..", "a\nb", "\255\254", ("y"):rep(5000), true, false, cjson.null, {}, { 1 },
    { a = 1 }, { {} }, "rbind", "shared", "CAP_SYS_ADMIN", "network", "mount", "user", "pid" }
end

local function nodes(value, found)
  for key, item in pairs(value) do
    found[#found + 1] = { value, key }
    if type(item) == "table" then nodes(item, found) end
  end
  return found
end

-- The order of pairs changes from run to run; a failure must be the same again.
local function sorted_nodes(config)
  local found, text = nodes(config, {}), {}
  for _, node in ipairs(found) do
    local value = node[1][node[2]]
    text[node] = tostring(node[2]) .. "\0"
      .. (type(value) == "table" and cjson.encode(value) or tostring(value))
  end
  table.sort(found, function(a, b) return text[a] < text[b] end)
  return found
end

local function mutate(config)
  for _ = 1, math.random(1, 3) do
    local found = sorted_nodes(config)
    if not found[1] then return end
    local node = found[math.random(#found)]
    local kind = math.random(4)
    if kind == 1 then
      node[1][node[2]] = nil
      if type(node[2]) == "number" then -- no holes: cjson would make an object of it
        for i = node[2], #node[1] + 1 do node[1][i] = node[1][i + 1] end
      end
    elseif kind == 2 and type(node[2]) == "number" then
      table.insert(node[1], node[1][node[2]])
    else
      local values = weird()
      node[1][node[2]] = values[math.random(#values)]
    end
  end
end

-- A text of config.json, on its way to a packed plan.
local function attempt(folder, text, version)
  run.write(folder .. "/config.json", text)
  local norm = bundle.load(folder):normalise(host_of(version or 1, folder))
  local ops, given = require("tidelock.plan.build").build(norm)
  return core.plan.pack(ops, { given = #given })
end

describe("a config.json", function()
  local folder

  setup(function()
    folder = run.folder()
    os.execute("mkdir -p " .. run.quote(folder .. "/rootfs"))
    cjson.encode_sparse_array(true)
  end)
  teardown(function() run.remove(folder) end)

  it("that was changed at random is a plan or an error that names the property", function()
    local plans, refused = 0, {}
    math.randomseed(20261124)
    for round = 1, ROUNDS do
      local version = round % 2 + 1
      local config = rich(version)
      mutate(config)
      local good, text = pcall(cjson.encode, config)
      if good then
        local planned, result = pcall(attempt, folder, text, version)
        if planned then
          plans = plans + 1
        elseif errors.is(result) then
          refused[result.field or result.message] = true
        elseif not tostring(result):find("^plan: ") then
          error(("round %d: %s\n%s"):format(round, tostring(result), text))
        end
      end
    end
    local kinds = 0
    for _ in pairs(refused) do kinds = kinds + 1 end
    assert(plans > ROUNDS / 20, "only " .. plans .. " plans")
    assert(kinds > 80, "only " .. kinds .. " kinds of refusal")
  end)

  it("that ends early is an error with line and column, wherever it ends", function()
    local text = cjson.encode(rich(1))
    for n = 0, #text - 1 do
      local good, result = pcall(attempt, folder, text:sub(1, n))
      assert.is_false(good)
      assert(errors.is(result), tostring(result))
      assert.matches("config%.json:%d+:%d+: is no JSON", tostring(result))
    end
  end)
end)

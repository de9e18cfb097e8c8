local fs = require "tidelock.fs"
local json = require "tidelock.json"
local spec = require "tidelock.spec"

describe("determinism", function()
  local values = {
    net = { "none", "host" }, view = { "system", "host", "none" }, cwd = { "/a", "/b" },
    timeout = { 1, "2m" }, env = { { A = "1", B = "2", C = false }, { B = false, D = "4" } },
    rlimits = { { nofile = 1, core = 0 }, { nproc = 7, core = 1 } },
    limits = { { memory = "1M", pids = 7 }, { memory = "2M", cpus = 1 }, { pids = false } },
    share = { { "uts", "ipc" }, { "cgroup" } },
    capabilities = { { add = { "KILL", "CHOWN" } }, { add = { "ALL" }, drop = { "KILL", "BPF" } } },
    pass_fds = { { 9, 5 }, { 7 } }, fs = { { fs.tmpfs "/z" }, { fs.hide "/y", fs.tmpfs "/z/a" } },
  }
  local names = {}
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)

  local function shuffled(list)
    local copy = { unpack(list) }
    for i = #copy, 2, -1 do
      local j = math.random(i)
      copy[i], copy[j] = copy[j], copy[i]
    end
    return copy
  end

  -- The same keys put in in another order end up in other places of the table.
  local function rebuilt(t)
    if type(t) ~= "table" or spec.is(t) then return t end
    local keys, copy = {}, {}
    for key in pairs(t) do keys[#keys + 1] = key end
    for i = 1, 20 do copy["filler" .. i] = i end
    for _, key in ipairs(shuffled(keys)) do copy[key] = rebuilt(t[key]) end
    for i = 1, 20 do copy["filler" .. i] = nil end
    return copy
  end

  local function all(t)
    local ok, text = pcall(function()
      local s = spec.new(t)
      local out = { json.encode(s:warnings()), json.encode(s:fields()),
        json.encode(s:explain_fields()) }
      return table.concat(out, "\n")
    end)
    return tostring(ok) .. tostring(text)
  end

  it("is that of a random merge, however its tables were filled", function()
    math.randomseed(3)
    for _ = 1, 100 do
      local parts = {}
      for i = 1, 4 do
        parts[i] = {}
        for _, name in ipairs(names) do
          if math.random() < 0.4 then parts[i][name] = values[name][math.random(#values[name])] end
        end
      end
      local expected = all(parts)
      for _ = 1, 5 do assert.equal(expected, all(rebuilt(parts))) end
    end
  end)

  it("is the same text in a hundred processes", function()
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write [[
local spec, fs, json = require "tidelock.spec", require "tidelock.fs", require "tidelock.json"
local a = spec.new { net = "none", view = "none", init = true,
  env = { A = "1", B = "2", C = "3", D = false }, rlimits = { core = 0, nofile = 9, nproc = 3 },
  capabilities = { add = { "ALL" }, drop = { "KILL", "BPF", "CHOWN" } } }
local b = spec.new { a, fs.tmpfs "/x", net = "host", view = "host", init = false,
  share = { "uts", "ipc" },
  capabilities = { add = { "KILL", "BPF" } }, rlimits = { core = 1, nofile = 10, nproc = 4 } }
print(json.encode(b:fields()), json.encode(b:warnings()), json.encode(b:explain_fields()))
print(select(2, pcall(b.within, b, a)))
print(select(2, pcall(spec.new, { zzz = 1, yyy = 2, xxx = 3, www = 4 })))
]]
    file:close()
    local pipe = assert(io.popen(("LUA_PATH='%s' sh -c 'for i in $(seq 100); do luajit %s | "
      .. "cksum; done' | sort -u")
      :format(package.path, script)))
    local first, second = pipe:read("*l", "*l")
    pipe:close()
    os.remove(script)
    assert.truthy(first:find("^%d+ %d%d%d+$"))
    assert.is_nil(second)
  end)
end)

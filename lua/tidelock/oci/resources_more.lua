--- Of linux.resources what few configurations ask for: block devices, huge pages, network classes,
--- RDMA, raw keys of cgroup v2.

local check = require "tidelock.oci.check"

local M = {}

local LEAST_WEIGHT, MOST_WEIGHT, MOST_CLASS = 10, 1000, 4294967295
local FIELD = "linux.resources."

local function weight(ctx, value, property)
  if value == nil or value == 0 then return nil end
  if type(value) == "table" or value < LEAST_WEIGHT or value > MOST_WEIGHT then
    check.refuse(ctx.at, FIELD .. property, type(value) == "table" and value[1] or value,
      "is out of range", ("%d to %d"):format(LEAST_WEIGHT, MOST_WEIGHT))
  end
  return value
end

local NUMBERS = { { "major", 4095 }, { "minor", 1048575 } }

-- "8:0"
local function device_of(ctx, item, property)
  for _, pair in ipairs(NUMBERS) do
    local name, most = pair[1], pair[2]
    local value = type(item[name]) == "table" and tonumber(item[name][1]) or item[name]
    if value > most then
      check.refuse(ctx.at, ("%s%s.%s"):format(FIELD, property, name), value, "is out of range",
        ("0 to %d"):format(most))
    end
  end
  return ("%d:%d"):format(item.major, item.minor)
end

local function add_device(ctx, add, item, key, amount, property, name)
  if amount == nil then return end
  local device = device_of(ctx, item, property)
  add("io", { device = device, key = key, amount = amount }, ("%s.%s"):format(property, name),
    ("%s %s"):format(device, require("tidelock.cgroup.resources").digits(amount)))
end

local THROTTLE = {
  { "throttleReadBpsDevice", "rbps" }, { "throttleWriteBpsDevice", "wbps" },
  { "throttleReadIOPSDevice", "riops" }, { "throttleWriteIOPSDevice", "wiops" },
}

function M.blockIO(ctx, block, add)
  add("blkio_weight", weight(ctx, block.weight, "blockIO.weight"), "blockIO.weight")
  add("blkio_leaf_weight", weight(ctx, block.leafWeight, "blockIO.leafWeight"),
    "blockIO.leafWeight")
  for i, item in ipairs(block.weightDevice or {}) do
    local property = ("blockIO.weightDevice[%d]"):format(i - 1)
    local function one(name, key)
      add_device(ctx, add, item, key, weight(ctx, item[name], property .. "." .. name), property,
        name)
    end
    one("weight", "blkio_weight")
    one("leafWeight", "leaf_weight")
  end
  local amount = require("tidelock.oci.resources").amount
  for _, pair in ipairs(THROTTLE) do
    for i, item in ipairs(block[pair[1]] or {}) do
      add_device(ctx, add, item, pair[2], amount(item.rate),
        ("blockIO.%s[%d]"):format(pair[1], i - 1), "rate")
    end
  end
end

function M.hugepageLimits(ctx, list, add)
  for i, item in ipairs(list) do
    local property = ("hugepageLimits[%d]"):format(i - 1)
    if not item.pageSize:find "^[1-9]%d*[KMGT]B$" then
      check.refuse(ctx.at, FIELD .. property .. ".pageSize", item.pageSize,
        "is no size of a page", "as the kernel spells it, such as 2MB or 1GB")
    end
    local limit = type(item.limit) == "table" and item.limit[1] or item.limit
    add("hugetlb", { size = item.pageSize, amount = limit }, property,
      ("%s %s"):format(item.pageSize, require("tidelock.cgroup.resources").digits(limit)))
  end
end

function M.network(ctx, network, add)
  local class = network.classID
  if type(class) == "table" or (class or 0) > MOST_CLASS then
    check.refuse(ctx.at, FIELD .. "network.classID", type(class) == "table" and class[1] or class,
      "is out of range", ("0 to %.0f"):format(MOST_CLASS))
  end
  add("network_class", class ~= 0 and class or nil, "network.classID")
  for i, item in ipairs(network.priorities or {}) do
    local property = ("network.priorities[%d]"):format(i - 1)
    if not item.name:find "^[^%s/]+$" or #item.name > 15 then
      check.refuse(ctx.at, FIELD .. property .. ".name", item.name, "is no name of an interface")
    end
    add("network_priority", ("%s %s"):format(item.name,
      require("tidelock.cgroup.resources").digits(item.priority)), property)
  end
end

local function sorted_names(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

function M.rdma(ctx, map, add)
  local digits = require("tidelock.cgroup.resources").digits
  for _, name in ipairs(sorted_names(map)) do
    local item, words = map[name], { name }
    if not name:find "^[%w_.-]+$" then
      check.refuse(ctx.at, FIELD .. "rdma", name, "is no name of a device")
    end
    if item.hcaHandles then words[2] = "hca_handle=" .. digits(item.hcaHandles) end
    if item.hcaObjects then words[#words + 1] = "hca_object=" .. digits(item.hcaObjects) end
    if words[2] then add("rdma", table.concat(words, " "), "rdma." .. name) end
  end
end

function M.unified(ctx, map, add)
  local raw = require "tidelock.cgroup.raw"
  for _, name in ipairs(sorted_names(map)) do
    local why = raw.problem(name)
    if why then check.refuse(ctx.at, FIELD .. "unified", name, why, raw.ACCEPTED) end
    why = raw.value_problem(map[name])
    if why then check.refuse(ctx.at, FIELD .. "unified." .. name, map[name], why) end
    add("unified", { file = name, text = map[name] }, "unified." .. name, map[name])
  end
end

return M

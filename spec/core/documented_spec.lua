-- Every function and method that C binds is documented in lua/tidelock/meta, and nothing else is.
local core = require "tidelock.core"
local run = require "spec.support.run"

local folder = run.top .. "/lua/tidelock/meta"

-- The modules as bind.c lists them, so that none can be left out here.
local modules = {}
for name in run.read(run.top .. "/core/lua/bind.c"):gmatch('{ "([%w_]+)", tl_lua_open_') do
  modules[#modules + 1] = name
end

-- Class -> the names documented for it; a module's class is tidelock.core.NAME.
local documented, undocumented = {}, {}
for path in run.run("ls " .. folder .. "/*.lua").stdout:gmatch("[^\n]+") do
  local text, class, variable = run.read(path), nil, {}
  local before, comments = "", {}
  for line in text:gmatch("([^\n]*)\n") do
    local owner, name = line:match("^function ([%w_]+)[.:]([%w_]+)%(")
    if line:match("^%-%-%-@class ") then
      class = line:match("^%-%-%-@class ([%w_.]+)")
    elseif line:match("^local [%w_]+ = {}$") then
      variable[line:match("^local ([%w_]+)")] = class
      documented[class] = documented[class] or {}
    elseif owner then
      local of = assert(variable[owner], path .. ": " .. line)
      documented[of][name] = true
      if not before:match("^%-%-%-") then comments[#comments + 1] = of .. "." .. name end
    end
    before = line
  end
  for _, name in ipairs(comments) do undocumented[#undocumented + 1] = name end
end

local function functions_of(t)
  local list = {}
  for name, value in pairs(t) do
    if type(value) == "function" then list[name] = true end
  end
  return list
end

describe("lua/tidelock/meta", function()
  it("knows every module of the core", function()
    assert(#modules >= 17, #modules)
    for _, name in ipairs(modules) do
      assert(run.read(folder .. "/" .. name .. ".lua"), "no lua/tidelock/meta/" .. name .. ".lua")
    end
  end)

  for _, name in ipairs(modules) do
    it("documents core." .. name .. ", no more and no less", function()
      assert.same(functions_of(core[name]), documented["tidelock.core." .. name])
    end)
  end

  it("documents the methods of every object", function()
    for _, name in ipairs(modules) do assert(core[name]) end
    local bound = {}
    for name, class in pairs(debug.getregistry()) do
      if type(name) == "string" and name:match("^tidelock%.") and next(class.__index) then
        bound[name] = functions_of(class.__index)
      end
    end
    local objects = {}
    for name, methods in pairs(documented) do
      if not name:match("^tidelock%.core%.") then objects[name] = methods end
    end
    assert.same(bound, objects)
  end)

  it("says something of each", function()
    assert.same({}, undocumented)
  end)

  it("is Lua that does nothing, and no part of the binary", function()
    for path in run.run("ls " .. folder .. "/*.lua").stdout:gmatch("[^\n]+") do
      assert.equal("---@meta", run.read(path):match("^[^\n]*"))
      assert(loadfile(path))()
    end
    local binary = run.quote(run.tidelock)
    local result = run.run("strings -n 12 " .. binary .. " | grep -c tidelock.meta")
    assert.equal("0\n", result.stdout)
  end)
end)

-- Mutations of whole operations, found in the source, so that a new one is not forgotten: init or
-- the launcher does nothing for it, or one place in the plan's builder leaves it out.
local source = require "spec.mutate.source"

local M = {}

local INIT, LAUNCH = "core/init/main.c", "core/host/launch.c"

-- What cannot be left out, because nothing is there without it, not even something to fail.
local WHOLE = { clone = true }

local function operations(add)
  local text = source.read "core/plan/ops.def"
  local init, launch = source.read(INIT), source.read(LAUNCH)
  local in_init = { source.once(init, "\tswitch (r->code) {\n", INIT) }
  local in_launch = { source.once(launch, "\tw->call = 0;\n\tswitch (r->code) {\n", LAUNCH) }
  local count = 0
  for kind, name in text:gmatch "\nTL_(%u*_?)OP%(([%w_]+)," do
    local is_init = kind == "INIT_"
    local where = is_init and in_init or in_launch
    count = count + 1
    if not WHOLE[name] then
      add((is_init and "init does no " or "the launcher does no ") .. name, {
        file = is_init and INIT or LAUNCH, from = where[1], to = where[1] - 1,
        with = ("\tif (r->code == TL_OP_%s)\n\t\treturn 0;\n"):format(name) })
    end
  end
  assert(count > 50, "ops.def: only " .. count .. " operations were found")
end

-- Where an operation is put into the plan in one place only, "init does no ..." says it all.
local function places(add)
  local found, count = {}, {}
  local pipe = assert(io.popen "ls lua/tidelock/plan/*.lua")
  for file in pipe:lines() do
    local name = file:match "([^/]+)%.lua$"
    local text = source.read(file)
    local blank = source.blank(text, "--")
    for from, open in blank:gmatch "()build:add (){" do
      local to = source.closing(blank, open)
      local op = text:sub(open, to):match '^{%s*op = "([%w_]+)"'
      if op then
        count[op] = (count[op] or 0) + 1
        found[#found + 1] = { op = op, file = file, name = name, from = from, to = to }
      end
    end
  end
  pipe:close()
  assert(#found > 40, "only " .. #found .. " places were found")
  for _, place in ipairs(found) do
    if count[place.op] > 1 then
      add(("the plan has no %s of %s"):format(place.op, place.name),
        { file = place.file, from = place.from, to = place.to, with = "" })
    end
  end
end

---@return table[] mutations
function M.list()
  local found, names = {}, {}
  local function add(name, edit)
    names[name] = (names[name] or 0) + 1
    if names[name] > 1 then name = name .. " #" .. names[name] end
    found[#found + 1] = { name = name, group = "operations", edits = { edit } }
  end
  operations(add)
  places(add)
  return found
end

return M

-- What the parts of the bench share: running the programs that measure, results, tables, bounds.
local json = require "tidelock.json"

local Bench = {}
Bench.__index = Bench

local M = {}

---@param build string the build directory
function M.new(build)
  local rounds = os.getenv "BENCH_ROUNDS"
  return setmetatable({
    build = build,
    rounds = rounds ~= "" and tonumber(rounds) or 200,
    results = {}, -- of all parts, for bench.json
    bounds = {},
  }, Bench)
end

function M.output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

function M.quote(words)
  local out = {}
  for i, word in ipairs(words) do out[i] = "'" .. tostring(word):gsub("'", "'\\''") .. "'" end
  return table.concat(out, " ")
end

function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

---The absolute form of a path below the working directory.
function M.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return M.output_of("pwd"):gsub("\n", "") .. "/" .. path
end

---The filter of a box without capabilities, as a file.
function Bench:default_filter()
  local path = self.build .. "/bench/filter.bpf"
  M.write(path, require("tidelock.seccomp.builtin").bytes)
  return path
end

---The bundles, made when the first part asks for them.
function Bench:bundles()
  if not self.made then
    local bundle = require "bench.bundle"
    self.made = bundle.make(self.build, require("bench.probe").COMMAND)
    self.made.variants = bundle.variants
  end
  return self.made
end

---Runs timer, parallel or drift. A contestant is { NAME, ["3<FILE",] WORD... }.
---@return table[] results in the order of the contestants, also by name
function Bench:measure(program, args, contestants)
  local words = { ("%s/bench/%s"):format(self.build, program), unpack(args) }
  for i, contestant in ipairs(contestants) do
    if i > 1 then words[#words + 1] = "::" end
    for _, word in ipairs(contestant) do words[#words + 1] = word end
  end
  local results = {}
  for line in M.output_of(M.quote(words)):gmatch "[^\n]+" do
    local result = assert(json.decode(line))
    results[#results + 1], results[result.name] = result, result
  end
  if #results ~= #contestants then
    print("bench: " .. program .. " did not come to an end")
    os.exit(1)
  end
  return results
end

---Adds results to bench.json; sets their ratios.
function Bench:record(variant, results)
  local floor, crun = results.floor, results.crun
  for _, result in ipairs(results) do
    result.variant = variant
    result.ratio_floor = floor and result.median / floor.median
    result.ratio_crun = crun and result.median / crun.median
    self.results[#self.results + 1] = result
  end
end

local COLUMNS = {
  ratio_floor = { "of floor", "%.2f" }, ratio_crun = { "of crun", "%.2f" },
  peak_kb = { "peak kB", "%d" }, per_second = { "a second", "%.0f" }, runs = { "runs", "%d" },
  first = { "first", "%.0f" }, last = { "last", "%.0f" },
  best = { "best", "%.0f" }, load = { "load only", "%.0f" },
}

---Prints a table: name, median, p10, p90, and these columns.
function Bench.table(title, results, columns)
  local head = ("%-26s %9s %9s %9s"):format(title, "median us", "p10", "p90")
  for _, name in ipairs(columns) do head = head .. (" %9s"):format(COLUMNS[name][1]) end
  print(head)
  for _, result in ipairs(results) do
    local line = ("  %-24s %9.0f %9.0f %9.0f"):format(result.label or result.name, result.median,
      result.p10, result.p90)
    for _, name in ipairs(columns) do
      local value = result[name]
      line = line .. (" %9s"):format(value and COLUMNS[name][2]:format(value) or "-")
    end
    print(line)
  end
end

---A promise, judged in the end. A value that is nil could not be measured, and is missed.
function Bench:bound(what, value, limit)
  self.bounds[#self.bounds + 1] = { what = what, value = value, limit = limit }
end

---The ratio of two medians, or nil.
function M.ratio(a, b)
  return a and b and a.median / b.median
end

local function exported(results)
  local list = json.array {}
  for i, result in ipairs(results) do
    local out = json.object {}
    for key, value in pairs(result) do
      -- Six digits that mean something, not seventeen.
      out[key] = type(value) == "number" and tonumber(("%.6g"):format(value)) or value
    end
    list[i] = out
  end
  return list
end

---Prints the bounds and writes bench.json; whether all of them were met.
function Bench:finish()
  local good = true
  for _, bound in ipairs(self.bounds) do
    local met = bound.value ~= nil and bound.value <= bound.limit
    good = good and met
    print(("%-56s %9s  at most %-5s %s"):format(bound.what,
      bound.value and ("%.2f"):format(bound.value) or "-", bound.limit,
      met and "met" or bound.value and "MISSED" or "MISSED (not measured)"))
  end
  M.write(self.build .. "/bench.json", json.encode(exported(self.results), true) .. "\n")
  return good
end

return M

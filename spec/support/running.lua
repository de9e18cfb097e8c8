-- Boxes that run while a spec looks at them, and what the commands over boxes say of them.
local cjson = require "cjson"
local run = require "spec.support.run"

local M = {}

---@class RunningBox
---@field folder string
---@field id string
---@field supervisor integer
local Box = {}
Box.__index = Box

---Start `tidelock run OPTIONS -- sh -c SCRIPT` beside the spec; once it runs, its ID is known.
---@param options string[]
---@param script string
---@return RunningBox
function M.start(options, script)
  local self = setmetatable({ folder = run.folder() }, Box)
  local words = { run.quote(run.tidelock), "run" }
  for _, word in ipairs(options) do words[#words + 1] = run.quote(word) end
  words[#words + 1] = "-- sh -c " .. run.quote(script)
  os.execute(("cd %s && { setsid sh -c 'echo $$ > pid; exec \"$@\"' sh %s > out 2> err < /dev/null;"
    .. " echo $? > status; } &"):format(self.folder, table.concat(words, " ")))
  local deadline = os.time() + 10
  repeat
    self.supervisor = tonumber(run.read(self.folder .. "/pid") or "")
    for _, item in ipairs(self.supervisor and M.ps() or {}) do
      if item.supervisor == self.supervisor then
        self.id, self.pid, self.name = item.id, item.pid, item.name
        return self
      end
    end
    os.execute "sleep 0.02"
  until os.time() > deadline
  error("it does not run: " .. (run.read(self.folder .. "/err") or ""), 2)
end

---What `tidelock ps --json` lists.
---@return table[]
function M.ps()
  local result = run.tl { "ps", "--json" }
  assert(result.status == 0, result.stderr)
  return cjson.decode(result.stdout)
end

---The item of `ps --json`, or nil where it does not run.
---@return table?
function Box:item()
  for _, item in ipairs(M.ps()) do
    if item.id == self.id then return item end
  end
end

---What it printed.
---@return string
function Box:stdout() return run.read(self.folder .. "/out") end

---Its exit status, once it has ended.
---@param seconds? number
---@return integer?
function Box:wait(seconds)
  local deadline = os.time() + (seconds or 10)
  repeat
    local status = run.read(self.folder .. "/status")
    if status and status ~= "" then return tonumber(status) end
    os.execute "sleep 0.02"
  until os.time() > deadline
end

---What it said on its standard error.
---@return string
function Box:stderr() return run.read(self.folder .. "/err") end

---Kill what is left of it, and its folder.
function Box:close()
  if not self:wait(0) then os.execute(("kill -9 %d 2>/dev/null"):format(self.supervisor)) end
  self:wait(5)
  run.remove(self.folder)
end

return M

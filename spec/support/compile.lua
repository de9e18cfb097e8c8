-- Small C programs for specs, compiled when they are needed, also in an ordinary user's clone.
local run = require "spec.support.run"

local M = {}

-- What was compiled before, where scripts/dev/test keeps its own files and takes them away.
local function kept(words)
  for _, dir in ipairs { (os.getenv "TIDELOCK_SKIPS" or ""):match "^(.+)/" or false,
    os.getenv "XDG_RUNTIME_DIR" or false } do
    if dir and dir:find "^/tmp/tl%-test%." and os.execute("test -w " .. run.quote(dir)) == 0 then
      return dir .. "/compiled-" .. table.concat(words, " "):gsub("[^%w]+", "-")
    end
  end
end

---Compile a file into a program; raises with what the compiler says.
---@param source string   below the top folder
---@param program string  where it goes
---@param flags? string[]
---@return string program
function M.c(source, program, flags)
  local words = { "gcc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", "-Wall" }
  for _, flag in ipairs(flags or { "-static" }) do words[#words + 1] = flag end
  words[#words + 1] = run.top .. "/" .. source
  local copy = kept(words)
  if copy and os.execute(("cp %s %s 2>/dev/null"):format(run.quote(copy), run.quote(program))) == 0
  then
    return program
  end
  words[#words + 1], words[#words + 2] = "-o", program
  local result = run.run(words, { timeout = 60 })
  if result.status ~= 0 then error(result.stderr, 2) end
  if copy then
    os.execute(("cp %s %s.new && mv %s.new %s"):format(run.quote(program), run.quote(copy),
      run.quote(copy), run.quote(copy)))
  end
  return program
end

return M

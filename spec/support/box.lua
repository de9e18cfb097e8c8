-- Boxes for specs: a shell script inside one, its report, one that runs while something is done
-- to it, and the library in a Lua of its own.
local run = require "spec.support.run"

local M = {}

local function words_of(options, command)
  local words = { "run" }
  for _, word in ipairs(options or {}) do words[#words + 1] = word end
  words[#words + 1] = "--"
  for _, word in ipairs(command) do words[#words + 1] = word end
  return words
end

---Run a command in a box.
---@param command string[]
---@param options? string[]  of `tidelock run`
---@param settings? table    as for run.run
---@return RunResult
function M.run(command, options, settings)
  return run.tl(words_of(options, command), settings)
end

---Run a shell script in a box.
---@param script string
---@param options? string[]
---@param settings? table
---@return RunResult
function M.sh(script, options, settings)
  return M.run({ "sh", "-c", script }, options, settings)
end

---What a shell script in a box prints, without the last newline; it must exit with 0.
---@param script string
---@param options? string[]
---@param settings? table
---@return string
function M.prints(script, options, settings)
  local result = M.sh(script, options, settings)
  if result.status ~= 0 then
    error(("status %s\n%s%s"):format(result.status, result.stdout, result.stderr), 2)
  end
  return (result.stdout:gsub("\n$", ""))
end

---The lines of a text as a sorted list.
---@param text string
---@return string[]
function M.sorted(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  table.sort(list)
  return list
end

---Run a command in a box and read its report.
---@param command string[]
---@param options? string[]
---@param settings? table
---@return table report
---@return RunResult
function M.report(command, options, settings)
  local path = os.tmpname()
  local all = { "--report", path }
  for _, word in ipairs(options or {}) do all[#all + 1] = word end
  local result = M.run(command, all, settings)
  local text = run.read(path)
  os.remove(path)
  if text == "" then error("no report was written; " .. result.stderr, 2) end
  return require("cjson").decode(text), result
end

---Run a shell script in a box; once it has made the file `ready` in `folder`, run `meanwhile` on
---the host with $p the pid of tidelock. `folder` is writable and the current directory.
---@param folder string
---@param script string
---@param meanwhile string
---@param options? string[]
---@return RunResult result  of tidelock; what `meanwhile` printed is in `outside`
function M.during(folder, script, meanwhile, options)
  local all = { run.tidelock }
  local with = { "--rw", folder }
  for _, word in ipairs(options or {}) do with[#with + 1] = word end
  for _, word in ipairs(words_of(with, { "sh", "-c", script })) do all[#all + 1] = word end
  for i, word in ipairs(all) do all[i] = run.quote(word) end
  os.remove(folder .. "/ready")
  -- A shell gives its background jobs an ignored SIGINT and SIGQUIT: not as people start tidelock.
  local result = run.run(([[
    env --default-signal=INT,QUIT %s >out 2>err & p=$!
    i=0
    until [ -e ready ] || [ $i = 500 ]; do sleep 0.01; i=$((i + 1)); done
    { %s
    } >outside 2>&1
    wait $p]]):format(table.concat(all, " "), meanwhile), { cwd = folder })
  result.outside = run.read(folder .. "/outside")
  result.stdout, result.stderr = run.read(folder .. "/out"), run.read(folder .. "/err")
  return result
end

---The environment in which stock luajit finds the library of this build.
---@return table<string, string>
function M.library()
  local lib = os.getenv("TIDELOCK_LIB") or run.top .. "/build/lib"
  return {
    LUA_PATH = os.getenv("LUA_PATH")
      or ("%s/lua/?.lua;%s/lua/?/init.lua;;"):format(run.top, run.top),
    LUA_CPATH = os.getenv("LUA_CPATH") or lib .. "/?.so;;",
  }
end

---Run a Lua script that uses the library: by build/tidelock, by stock luajit ("stock"), or as a
---command of its own ("#!").
---@param text string
---@param how? true|"stock"|"#!"
---@param settings? table  as for run.run
---@return RunResult
function M.lua(text, how, settings)
  local folder = run.folder()
  local script = folder .. "/script.lua"
  run.write(script, how == "#!" and "#!/usr/bin/env tidelock\n" .. text or text)
  settings = settings or {}
  settings.cwd = settings.cwd or folder
  local words = { run.tidelock, script }
  if how == "#!" then
    os.execute("chmod 755 " .. script)
    settings.env = { PATH = run.tidelock:match("^(.*)/") .. ":/usr/bin:/bin" }
    words = { script }
  elseif how then
    settings.env = M.library()
    words[1] = "luajit"
  end
  local result = run.run(words, settings)
  run.remove(folder)
  return result
end

---What a script prints, by build/tidelock and by stock luajit, which must agree; it must exit with
---0 and say nothing on its standard error. Its own path is shown as script.lua. `everywhere`: also
---as a command of its own.
---@param text string
---@param settings? table
---@param everywhere? boolean
---@return string
function M.both(text, settings, everywhere)
  text = "local tidelock = require 'tidelock'\n" .. text
  local function printed(how)
    local result = M.lua(text, how, settings)
    result.stdout = result.stdout:gsub("/tmp/tl%-spec%.%w+/script%.lua", "script.lua")
    return result
  end
  local own = printed()
  if own.status ~= 0 or own.stderr ~= "" then
    error(("status %s\n%s%s"):format(own.status, own.stdout, own.stderr), 2)
  end
  for _, how in ipairs { "stock", everywhere and "#!" or nil } do
    local other = printed(how)
    if other.stdout ~= own.stdout or other.stderr ~= "" or other.status ~= 0 then
      error(("by tidelock:\n%s%s: status %s\n%s%s"):format(own.stdout, how, other.status,
        other.stdout, other.stderr), 2)
    end
  end
  return own.stdout
end

---The same as a list of lines.
---@return string[]
function M.lines(text, settings, everywhere)
  local list = {}
  for line in M.both(text, settings, everywhere):gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

return M

--- tidelock run: run a command in a sandbox.

local cli = require "tidelock.cli"
local errors = require "tidelock.error"

local M = { summary = "run a command in a sandbox" }

local SETUP = 125

-- A shell on a terminal gets one of its own, as people expect of it.
local function with_terminal(spec)
  if not require("tidelock.core").process.isatty(0)
    or not require("tidelock.terminal").is_default(spec:fields()) then
    return spec
  end
  local module = require "tidelock.spec"
  return module.new { module.of { { "tty", true, "default" } }, spec }
end

---The spec that a command line asks for: its file's, and over it the options'.
---@param parsed tidelock.Parsed
---@return tidelock.Spec
function M.spec(parsed)
  if not parsed.script then return with_terminal(parsed.spec) end
  local spec = require "tidelock.spec"
  return with_terminal(spec.new { require("tidelock.load").file(parsed.script), parsed.spec })
end

local function cannot_write(where, why)
  errors.refuse { field = "--report", value = where, why = "cannot be written: " .. why }
end

local function write_report(to, report)
  local process = require("tidelock.core").process
  local text = report:json(true) .. "\n"
  if to.fd then
    local good, code = process.write(to.fd, text)
    if not good then cannot_write("fd:" .. to.fd, code) end
    return
  end
  local fd, code = process.open(to.path, "w")
  if not fd then cannot_write(to.path, code) end
  local good
  good, code = process.write(fd:pollfd(), text)
  fd:close()
  if not good then cannot_write(to.path, code) end
end

local function print_json(report)
  io.stderr:write(report:json(true), "\n")
end

-- What may surprise, whoever asked: why a failure, and what the host may run later.
local function warn(report)
  if report.hint then cli.say("hint: " .. report.hint) end
  for _, path in ipairs(report.planted) do
    cli.say("written from inside, and the host may run it later: " .. errors.printable(path))
  end
end

local function tell(report, norm, settings)
  if settings.json then return print_json(report) end
  if report.reason == "setup" then
    cli.say(tostring(report.error))
  elseif settings.verbose then
    cli.say(report:line())
    for _, line in ipairs(require("tidelock.plan.explain").summary(norm)) do cli.say(line) end
  elseif report.reason ~= "exit" and not settings.quiet then
    cli.say(report:why())
  end
  if not settings.quiet then warn(report) end
end

---@param words string[]
---@return integer status
function M.main(words)
  local options = require "tidelock.options"
  local parsed = options.parse(words)
  local settings = parsed.settings
  if settings.help then
    io.stdout:write(options.help())
    return 0
  end
  local spec = M.spec(parsed)
  if settings.dry_run then return require("tidelock.scripts.explain").show(spec, settings) end
  if not spec:fields().command then
    errors.refuse { field = "command", why = "there is nothing to run",
      accepted = "tidelock run [OPTIONS] [SPEC.lua] [--] COMMAND...", hint = "tidelock run --help" }
  end
  if not settings.quiet then
    for _, warning in ipairs(spec:warnings()) do
      cli.say("warning: " .. warning.text .. (warning.at and " (" .. warning.at .. ")" or ""))
    end
  end
  local container = require "tidelock.container"
  local signals = container.forward_signals()
  local report, norm = container.run(spec, {
    signals = signals, operations = settings.report ~= nil or settings.json,
    leave = true, watchdog = true, plan = { sigmask = signals:mask() },
  })
  if settings.report then write_report(settings.report, report) end
  tell(report, norm, settings)
  return report.code or SETUP
end

return M

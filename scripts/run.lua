--- tidelock run: run a command in a sandbox.

local cli = require "tidelock.cli"
local errors = require "tidelock.error"

local M = { summary = "run a command in a sandbox" }

local SETUP = 125

---The spec that a command line asks for: its file's, and over it the options'.
---@param parsed tidelock.Parsed
---@return tidelock.Spec
function M.spec(parsed)
  if not parsed.script then return parsed.spec end
  local spec = require "tidelock.spec"
  return spec.new { require("tidelock.load").file(parsed.script), parsed.spec }
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

local function print_operations(report)
  for i, op in ipairs(report.operations) do
    local took = op.stop > op.start and ("%.0f us"):format((op.stop - op.start) * 1e6) or "-"
    io.stderr:write(("%3d  %-6s  %9s  %s\n"):format(i, op.lane, took, op.story))
  end
end

-- Whatever is worth a line: why it did not run, what killed it, what may explain a failure.
local function tell(report, settings)
  if settings.json then
    io.stderr:write(report:json(true), "\n")
    return
  end
  if report.reason == "setup" then
    cli.say(tostring(report.error))
  elseif settings.verbose then
    print_operations(report)
    cli.say(report:line())
  elseif report.reason ~= "exit" and not settings.quiet then
    cli.say(report:why())
  end
  if settings.quiet then return end
  if report.hint then cli.say("hint: " .. report.hint) end
  for _, path in ipairs(report.planted) do
    cli.say("written from inside, and the host may run it later: " .. errors.printable(path))
  end
  if not settings.verbose then return end
  for _, note in ipairs(report.notes) do
    cli.say("note: " .. note.text)
  end
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
  local report = container.run(spec, {
    signals = signals, operations = settings.report ~= nil or settings.json or settings.verbose,
    leave = true, plan = { sigmask = signals:mask() },
  })
  if settings.report then write_report(settings.report, report) end
  tell(report, settings)
  return report.code or SETUP
end

return M

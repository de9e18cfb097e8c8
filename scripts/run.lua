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

-- All but the command and the time limit is said by the bundle.
local function bundle(parsed)
  local dir, own = parsed.settings.bundle, {}
  for _, setting in ipairs(parsed.list) do
    local field, value, origin = unpack(setting)
    if field == "command" then
      own.words = value
    elseif field == "timeout" then
      own.timeout, own.timeout_at = require("tidelock.schema").check(field, value, origin), origin
    else
      errors.refuse { field = origin,
        why = "cannot be combined with --bundle, which leaves only --timeout and a command to say",
        hint = "the rest is said by " .. dir .. "/config.json" }
    end
  end
  if parsed.script then
    errors.refuse { field = "--bundle", value = dir, why = "cannot be combined with a spec file" }
  end
  return require("tidelock.oci.bundle").load(dir, own)
end

---The spec that a command line asks for: its file's, and over it the options'.
---@param parsed tidelock.Parsed
---@return tidelock.Spec|tidelock.Bundle
function M.spec(parsed)
  if parsed.settings.bundle then return bundle(parsed) end
  if not parsed.script then return with_terminal(parsed.spec) end
  local spec = require "tidelock.spec"
  return with_terminal(spec.new { require("tidelock.load").file(parsed.script), parsed.spec })
end

local function cannot_write(option, value, why)
  errors.refuse { field = option, value = value, why = "cannot be written: " .. why }
end

local function open_file(option, path)
  local fd, code = require("tidelock.core").process.open(path, "w")
  if not fd then cannot_write(option, path, code) end
  return fd
end

-- Before the box runs: what it makes of the path in the meantime is nothing to us, and a path that
-- cannot be written is told before the work is done.
local function open_report(to)
  if not to then return nil end
  local process = require("tidelock.core").process
  if to.fd then
    local kind, code = process.fd_type(to.fd)
    if not kind then cannot_write("--report", "fd:" .. to.fd, code) end
    return to.fd
  end
  return open_file("--report", to.path)
end

local function write_report(to, fd, report)
  local number = type(fd) == "number" and fd or fd:pollfd()
  local good, code = require("tidelock.core").process.write(number, report:json(true) .. "\n")
  if not good then cannot_write("--report", to.path or "fd:" .. to.fd, code) end
end

-- What is loaded from here on is in the timeline, and what was before, where main.c saw the option.
local function open_timeline(path)
  if not path then return nil end
  local trace = require "tidelock.timeline.trace"
  trace.begin()
  return trace.leave(trace.enter "open the timeline", open_file("--timeline", path))
end

local function write_timeline(path, fd, report, parsed)
  local function write(text)
    return require("tidelock.core").process.write(fd:pollfd(), text)
  end
  local about = { command = require("tidelock.json").array(parsed.command), spec = parsed.script }
  local good, code = require("tidelock.timeline").write(write, report, about)
  if not good then cannot_write("--timeline", path, code) end
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
  if not settings.bundle and not spec:fields().command then
    errors.refuse { field = "command", why = "there is nothing to run",
      accepted = "tidelock run [OPTIONS] [SPEC.lua] [--] COMMAND...", hint = "tidelock run --help" }
  end
  if not settings.quiet and not settings.bundle then
    for _, warning in ipairs(spec:warnings()) do
      cli.say("warning: " .. warning.text .. (warning.at and " (" .. warning.at .. ")" or ""))
    end
  end
  local to, timeline = open_report(settings.report), open_timeline(settings.timeline)
  local container = require "tidelock.container"
  local signals = container.forward_signals()
  local report, norm = container.run(spec, {
    signals = signals, operations = settings.report or settings.timeline or settings.json,
    leave = true, watchdog = true, source = parsed.script, plan = { sigmask = signals:mask() },
  })
  signals:close()
  if to then write_report(settings.report, to, report) end
  tell(report, norm, settings)
  if timeline then write_timeline(settings.timeline, timeline, report, parsed) end
  return report.code or SETUP
end

return M

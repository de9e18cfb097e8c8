--- The options of the commands, once: the parser, `--help`, did-you-mean, shell completion and
--- the man page are all made from this table.

local M = {}

---@class tidelock.Option
---@field name string      without the dashes
---@field short string?    one letter
---@field arg string?      placeholder of its argument; none: it takes none
---@field values string[]? all accepted arguments
---@field group string
---@field help string
---@field field string?    of the spec that it sets, to the argument or to `value`
---@field entry string?    what tidelock.options.entries makes of the argument
---@field setting string?  of the command, not of the box
---@field value any
---@field complete string? what the shell completes: "file", "dir", "user"

local FILES, ENV, ID, LIMIT, OUT = "Files", "Environment", "Identity and rights", "Limits", "Output"

---@type tidelock.Option[]
M.run = {
  { name = "ro", arg = "DIR", group = FILES, entry = "ro", complete = "file",
    help = "show DIR read-only at its own path" },
  { name = "rw", arg = "DIR", group = FILES, entry = "rw", complete = "file",
    help = "make DIR writable at its own path; its .git/hooks and the like stay read-only" },
  { name = "rw-all", arg = "DIR", group = FILES, entry = "rw_all", complete = "file",
    help = "make all of DIR writable" },
  { name = "bind", arg = "SRC:DST[:ro|:rw]", group = FILES, entry = "bind", complete = "file",
    help = "show SRC at DST, writable unless :ro; \\: is a colon in a path" },
  { name = "volume", short = "v", arg = "SRC:DST[:ro|:rw]", group = FILES, entry = "bind",
    complete = "file",
    help = "the same, as docker spells it; -v whose next word has no colon is --verbose" },
  { name = "tmpfs", arg = "DST[:SIZE]", group = FILES, entry = "tmpfs",
    help = "an empty directory in memory at DST" },
  { name = "overlay", arg = "DIR[:DST]", group = FILES, entry = "overlay", complete = "dir",
    help = "make DIR writable, at its own path or at DST; what is written is thrown away" },
  { name = "bundle", short = "b", arg = "DIR", group = FILES, setting = "bundle", entry = "bundle",
    complete = "dir",
    help = "run the OCI bundle in DIR: all but --timeout and a COMMAND is its config.json's" },
  { name = "rootfs", arg = "DIR", group = FILES, field = "rootfs", complete = "dir",
    help = "use DIR as the root" },
  { name = "view", arg = "system|host|none", group = FILES, field = "view",
    values = { "system", "host", "none" },
    help = "what of the host is there, read-only: its programs, all of it, or nothing" },
  { name = "hide", arg = "PATH", group = FILES, entry = "hide", complete = "file",
    help = "show nothing at PATH" },
  { name = "cwd", short = "C", arg = "DIR", group = FILES, field = "cwd", complete = "dir",
    help = "start in DIR" },
  { name = "workdir", short = "w", arg = "DIR", group = FILES, field = "cwd", complete = "dir",
    help = "the same, as docker spells it" },

  { name = "env", short = "e", arg = "NAME[=VALUE]", group = ENV, entry = "env",
    help = "set NAME, or pass it on from the caller" },
  { name = "env-file", arg = "FILE", group = ENV, entry = "env_file", complete = "file",
    help = "read lines of NAME=VALUE" },
  { name = "keep-env", group = ENV, field = "env_keep", value = "all",
    help = "pass on the caller's whole environment" },
  { name = "clear-env", group = ENV, field = "env_keep", value = "none",
    help = "pass on nothing of the caller's environment" },

  { name = "user", arg = "USER[:GROUP]", group = ID, field = "user", complete = "user",
    help = "run as USER, a name or a number inside the box" },
  { name = "hostname", arg = "NAME", group = ID, field = "hostname", help = "host name inside" },
  { name = "net", arg = "none|host", group = ID, field = "net", values = { "none", "host" },
    help = "no network, or the host's" },
  { name = "cap-add", arg = "CAP", group = ID, entry = "cap_add",
    help = "give a capability, or ALL" },
  { name = "cap-drop", arg = "CAP", group = ID, entry = "cap_drop",
    help = "take a capability away, or ALL" },
  { name = "seccomp", arg = "default|none|FILE", group = ID, field = "seccomp",
    complete = "file", help = "filter of system calls; FILE is compiled BPF" },
  { name = "share", arg = "NS", group = ID, entry = "share",
    help = "stay in the host's namespace: ipc, uts, cgroup, network" },
  { name = "pass-fd", arg = "N[:M]", group = ID, entry = "pass_fd",
    help = "pass descriptor N on, as M" },
  { name = "require", arg = "drop-groups", group = ID, entry = "require",
    values = { "drop-groups" }, help = "run nothing unless this can be enforced" },
  { name = "force", group = ID, field = "force", value = true,
    help = "allow / and $HOME to be writable, and SYS_ADMIN and SYS_PTRACE" },

  { name = "timeout", arg = "TIME", group = LIMIT, field = "timeout",
    help = "kill the box after TIME, such as 30s or 10m" },
  { name = "memory", short = "m", arg = "SIZE", group = LIMIT, entry = "memory",
    help = "memory of the whole box, such as 512M; more is killed" },
  { name = "pids", arg = "N", group = LIMIT, entry = "pids",
    help = "processes and threads in the box, its init too" },
  { name = "cpus", arg = "N", group = LIMIT, entry = "cpus",
    help = "processor time, in processors: 0.5, 2" },
  { name = "limit", arg = "NAME=VALUE", group = LIMIT, entry = "limit",
    help = "any limit of a spec, such as swap=1G, cpuset=0-1, io=/dev/sda:rbps=10M,"
      .. " hugetlb=2M:64M; a NAME with a dot is a file of cgroup v2" },
  { name = "best-effort", group = LIMIT, field = "best_effort", value = true,
    help = "run without a limit that cannot be enforced, and report it" },
  { name = "rlimit", arg = "NAME=SOFT[:HARD]", group = LIMIT, entry = "rlimit",
    help = "a limit of prlimit(2), such as nofile=1024" },
  { name = "no-init", group = LIMIT, field = "init", value = false,
    help = "make the command itself PID 1" },

  { name = "tty", short = "t", group = OUT, field = "tty", value = true,
    help = "give the command a terminal of its own; the default for a shell without arguments"
      .. " where stdin, stdout and stderr are terminals" },
  { name = "no-tty", group = OUT, field = "tty", value = false,
    help = "leave the command the caller's own streams" },
  { name = "report", arg = "FILE|fd:N", group = OUT, setting = "report", entry = "report",
    complete = "file", help = "write the report as JSON" },
  { name = "timeline", arg = "FILE", group = OUT, setting = "timeline", complete = "file",
    help = "write where the time went, as trace events for ui.perfetto.dev" },
  { name = "json", group = OUT, setting = "json", value = true,
    help = "print the report as JSON instead of a line" },
  { name = "quiet", short = "q", group = OUT, setting = "quiet", value = true,
    help = "print nothing but errors" },
  { name = "verbose", group = OUT, setting = "verbose", value = true,
    help = "print how it ended, what it used and what it could reach (also -v)" },
  { name = "dry-run", group = OUT, setting = "dry_run", value = true,
    help = "print the plan and run nothing" },
  { name = "help", short = "h", group = OUT, setting = "help", value = true, help = "print this" },
}

---@type tidelock.Option[]
M.doctor = {
  { name = "repair", group = "Mending", setting = "repair", value = true,
    help = "remove what sandboxes left whose tidelock was killed (cgroups with what lives in them,"
      .. " records), name each, and do nothing else" },
  { name = "json", group = OUT, setting = "json", value = true,
    help = "print works, cause and checks (group, name, status, value, cause, remedy) as JSON;"
      .. " with --repair what was removed" },
  { name = "help", short = "h", group = OUT, setting = "help", value = true, help = "print this" },
}

---The options of `tidelock explain`: run's, and what explain alone can do.
---@return tidelock.Option[]
function M.explain()
  local list = { unpack(M.run) }
  list[#list + 1] = { name = "schema", group = OUT, setting = "schema", value = true,
    help = "print the fields of a spec" }
  return list
end

---The options of every command that has some: for the manual pages and the completion.
---@return table<string, tidelock.Option[]>
function M.tables()
  local tables = { run = M.run, explain = M.explain(), doctor = M.doctor }
  for verb, options in pairs(require "tidelock.options.boxes") do tables[verb] = options end
  return tables
end

---@class tidelock.Parsed
---@field spec tidelock.Spec?    what the options ask for, each with its option as origin; none
---  beside --bundle
---@field list table[]           the same as { field, value, origin }
---@field settings table         report {path=} or {fd=}, timeline, json, quiet, verbose, dry_run...
---@field script string?         the spec file
---@field command string[]       empty where none was given

---@param argv string[]
---@param options tidelock.Option[]?  M.run unless given
---@param context {getenv: function?, open: function?, verb: string?}?
---@return tidelock.Parsed
function M.parse(argv, options, context)
  return require("tidelock.options.parse").parse(argv, options or M.run, context or {})
end

---For a command whose words are no command to run: options and words in any order.
---@param argv string[]
---@param verb string
---@return { settings: table, words: string[] }? parsed  nil: --help was asked for, and printed
function M.words(argv, verb)
  local options = M.tables()[verb]
  local parsed = require("tidelock.options.parse").words(argv, options, {})
  if not parsed.settings.help then return parsed end
  io.stdout:write(M.help(options, verb))
end

---The text of `--help`.
---@param options tidelock.Option[]?
---@param verb string?
---@return string
function M.help(options, verb)
  return require("tidelock.options.help").text(options or M.run, verb or "run")
end

return M

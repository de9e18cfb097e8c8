--- The fields of a spec, once: type, how parts merge, default, what `within` takes for wider.

local M = {}

---@class tidelock.Field
---@field name string
---@field type string      what is accepted, for people
---@field merge "replace"|"key"|"append"
---@field default string   for people
---@field doc string
---@field wider string     what `within` and the warnings take for wider, for people
---@field module string    of tidelock.schema, holds the check
---@field check string     (value, at, field, words) -> value of its own, or raises
---@field words string[]?  all accepted values
---@field parts boolean?    keys with a dot are parts of others: the module has covers() and nest()

---In the order in which `explain --schema` lists them.
---@type tidelock.Field[]
M.list = {
  { name = "command", type = "list of strings", merge = "replace",
    default = "none: init holds the box open", doc = "the program and its arguments",
    wider = "any other, where the ceiling has one",
    module = "process", check = "command" },
  { name = "cwd", type = "path", merge = "replace", default = "the caller's current directory",
    doc = "directory inside the box that the command starts in",
    wider = "any other, where the ceiling has one; else one outside all mounts of fs",
    module = "check", check = "path" },
  { name = "env", type = "NAME = string or false", merge = "key", default = "what env_keep leaves",
    doc = "environment variables; false takes one away",
    wider = "another value, and a variable that the ceiling takes away",
    module = "process", check = "env" },
  { name = "env_keep", type = '"minimal", "all", "none"', merge = "replace", default = '"minimal"',
    doc = "what stays of the caller's environment; minimal: PATH TERM LANG LC_* TZ HOME USER",
    wider = "none < minimal < all", module = "check", check = "one_of",
    words = { "minimal", "all", "none" } },
  { name = "view", type = '"system", "host", "none"', merge = "replace", default = '"system"',
    doc = "what of the host's files is there, read-only, before fs", wider = "none < system < host",
    module = "check", check = "one_of", words = { "system", "host", "none" } },
  { name = "rootfs", type = "path", merge = "replace", default = "none: a root made of the view",
    doc = "host directory that becomes the root", wider = "any other", module = "check",
    check = "path" },
  { name = "fs", type = "list of fs.bind{...}, fs.tmpfs{...} and the like", merge = "append",
    default = "none", doc = "mounts; a later one replaces an earlier one on its target",
    wider = "a source on a target that the ceiling has not, writable where it is read-only, "
      .. "and anything hidden or masked there that is not here",
    module = "mounts", check = "list" },
  { name = "user", type = '"1000", "1000:100", "name", "name:group"', merge = "replace",
    default = "the caller, 0 for root", doc = "who the command runs as, inside",
    wider = "any other", module = "process", check = "user" },
  { name = "hostname", type = "string", merge = "replace", default = "the box's own name",
    doc = "host name inside", wider = "any other, where the ceiling has one or uts is shared",
    module = "process", check = "hostname" },
  { name = "net", type = '"none", "host"', merge = "replace", default = '"none"',
    doc = "the network", wider = "none < host", module = "check", check = "one_of",
    words = { "none", "host" } },
  { name = "share", type = 'list of "ipc", "uts", "cgroup", "network"', merge = "append",
    default = "none", doc = 'namespaces of the host to stay in; "network" is net = "host"',
    wider = "one more", module = "rights", check = "share" },
  { name = "capabilities", type = "{ add = {...}, drop = {...} }", merge = "append",
    default = "none", doc = 'capabilities inside, such as "NET_ADMIN", or "ALL"',
    wider = "one more", module = "rights", check = "capabilities" },
  { name = "seccomp", type = '"default", "none", or a file of compiled BPF', merge = "replace",
    default = '"default"', doc = "the filter of system calls",
    wider = "default < none; a file only within itself and none", module = "process",
    check = "seccomp" },
  { name = "rlimits", type = 'NAME = number, "unlimited" or { soft, hard }', merge = "key",
    default = "the caller's", doc = "limits of prlimit(2); false takes one away",
    wider = "a higher one, and one that only one of the two has (except 0)", module = "rights",
    check = "rlimits" },
  { name = "limits", type = "{ memory = SIZE, pids = COUNT, cpus = NUMBER, cpuset = LIST, ... }",
    merge = "key", parts = true, default = "none, and oom = \"group\", swap = 0 beside memory",
    doc = "limits on the box as a whole, by cgroup; false takes one away",
    wider = "a higher one, and none; of a weight or a protection a higher one; any other raw key",
    module = "limits", check = "limits" },
  { name = "best_effort", type = "boolean", merge = "replace", default = "false",
    doc = "run without the limits that cannot be enforced, and report them",
    wider = "false < true", module = "check", check = "boolean" },
  { name = "init", type = "boolean", merge = "replace", default = "true",
    doc = "an init as PID 1 that forwards signals and reaps", wider = "true < false",
    module = "check", check = "boolean" },
  { name = "pass_fds", type = "list of { fd = N, target = M }", merge = "append", default = "none",
    doc = "descriptors that the command inherits, besides 0 to 2", wider = "one more",
    module = "process", check = "pass_fds" },
  { name = "timeout", type = "duration", merge = "replace", default = "none",
    doc = "time after which the box is killed", wider = "a longer one, and none", module = "check",
    check = "duration" },
  { name = "stdin", type = '"inherit", "null", a descriptor, a function', merge = "replace",
    default = '"inherit"', doc = "standard input",
    wider = "null < inherit; any other descriptor or function", module = "process",
    check = "stream" },
  { name = "stdout", type = '"inherit", "capture", "null", a descriptor, a function',
    merge = "replace", default = '"inherit"', doc = "standard output",
    wider = "null, capture < inherit; any other descriptor or function", module = "process",
    check = "stream" },
  { name = "stderr", type = '"inherit", "capture", "null", a descriptor, a function',
    merge = "replace", default = '"inherit"', doc = "standard error",
    wider = "null, capture < inherit; any other descriptor or function", module = "process",
    check = "stream" },
  { name = "tty", type = "boolean", merge = "replace", default = "false",
    doc = "a terminal of the box's own as all three streams; what is typed and printed is copied",
    wider = "false < true", module = "check", check = "boolean" },
  { name = "hooks", type = "list of { at = STAGE, call = FUNCTION }", merge = "append",
    default = "none", doc = "Lua functions at prepare, created, started, stopped",
    wider = "any difference", module = "process", check = "hooks" },
  { name = "ops", type = "list of { at = STAGE, op = NAME, fields = {...} }", merge = "append",
    default = "none", doc = "operations of one's own at mounts, root, confine",
    wider = "any difference", module = "process", check = "ops" },
  { name = "require", type = 'list of "drop-groups"', merge = "append", default = "none",
    doc = "what must be enforced, or nothing runs", wider = "one less", module = "rights",
    check = "require" },
  { name = "force", type = "boolean", merge = "replace", default = "false",
    doc = "allow / and $HOME to be made writable", wider = "false < true", module = "check",
    check = "boolean" },
}

---@type table<string, tidelock.Field>
M.fields = {}
for _, field in ipairs(M.list) do M.fields[field.name] = field end

---All names, sorted.
---@return string[]
function M.names()
  local names = {}
  for i, field in ipairs(M.list) do names[i] = field.name end
  table.sort(names)
  return names
end

---The field `name`; raises with a did-you-mean where there is none.
---@param name string
---@param at string?
---@return tidelock.Field
function M.field(name, at)
  local field = M.fields[name]
  if field then return field end
  local errors = require "tidelock.error"
  local origin = require "tidelock.origin"
  errors.refuse {
    why = "unknown field " .. errors.show(name), at = origin.refine(at, name),
    accepted = table.concat(M.names(), ", "),
    hint = require("tidelock.suggest").hint(name, M.names()),
  }
end

---A value of the field, checked: a new value (for "key" fields by key, for "append" fields a list),
---and the fields that it also sets. Raises for a bad one.
---@param name string
---@param value any
---@param at string?
---@param extra any  what the field's check takes besides
---@return any value
---@return table<string, any>? also
function M.check(name, value, at, extra)
  local field = M.field(name, at)
  local module = require("tidelock.schema." .. field.module)
  if field.module == "mounts" then return module.list(value, at, extra) end
  return module[field.check](value, at, name, field.words)
end

---What `explain --schema` prints, as data.
---@return table[]  { name, type, merge, default, doc, wider }
function M.describe()
  local list = {}
  for i, field in ipairs(M.list) do
    list[i] = {
      name = field.name, type = field.type, merge = field.merge, default = field.default,
      doc = field.doc, wider = field.wider,
    }
  end
  return list
end

---What `explain --schema` prints.
---@return string
function M.text()
  local merges = {
    replace = "the last one counts", key = "merged by key", append = "appended in order",
  }
  local lines = {}
  for _, field in ipairs(M.list) do
    lines[#lines + 1] = ("%s: %s"):format(field.name, field.doc)
    lines[#lines + 1] = ("    accepts  %s"):format(field.type)
    if field.parts then
      local names = require("tidelock.schema." .. field.module).NAMES
      lines[#lines + 1] = ("    keys     %s"):format(table.concat(names, ", "))
    end
    lines[#lines + 1] = ("    default  %s"):format(field.default)
    lines[#lines + 1] = ("    parts    %s"):format(merges[field.merge])
    lines[#lines + 1] = ("    wider    %s"):format(field.wider)
  end
  return table.concat(lines, "\n") .. "\n"
end

return M

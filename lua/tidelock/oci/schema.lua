--- The shape of config.json, as runtime-spec 1.0 to 1.2 has it: the type of every property that is
--- looked at, and those that are known and cannot be done yet. Others are ignored, as the spec
--- wants it (config.md, "Extensibility").

local M = {}

--- Checks are names of functions in tidelock.oci.check, or:
---   { "list", CHECK }     an array
---   { "map", CHECK }      an object of any names
---   { "object", {...} }   an object of these; a name that ends in "!" must be there
---   { "not yet", WHY }    refused where it says something
local function list(check) return { "list", check } end
local function map(check) return { "map", check } end
local function object(fields) return { "object", fields } end
local function not_yet(why) return { "not yet", why } end

local mapping = object { ["containerID!"] = "id", ["hostID!"] = "id", ["size!"] = "ids" }

local LABELS = "no LSM label is set here yet"
local HOOKS = "hooks are not called yet"

local process = object {
  terminal = "boolean",
  consoleSize = object { ["height!"] = "uint", ["width!"] = "uint" },
  ["cwd!"] = "path", args = list "string", env = list "string",
  user = object {
    ["uid!"] = "id", ["gid!"] = "id", umask = "uint", additionalGids = list "id",
    username = not_yet "it is a property of other platforms",
  },
  capabilities = object {
    bounding = list "string", effective = list "string", inheritable = list "string",
    permitted = list "string", ambient = list "string",
  },
  rlimits = list(object { ["type!"] = "string", ["soft!"] = "uint", ["hard!"] = "uint" }),
  noNewPrivileges = "boolean", oomScoreAdj = "int",
  apparmorProfile = not_yet(LABELS), selinuxLabel = not_yet(LABELS),
  scheduler = not_yet "scheduling is not set yet", ioPriority = not_yet "scheduling is not set yet",
  execCPUAffinity = not_yet "scheduling is not set yet",
}

local mount = object {
  ["destination!"] = "path", source = "text", type = "text", options = list "text",
  uidMappings = list(mapping), gidMappings = list(mapping),
}

local device = object {
  ["type!"] = "string", ["path!"] = "path", major = "int", minor = "int", fileMode = "uint",
  uid = "id", gid = "id",
}

local rate = object { ["major!"] = "uint", ["minor!"] = "uint", ["rate!"] = "uint" }

local resources = object {
  devices = list(object {
    ["allow!"] = "boolean", type = "string", major = "int", minor = "int", access = "string",
  }),
  memory = object {
    limit = "int", reservation = "int", swap = "int", kernel = "int", kernelTCP = "int",
    swappiness = "uint", disableOOMKiller = "boolean", useHierarchy = "boolean",
    checkBeforeUpdate = "boolean",
  },
  cpu = object {
    shares = "uint", quota = "int", burst = "uint", period = "uint", realtimeRuntime = "int",
    realtimePeriod = "uint", cpus = "text", mems = "text", idle = "int",
  },
  pids = object { limit = "int" },
  blockIO = object {
    weight = "uint", leafWeight = "uint",
    weightDevice = list(object {
      ["major!"] = "uint", ["minor!"] = "uint", weight = "uint", leafWeight = "uint",
    }),
    throttleReadBpsDevice = list(rate), throttleWriteBpsDevice = list(rate),
    throttleReadIOPSDevice = list(rate), throttleWriteIOPSDevice = list(rate),
  },
  hugepageLimits = list(object { ["pageSize!"] = "text", ["limit!"] = "uint" }),
  network = object {
    classID = "uint",
    priorities = list(object { ["name!"] = "text", ["priority!"] = "uint" }),
  },
  rdma = map(object { hcaHandles = "uint", hcaObjects = "uint" }),
  unified = map "text",
}

local linux = object {
  namespaces = list(object { ["type!"] = "string", path = "text" }),
  uidMappings = list(mapping), gidMappings = list(mapping),
  devices = list(device), cgroupsPath = "text", resources = resources,
  rootfsPropagation = "text", seccomp = "raw", sysctl = map "string",
  maskedPaths = list "path", readonlyPaths = list "path",
  personality = object { ["domain!"] = "string", flags = list "string" },
  mountLabel = not_yet(LABELS), intelRdt = not_yet "resctrl is not touched yet",
  timeOffsets = not_yet "time namespaces are not made yet",
  netDevices = not_yet "network devices are not moved yet",
  memoryPolicy = not_yet "NUMA policies are not set yet",
}

M.config = object {
  ["ociVersion!"] = "version",
  ["root!"] = object { ["path!"] = "path", readonly = "boolean" },
  ["process!"] = process, hostname = "text", domainname = "text", mounts = list(mount),
  ["linux!"] = linux, annotations = map "string",
  hooks = object {
    prestart = not_yet(HOOKS), createRuntime = not_yet(HOOKS), createContainer = not_yet(HOOKS),
    startContainer = not_yet(HOOKS), poststart = not_yet(HOOKS), poststop = not_yet(HOOKS),
  },
  windows = not_yet "it is a property of other platforms",
  solaris = not_yet "it is a property of other platforms",
  vm = not_yet "it is a property of other platforms",
}

return M

#!/usr/bin/env tidelock
-- Bundles: the directory that an engine hands to an OCI runtime, a root and a config.json, made by
-- hand. It comes to the same plan as a spec in Lua; the command is PID 1, as engines expect it.
local tidelock = require "tidelock"
local json = require "tidelock.json"

local shell = assert(io.popen [[d=$(mktemp -d) && mkdir -p $d/rootfs/bin &&
  cp $(command -v busybox) $d/rootfs/bin/sh && echo $d && id -u && id -g]])
local dir, uid, gid = shell:read("*l", "*n", "*n")
shell:close()

local function map(id) return json.array { { containerID = 0, hostID = id, size = 1 } } end

local config = {
  ociVersion = "1.0.2",
  root = { path = "rootfs", readonly = true },
  process = {
    args = { "sh", "-c", "echo $$ $(cat /proc/sys/kernel/hostname); echo *; (: > /new) 2>&1" },
    cwd = "/", user = { uid = 0, gid = 0 }, env = { "PATH=/bin" },
    noNewPrivileges = true,
  },
  hostname = "by-hand",
  mounts = {
    { destination = "/proc", type = "proc", source = "proc" },
    { destination = "/dev", type = "tmpfs", source = "tmpfs", options = { "nosuid", "mode=755" } },
  },
  linux = {
    namespaces = { { type = "pid" }, { type = "mount" }, { type = "uts" }, { type = "user" } },
    uidMappings = map(uid), gidMappings = map(gid),
    maskedPaths = { "/proc/kcore" },
  },
}
local file = assert(io.open(dir .. "/config.json", "w"))
file:write(json.encode(config))
file:close()

print(tidelock.bundle(dir):run():line():match "^exited with status %d")
--> 1 by-hand
--> bin dev proc
--> sh: can't create /new: Read-only file system
--> exited with status 1

-- Words take the place of process.args.
print(tidelock.bundle(dir):run { "sh", "-c", "exit 7" }.status)
--> 7

-- What cannot be done is an error that names the property, before anything has begun.
config.process.apparmorProfile = "docker-default"
file = assert(io.open(dir .. "/config.json", "w"))
file:write(json.encode(config))
file:close()
print((tostring(tidelock.bundle(dir):run().error):match "^[^\n]*"))
--> process.apparmorProfile: cannot be done: no LSM label is set here yet

os.execute("rm -r " .. dir)

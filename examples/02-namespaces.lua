#!/usr/bin/env tidelock
-- Namespaces by hand: what each one is, and what changes with it. Nothing here needs root.
--
-- tidelock.core has the kernel's own calls as plain functions, named as the man pages name them.
local core = require("tidelock").core
local process, namespace, identity, uts = core.process, core.namespace, core.identity, core.uts

-- A process is in one namespace of each type; two that see the same thing show the same link.
local function shows(name) return core.host.readlink("/proc/self/ns/" .. name) end
local host = { uts = shows "uts", net = shows "net", name = uts.uname().nodename }
local uid, gid = identity.getresuid(), identity.getresgid()

-- child() runs a function in a child process, so that the supervisor itself stays where it is.
process.child(function()
  -- A user namespace comes first: in it an ordinary user has every capability, over what he
  -- makes there and nothing else.
  assert(namespace.unshare { "user", "uts", "network", "ipc" })
  print("capabilities", #core.capability.capget().effective > 30)
  --> capabilities	true

  -- Ids are not mapped yet: the kernel shows the overflow id.
  print("uid before the map", (identity.getresuid()))
  --> uid before the map	65534
  namespace.deny_setgroups()
  namespace.uid_map(nil, { { 0, uid, 1 } }) -- inside, outside, how many
  namespace.gid_map(nil, { { 0, gid, 1 } })
  print("uid after the map", (identity.getresuid()))
  --> uid after the map	0

  print("other namespaces", shows "uts" ~= host.uts, shows "net" ~= host.net)
  --> other namespaces	true	true
  uts.sethostname "aquarium"
  print("host name inside", uts.uname().nodename)
  --> host name inside	aquarium

  -- A new network has a loopback, which is down, and nothing else.
  process.child(function()
    process.execve("/bin/sh", { "sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '" })
  end):wait()
  --> lo

  -- A new pid namespace begins with the next child, which is 1 in it.
  namespace.unshare "pid"
  process.child(function() print("pid inside", process.getpid()) end):wait()
  --> pid inside	1
end):wait()
print("host name outside", uts.uname().nodename == host.name)
--> host name outside	true

-- What fails says why, as values; a mistake of one's own raises, with what is accepted.
print(process.kill(2 ^ 30, "TERM"))
--> nil	ESRCH	3
print((select(2, pcall(namespace.unshare, "net")):match "^[^,]+"))
--> unshare: "net" is not accepted (accepted: cgroup

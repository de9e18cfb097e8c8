-- Mutations that change nothing that a spec could see, and why. A name that is no longer a
-- mutation's is an error.

local IDS = "where fs.suid_dumpable is 0, as it is by default, the kernel does this at each "
  .. "change of ids and at setns(2) into a user namespace: the operation is for the others"
local SCOPED = "RESOLVE_IN_ROOT refuses them as well, as yet (openat2(2)), with another errno"
local OTHERS = "the ioctls on a master fail on everything else, a ptmx outside a devpts opens the "
  .. "one beside it or none, and TIOCGPTPEER opens nothing but the slave"
local EARLIER = "the launcher's child brings lo up before; the operation is what tells a failure"
local AGAIN = "finish sets all three again, and nothing is executed between the two"
local SOON = "what follows makes no wait but barriers, where the supervisor's death is an end of "
  .. "file, and the last of them looks whether it still lives"

return {
  ["init: an empty plan is not refused"] =
    "mmap(2) of no bytes fails, and that is refused two lines on",
  ["init: a message with fewer than two files is taken"] =
    "the second descriptor is then what the stack held, which is no file of the page's size",
  ["init: more slots are read than came"] =
    "a message without a file never gets that far: at least one more slot comes each time",
  ["init: a descriptor above the link is taken"] =
    "there is one only where nothing could be closed, and then that fault ends init in any case",
  ["init: a barrier does not mind that the supervisor is gone"] =
    "the supervisor's death is a SIGKILL to init, too (init does no pdeathsig)",
  ["init: a sysctl may be reached through links and mounts"] =
    "no component of the name begins with a dot, and a procfs that is mounted nowhere has no links "
      .. "and no mounts below sys",
  ["init: a path may lead through magic links"] = SCOPED,
  ["init: a file may be made through magic links"] = SCOPED,
  ["init: the working directory may lie outside"] =
    "no magic link leads to it any more (the working directory may be reached by a magic link)",
  ["host: a time before the plan's is believed"] =
    "the difference is then larger than any time that has passed, and refused for that",
  ["host: other ancillary data than one file is taken"] =
    "the kernel sends no other kind unasked, and there is room for one file and no more",
  ["host: the caller's handlers may run in the child"] =
    "every signal is blocked up to the exec, which takes the handlers away",
  ["host: the mode of the copy of init can be changed"] =
    "each box has a copy of its own, and breaks its own",
  ["host: newuidmap gets the caller's environment"] =
    "of a set-uid program the loader ignores what could be used against it",
  ["host: a map may be longer than its room"] = "a map has two lines at most, and they fit",
  ["host: a newuidmap that fails is taken for one that worked"] =
    "the change of ids that follows fails where there is no map",
  ["host: a write to a box that is gone raises SIGPIPE"] =
    "a socket of type SOCK_SEQPACKET raises none, as yet",
  ["init: PID 1 does not notice that the supervisor is gone"] = "pdeathsig ends it, too; without "
    .. "either, see: PID 1 does not mind in either way that the supervisor is gone",
  ["init: the box's pidfd stays open"] =
    "close_fds and the exit close it, and up to there nobody can look into the process",
  ["init: the workload keeps a master"] = "it is O_CLOEXEC from the beginning",
  ["init: the caller's line discipline is taken over"] = "TCSETS does not change it, as yet",
  ["init: a terminal may be on any file system"] = OTHERS,
  ["init: the master is not looked at"] = OTHERS,
  ["init: a terminal may be any file"] = OTHERS,
  ["init: a master may be any device"] = OTHERS,
  ["init: a slave may be any device"] = OTHERS,
  ["init: the slave is not looked at"] = OTHERS,
  ["init: dots are names"] =
    "no plan of ours has them, and from a directory below the root they lead at most to the root",
  ["the plan has no link_up of host"] = EARLIER,
  ["the plan has no link_up of identity"] = EARLIER,
  ["init does no leave"] =
    "at the end of the plan init ends too, with a fault that nobody asks for",
  ["the plan has no no_new_privs of exec"] = "the process that opens a file executes nothing",
  ["init does no dumpable"] = IDS,
  ["the plan has no dumpable of identity"] =
    "of the host's root: nobody is in the box before its workload, and who is in a pid namespace "
      .. "that is joined has fewer capabilities, or CAP_SYS_PTRACE over it all the same",
  ["the plan has no dumpable of identity #2"] = IDS,
  ["the plan has no dumpable of join"] = IDS,
  ["the plan has no dumpable of join #2"] =
    "the map's file is the parent's to write all the same, as long as init has changed no id",
  ["the plan has no ambient of identity"] =
    "capset leaves nothing inheritable, and the ambient set is what is inheritable at most",
  ["the plan has no capset of identity"] = AGAIN,
  ["the plan has no capset of exec"] = AGAIN,
  ["the plan has no pdeathsig of join"] = SOON,
  ["the plan has no dumpable of exec"] = IDS,
  ["the plan has no dumpable of exec #2"] = IDS,
  ["the plan has no pdeathsig of host"] = SOON,
  ["the plan has no pdeathsig of identity"] = SOON,
  ["the plan has no pdeathsig of exec"] = SOON,
  ["the plan has no pdeathsig of exec #2"] = SOON,
}

-- Mutations that no spec is red for as yet, and what one would have to do. Each is a gap.
return {
  ["the plan has no reach of join"] =
    "make the parent write the maps before the child has made its user namespace, each time",
  ["init: a path in a mount is not resolved in it"] =
    "change the attributes of a path in a mount whose root has an absolute link",
  ["init: a procfs that is none gets the oom_score_adj"] = "run on a host whose /proc is none",
  ["init: who enters a box keeps the link to the exec"] =
    "win the race that box_safe_spec runs: it does, but not each time",
  ["init: what is held stays open up to the exec"] =
    "look at what the workload's process holds while execve looks for the program",
  ["init: the workload begins when PID 1 has failed"] =
    "see a program begin in the microseconds before the kernel ends its pid namespace",
  ["init: the slave is opened by its name"] =
    "put something over /dev/pts/N before the pty of that number is made",
}

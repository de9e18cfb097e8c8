-- The defences of the launcher and of what it stands on; as in init.lua.
local LAUNCH, BOX, LINK = "core/host/launch.c", "core/host/box.c", "core/host/link.c"
local SPAWN, IMAGE = "core/host/spawn.c", "core/host/image.c"
local TERMINAL, USERNS = "core/host/terminal.c", "core/host/userns.c"
local DEVICES, ENTER = "core/host/device_filter.c", "core/host/enter.c"

return {
  -- The plan, and what is held before the clone.
  { "the plan is not checked", LAUNCH,
    "if (tl_plan_check(launch->plan, launch->size, &index, &why) < 0) {",
    "(void)index, (void)why;\n\tif (launch->size < 64) {" },
  { "other slots than the plan wants are taken", LAUNCH,
    "w.plan->given == launch->given_count", "1" },
  { "a directory's type is not looked at", LAUNCH,
    "expect == TL_EXPECT_DIR && !S_ISDIR(st.st_mode)", "0" },
  { "a file's type is not looked at", LAUNCH, "expect == TL_EXPECT_FILE && S_ISDIR(st.st_mode)",
    "0" },
  { "a device's type is not looked at", LAUNCH, "(!S_ISCHR(st.st_mode) ||\n", "(0 ||\n" },
  { "a device's number is not looked at", LAUNCH,
    "(major(st.st_rdev) << 8 | minor(st.st_rdev)) != rdev", "0 * rdev" },
  { "a path beneath may lead above", LAUNCH,
    "RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAG",
    "RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAG" },
  { "a path beneath may lead through links", LAUNCH,
    "RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS", "RESOLVE_BENEATH" },
  { "a tree that cannot be mapped has no attributes", LAUNCH,
    "struct mount_attr set = { .attr_set = op->attr, .propagation = MS_PRIVATE };",
    "struct mount_attr set = { .propagation = MS_PRIVATE };" },
  { "a tree that cannot be mapped stays a peer of the host's mount", LAUNCH,
    "struct mount_attr set = { .attr_set = op->attr, .propagation = MS_PRIVATE };",
    "struct mount_attr set = { .attr_set = op->attr };" },
  { "an idmapped tree stays a peer of the host's mount", USERNS,
    "\t\t.propagation = MS_PRIVATE,\n" },
  { "a namespace may be of another kind", LAUNCH,
    "if ((uint64_t)(uint32_t)kind != tl_u64_value(op->flags))", "if (0)" },
  { "what is no namespace may be waited for", LAUNCH,
    "O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC", "O_RDONLY | O_CLOEXEC" },
  -- A start that fails, and what entered a box.
  { "hooks are not undone", LAUNCH, "if (ops[k].code == TL_OP_hook)", "if (0)" },
  { "a start that fails leaves its child", LAUNCH,
    "\tif (ret < 0) {\n\t\ttl_box_kill(box);", "\tif (ret < 0) {" },
  { "a start that fails leaves its cgroups", LAUNCH, "if (launch->cgroup)", "if (0)" },
  { "what entered a box and was not handed over lives on", ENTER,
    "\t\tabandon_entered(box);\n", "\t\t(void)abandon_entered;\n" },
  { "any process whose pid the page tells is killed", ENTER,
    "if (pid <= 1 ||\n\t    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | "
      .. "__WALL) < 0)",
    "if (pid <= 1)" },
  { "the end of who joined a box is not noticed", ENTER,
    "if (n > 0 && !fds[0].revents && poll(fds, 1, 0) == 0)", "if (0)" },
  -- The page, which the box may write.
  { "a fault of any index is believed", BOX, "if (index > box->count ||\n", "if (0 ||\n" },
  { "a fault of another lane is believed", BOX,
    "!(box->lanes[index] & (TL_CHILD | TL_BESIDE))))", "0))" },
  { "any errno is believed", BOX, "if (fault->error <= 0 || fault->error > 4095)", "if (0)" },
  { "a link that was cut does not end the box", BOX,
    "\tif (ends[1].revents & (POLLHUP | POLLERR))\n"
      .. "\t\tsyscall(SYS_pidfd_send_signal, box->pidfd, SIGKILL, NULL, 0);\n"
      .. "\treturn ends[1].revents & (POLLHUP | POLLERR);", "\treturn false;" },
  { "a byte over the link is the end", BOX,
    "if (ends[0].revents ||\n\t    __atomic_load_n(&box->page->state, __ATOMIC_ACQUIRE) &"
      .. " TL_PAGE_WAITED)", "if (1)" },
  { "a time before the plan's is believed", BOX, "tsc >= scale->origin && ", "" },
  { "a time that is still to come is believed", BOX,
    " && tsc - scale->origin <= scale->ticks", "" },
  { "an end before the start is believed", BOX, "t.end < t.start || ", "" },
  -- The link.
  { "a file from the box is inherited by what the caller starts", LINK,
    "recvmsg(link, &message, MSG_CMSG_CLOEXEC)", "recvmsg(link, &message, 0)" },
  { "a message without a file is taken", LINK, "if (!file)", "if (0)" },
  { "other ancillary data than one file is taken", LINK,
    "if (file->cmsg_level != SOL_SOCKET || file->cmsg_type != SCM_RIGHTS ||\n"
      .. "\t    file->cmsg_len != CMSG_LEN(sizeof(int)))", "if (0)" },
  { "there is room for more than one file", LINK,
    "char bytes[CMSG_SPACE(sizeof(int))];\n\t\tstruct cmsghdr align;\n\t} control;\n\tchar byte;\n"
      .. "\tstruct iovec data = { .iov_base = &byte, .iov_len = 1 };\n\tstruct msghdr message = {\n"
      .. "\t\t.msg_iov = &data,\n\t\t.msg_iovlen = 1,\n\t\t.msg_control = control.bytes,\n"
      .. "\t\t.msg_controllen = CMSG_LEN(sizeof(int)),",
    "char bytes[CMSG_SPACE(2 * sizeof(int))];\n\t\tstruct cmsghdr align;\n\t} "
      .. "control;\n\tchar byte;\n"
      .. "\tstruct iovec data = { .iov_base = &byte, .iov_len = 1 };\n\tstruct msghdr message = {\n"
      .. "\t\t.msg_iov = &data,\n\t\t.msg_iovlen = 1,\n\t\t.msg_control = control.bytes,\n"
      .. "\t\t.msg_controllen = CMSG_LEN(2 * sizeof(int))," },
  { "a rendezvous is one without its byte", LINK, "recv(link, &byte, 1, 0) == 1 ? 0 : -EPIPE",
    "(recv(link, &byte, 1, 0), 0)" },
  { "a write to a box that is gone raises SIGPIPE", LINK, 'send(link, "", 1, MSG_NOSIGNAL)',
    'send(link, "", 1, 0)' },
  -- The clone.
  { "capabilities are lost at the exec", SPAWN, "ret = keep_capabilities();",
    "ret = 0 * (long)keep_capabilities;" },
  { "the caller's handlers may run in the child", SPAWN,
    ".flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | CLONE_PIDFD |\n",
    ".flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD |\n" },
  { "the box keeps the helper's processors", SPAWN, "if (ret >= 0 && spawn->moved)", "if (0)" },
  { "the ends of the link may stand on its number", SPAWN, "ret = raise_fd(&spawn->theirs);",
    "ret = 0;" },
  { "the image may stand on the link's number", SPAWN, "ret = raise_fd(&spawn->image);",
    "ret = 0;" },
  { "init's end of the link stays open here", SPAWN,
    "\ttl_fd_close(&spawn->image);\n\ttl_fd_close(&spawn->theirs);\n\tpid", "\tpid" },
  { "the link is inherited by what the caller starts", SPAWN, "SOCK_SEQPACKET | SOCK_CLOEXEC",
    "SOCK_SEQPACKET" },
  { "a start that is given up leaves its child", SPAWN,
    "raw(pidfd_send_signal, spawn->pidfd, SIGKILL, NULL, 0);\n\t\treap(P_PIDFD, "
      .. "spawn->pidfd);",
    ";" },
  { "the copy of init has no seals", IMAGE,
    "\tret = raw(fcntl, fd, F_ADD_SEALS, SEALED | F_SEAL_EXEC);\n\tif (ret == -EINVAL)\n"
      .. "\t\tret = raw(fcntl, fd, F_ADD_SEALS, SEALED);\n", "" },
  { "the mode of the copy of init can be changed", IMAGE, "SEALED | F_SEAL_EXEC);", "SEALED);" },
  { "the plan has no seals", IMAGE, "return finished(fd, raw(fcntl, fd, F_ADD_SEALS, SEALED));",
    "return fd;" },
  { "the page can be cut short", IMAGE, "F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW))",
    "F_SEAL_SEAL))" },
  { "the seals of the page can be added to", IMAGE, "F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW))",
    "F_SEAL_SHRINK | F_SEAL_GROW))" },
  -- The terminal and the ids.
  { "the box's word that it is a terminal is taken", TERMINAL, "ret = check_master(fd, call);",
    "ret = 0 * (int)(long)check_master;" },
  { "a terminal may be on any file system", TERMINAL, "fs.f_type != DEVPTS_SUPER_MAGIC || ", "" },
  { "the watchdog keeps what its parent had open", TERMINAL, "\tkeep_two(modes->fd, pipe);\n",
    "\t(void)keep_two;\n" },
  { "newuidmap gets the caller's environment", USERNS, "argv, environment);",
    "argv, ((void)environment, __environ));" },
  { "a newuidmap that fails is taken for one that worked", USERNS, "status ? -EPERM : 0", "0" },
  { "a map may be longer than its room", USERNS,
    'if (snprintf(words, sizeof(words), "%s", map) >= (int)sizeof(words))',
    'if (snprintf(words, sizeof(words), "%s", map) < 0)' },
  -- Rules for devices.
  { "a rule for devices gives access that it has not", DEVICES,
    "allow ? 0 : (uint32_t)(ACCESS_ALL & ~rule->access) << 16;", "0;" },
  { "a rule for devices is about both types", DEVICES, "outside | 0xffff);", "outside);" },
  { "a rule for devices is about all numbers", DEVICES, "\temit_device(e, rule);\n",
    "\t(void)emit_device;\n" },
  { "a rule for a device's number takes the minor alone", DEVICES, "\t\tmask |= ~minors;\n" },
  { "a rule that denies devices denies other access too", DEVICES,
    "jump(e, BPF_JSET, ACCESS, HIT, (uint32_t)rule->access << 16);",
    "jump(e, BPF_JSET, ACCESS, HIT, (uint32_t)ACCESS_ALL << 16);" },
  { "a device's number may be larger than any", DEVICES, "if (value >= limit)", "if (0)" },
  { "a program for devices gives way to those below", DEVICES,
    "attr.attach_flags = BPF_F_ALLOW_MULTI |", "attr.attach_flags = BPF_F_ALLOW_OVERRIDE |" },
  { "another's program for devices is replaced", DEVICES,
    "strncmp(info.name, NAME, sizeof(info.name)) == 0", "1" },
  { "a program for devices that was replaced stays in one more place", DEVICES,
    "ret = drop(cgroup, programs + first, count - first);",
    "ret = 0 * (int)(long)drop;" },
  { "a program for devices is kept open", DEVICES,
    "autoclose int program = -1;\n\n\t*call", "int program = -1;\n\n\t*call" },
}

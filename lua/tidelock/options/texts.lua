--- What the commands' help and manual pages say beside the options.

local BOXES = [[
An ID is what "tidelock ps" shows, or the beginning of one: as much as tells it from the others.]]

local CALLED = "125 it was called wrongly, or could not be done."

---@class tidelock.Text
---@field usage string
---@field name string    in one line
---@field story string
---@field words string   how its words are read
---@field exit string
---@field ids boolean?   its words are IDs

---@type table<string, tidelock.Text>
local M = {}

M.run = {
  usage = "tidelock run [options] [SPEC.lua] [--] COMMAND...",
  name = "run a command in a sandbox",
  story = "Runs a command in a sandbox: the system's programs and the current directory "
    .. "read-only, no network, no capabilities, a filter of system calls.",
  words = [[
The first word that ends in .lua is a spec file. Before "--" all words are options and
the spec file; without "--" the first other word begins the command.]],
  exit = [[
Exit status: the command's own; 128+n killed by signal n; 124 time limit; 125 tidelock
failed or a --require could not be met; 126 not executable; 127 not found.]],
}

M.explain = {
  usage = "tidelock explain [options] [SPEC.lua] [--] COMMAND...",
  name = "print what run would do",
  story = "Prints what run would do, one operation a line, and does nothing.",
  words = M.run.words, exit = M.run.exit,
}

M.doctor = {
  usage = "tidelock doctor [options]",
  name = "tell what this host allows",
  story = "Tells what this kernel, this user and this host allow, one line for each, by trying it"
    .. " in namespaces that end at once; and the command that mends what they do not.",
  words = [[
A line is ok; info, which is only told; warn, where a feature is missing that some option of run
needs; or fail, where "tidelock run -- true" does not work. Below a warn and a fail stand its cause
and its remedy, a command for whoever may give it. The last check is such a run, and the last line
says what came of it. A run that fails names the same causes. With --repair nothing is examined:
what sandboxes left whose tidelock was killed is removed and named, each thing in a line.]],
  exit = "Exit status: 0 run works here, or nothing is left; 1 it does not, or something is; 125"
    .. " tidelock doctor was called wrongly.",
}

M.ps = {
  usage = "tidelock ps [options] [ID...]",
  name = "list the sandboxes that run",
  story = "Lists the sandboxes of this user that run, the oldest first: ID, the pid of the first"
    .. " process as the host counts, age, state, limits, command.",
  words = BOXES, exit = "Exit status: 0, also where none runs; " .. CALLED, ids = true,
}

M.stats = {
  usage = "tidelock stats [options] [ID...]",
  name = "tell what sandboxes use",
  story = "Prints once what the sandboxes use that run: processor time, and per cent of a processor"
    .. " since the start; memory now, at most, and its limit; what was read and written; processes"
    .. " and their limit; pressure: per cent of the last ten seconds in which something waited for"
    .. " the processor, memory, io (cgroup v2); processes killed for memory. The numbers are those"
    .. " of its cgroup: where it has none, which is without any limit, there is a dash.",
  words = BOXES, exit = "Exit status: 0, also where none runs; " .. CALLED, ids = true,
}

M.top = {
  usage = "tidelock top [options] [ID...]",
  name = "watch what sandboxes use",
  story = "Shows what stats prints, again and again, the busiest first; per cent of a processor is"
    .. " that since the last look. q or Ctrl-C ends it, any other key looks at once. Where standard"
    .. " output is no terminal the looks are printed one after the other.",
  words = BOXES, exit = "Exit status: 0; 128+n ended by signal n; " .. CALLED, ids = true,
}

M.kill = {
  usage = "tidelock kill ID [SIGNAL] | tidelock kill --all ID",
  name = "send a signal to a sandbox, or kill all of it",
  story = "Sends a signal, TERM unless said, to the first process of a sandbox; it hands it on to"
    .. " the command. With --all every process in it is killed, whatever it does, stopped and"
    .. " paused ones too, and their end is waited for.",
  words = BOXES .. " A signal is a name as in signal(7), or a number.",
  exit = "Exit status: 0 done; " .. CALLED, ids = true,
}

M.pause = {
  usage = "tidelock pause ID",
  name = "stop all of a sandbox until resume",
  story = "Stops every process of a sandbox where it stands, by the freezer of its cgroup, and"
    .. " returns when all do; its time limit goes on. A sandbox without a cgroup cannot be paused:"
    .. " any limit gives it one.",
  words = BOXES, exit = "Exit status: 0 done; " .. CALLED, ids = true,
}

M.resume = {
  usage = "tidelock resume ID",
  name = "let a paused sandbox go on",
  story = "Lets a sandbox go on that pause stopped.",
  words = BOXES, exit = "Exit status: 0 done; " .. CALLED, ids = true,
}

return M

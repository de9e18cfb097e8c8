--- The options of the commands over the boxes that run; see tidelock.options.

local OUT, WHICH = "Output", "Which"

local HELP = { name = "help", short = "h", group = OUT, setting = "help", value = true,
  help = "print this" }

local function json(help)
  return { name = "json", group = OUT, setting = "json", value = true, help = help }
end

---@type table<string, tidelock.Option[]>
return {
  ps = {
    { name = "quiet", short = "q", group = OUT, setting = "quiet", value = true,
      help = "print the IDs alone" },
    json "print a list of id, name, pid, age (seconds), started, state, limits, command... as JSON",
    HELP,
  },
  stats = {
    json("print all that is known as JSON, in seconds and bytes; what memory is used for, where IDs"
      .. " are given"),
    HELP,
  },
  top = {
    { name = "delay", short = "d", arg = "TIME", group = OUT, setting = "delay", entry = "delay",
      help = "time between two looks, such as 500ms or 5s; 2s unless said" },
    { name = "rounds", short = "n", arg = "N", group = OUT, setting = "rounds", entry = "rounds",
      help = "end after N looks" },
    HELP,
  },
  kill = {
    { name = "all", short = "a", group = WHICH, setting = "all", value = true,
      help = "kill every process of the sandbox, and wait for their end" },
    HELP,
  },
  pause = { HELP },
  resume = { HELP },
}

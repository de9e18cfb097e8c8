-- `tidelock run -- true` beside a floor in C that makes the same system calls, and beside bwrap
-- with the nearest options.
local harness = require "bench.harness"

local LIMIT_FLOOR, LIMIT_BWRAP, LIMIT_PEAK_MB = 1.5, 0.8, 8

local function bwrap(filter)
  local here = harness.absolute ".":gsub("/%.$", "")
  return {
    "bwrap", "3<" .. filter, "bwrap", "--unshare-all", "--die-with-parent", "--new-session",
    "--hostname", "tidelock", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
    "--ro-bind", "/opt", "/opt", "--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin",
    "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dir", "/home",
    "--dir", "/media", "--dir", "/mnt", "--tmpfs", "/run", "--tmpfs", "/tmp", "--tmpfs", "/root",
    "--tmpfs", "/var/tmp", "--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue",
    "--ro-bind", here, here, "--remount-ro", "/", "--chdir", here, "--cap-drop", "ALL",
    "--seccomp", "3", "true",
  }
end

-- A floor that mounts less than the default plan does would flatter nobody.
local function check_mounts(floor, tidelock)
  local function mounts(command)
    return tonumber(harness.output_of(command .. " sh -c 'wc -l < /proc/self/mountinfo'"))
  end
  local of_floor, of_tidelock = mounts(floor), mounts(tidelock)
  if of_floor ~= of_tidelock then
    print(("the floor makes %s mounts and tidelock %s: adjust spec/bench/floor.c to"
      .. " `tidelock explain -- true`"):format(of_floor, of_tidelock))
  end
end

return { run = function(bench)
  local build, filter = bench.build, bench:default_filter()
  check_mounts(("%s/bench/floor %s"):format(build, filter), build .. "/tidelock run --")
  local results = bench:measure("timer", { bench.rounds }, {
    { "true", "true" },
    { "floor", build .. "/bench/floor", filter, "true" },
    { "tidelock", build .. "/tidelock", "run", "--", "true" },
    bwrap(filter),
  })
  bench:record("run -- true", results)
  bench.table("run -- true", results, { "ratio_floor", "peak_kb", "runs" })
  print ""
  local tidelock = results.tidelock
  bench:bound("run -- true: of the floor", harness.ratio(tidelock, results.floor), LIMIT_FLOOR)
  bench:bound("run -- true: of bwrap", harness.ratio(tidelock, results.bwrap), LIMIT_BWRAP)
  bench:bound("run -- true: the supervisor's peak, MB", tidelock.peak_kb / 1024, LIMIT_PEAK_MB)
end }

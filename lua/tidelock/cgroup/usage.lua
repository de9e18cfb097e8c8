--- What a box has used, from the counters of its cgroup into its report.

local M = {}

-- The sum is the cgroup's, which counts also those that nobody waited for; v1 counts its parts in
-- ticks. Those of rusage are finer, where most of the time is in them.
local function add_cpu(usage, cpu)
  usage.throttled, usage.periods_throttled = cpu.throttled, cpu.throttled_periods
  if not cpu.usage then return end
  local waited = (usage.user or 0) + (usage.system or 0)
  local counted = (cpu.user or 0) + (cpu.system or 0)
  local share = 1
  if waited > cpu.usage / 2 then
    share = usage.user / waited
  elseif counted > 0 then
    share = cpu.user / counted
  end
  usage.user = cpu.usage * share
  usage.system = cpu.usage - usage.user
end

---Seconds, bytes and counts; what is not known is left out.
---@param report tidelock.Report
---@param stats tidelock.CgroupStats  taken after the last process
function M.add(report, stats)
  local usage = report.usage
  if stats.cpu then add_cpu(usage, stats.cpu) end
  if stats.memory then
    usage.memory_peak = stats.memory.peak or usage.memory_peak
    usage.memory = stats.memory
  end
  if stats.pids then
    usage.pids_peak, usage.forks_refused = stats.pids.peak, stats.pids.refused
  end
  usage.io, usage.pressure, usage.oom = stats.io, stats.pressure, stats.oom
end

return M

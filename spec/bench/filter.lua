#!/usr/bin/env luajit
-- What an engine's linux.seccomp costs a start, in the top folder after make:
--
--   luajit spec/bench/filter.lua [config.json]      ROUNDS=300 B=build
--
-- Medians: reading the config with the profile left as text, finding the filter in the cache, and
-- loading it with seccomp(2) in a child of its own; beside it the programs that libseccomp makes.
local build = os.getenv("B") or "build"
local rounds = tonumber(os.getenv("ROUNDS") or 300)
package.path = ("?.lua;lua/?.lua;lua/?/init.lua;%s/gen/?.lua;%s"):format(build, package.path)
package.cpath = ("%s/lib/?.so;%s"):format(build, package.cpath)

local ffi = require "ffi"
local core = require "tidelock.core"
local seccomp = require "tidelock.oci.seccomp"
local reference = require "spec.support.oci.reference"

ffi.cdef [[
  struct bench_time { long seconds, nanoseconds; };
  struct bench_fprog { unsigned short count; const void *program; };
  int clock_gettime(int clock, struct bench_time *time);
  void *mmap(void *address, unsigned long size, int prot, int flags, int fd, long offset);
  int fork(void);
  int waitpid(int pid, int *status, int options);
  void _exit(int status);
  int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
  long syscall(long number, ...);
]]

local time = ffi.new("struct bench_time")
local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1e6 + tonumber(time.nanoseconds) / 1e3
end

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function timed(call)
  local list = {}
  for i = 1, rounds do
    local start = now()
    call()
    list[i] = now() - start
  end
  return median(list)
end

local shared = ffi.cast("double *", ffi.C.mmap(nil, 4096, 3, 0x21, -1, 0))
local SYS_SECCOMP, SET_MODE_FILTER = 317, 1

-- In a child, because a filter stays.
local function load_time(bytes)
  local program = ffi.new("struct bench_fprog", #bytes / 8, ffi.cast("const char *", bytes))
  local list = {}
  for i = 1, rounds do
    shared[0] = -1
    local pid = ffi.C.fork()
    if pid == 0 then
      ffi.C.prctl(38, 1, 0, 0, 0)
      local start = now()
      local result = ffi.C.syscall(SYS_SECCOMP, ffi.cast("long", SET_MODE_FILTER),
        ffi.cast("long", 0), program)
      shared[0] = result == 0 and now() - start or -1
      ffi.C.syscall(231, ffi.cast("long", 0))
    end
    ffi.C.waitpid(pid, nil, 0)
    assert(shared[0] >= 0, "the kernel does not take the filter")
    list[i] = shared[0]
  end
  return median(list)
end

local function report(what, microseconds, bytes)
  print(("%-44s %8.1f us%s"):format(what, microseconds,
    bytes and ("  %d instructions"):format(#bytes / 8) or ""))
end

local path = arg[1] or "spec/support/oci/engine-config.json"
local config = assert(io.open(path, "rb")):read("*a")
local raw = { raw = { ["linux.seccomp"] = true } }
local text = core.json.decode(config, raw).linux.seccomp
local profile = core.json.decode(text)
local dir = os.tmpname()
os.remove(dir)

seccomp.load(text, dir, core)
local function warm()
  seccomp.forget()
  local _, source = seccomp.load(text, dir, core)
  assert(source == "cache", source)
end
local function cold()
  seccomp.forget()
  seccomp.load(text, nil, core)
end

local made = seccomp.load(text, dir, core).filter
local read, loaded = timed(warm), load_time(made)
report(("config.json (%d bytes), profile as text"):format(#config),
  timed(function() core.json.decode(config, raw) end))
report(("profile (%d bytes): found in the cache"):format(#text), read)
report("  loaded with seccomp(2)", loaded, made)
report("  both together", read + loaded)
report("libseccomp's tree, loaded", load_time(reference.compile(profile, 2)),
  reference.compile(profile, 2))
report("libseccomp's list, loaded", load_time(reference.compile(profile, 1)),
  reference.compile(profile, 1))
rounds = math.ceil(rounds / 10)
report("profile compiled, no cache", timed(cold))
os.execute("rm -rf '" .. dir .. "'")

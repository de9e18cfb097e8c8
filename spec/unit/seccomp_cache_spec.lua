--- The cache of compiled filters: found again, never trusted blindly, never needed.

local ffi = require("ffi")
local filter = require("tidelock.core").filter
local cache = require("tidelock.seccomp.cache")
local default = require("tidelock.seccomp.default")

ffi.cdef("unsigned int geteuid(void);")
local root = ffi.C.geteuid() == 0

local CAPABILITIES = { "CHOWN", "SYS_ADMIN" }

local function sh(command, ...)
  local status = os.execute(command:format(...))
  assert(status == 0 or status == true, command)
end

local function spit(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local has_builtin, builtin = pcall(require, "tidelock.seccomp.builtin")

local function key_of_entry()
  if not has_builtin then return cache.key(default.policy(CAPABILITIES), filter) end
  return filter.sha256(builtin.version .. "\n" .. table.concat(CAPABILITIES, " "))
end

local function slurp(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

describe("the filter cache", function()
  local base, dir, entry, expected

  local function load_again(directory)
    cache.forget()
    local bytes, message, source = cache.load(CAPABILITIES, directory or dir, { filter = filter })
    assert.equal(expected, bytes, message)
    return source
  end

  before_each(function()
    base = os.tmpname()
    os.remove(base)
    sh("mkdir -m 700 %s", base)
    dir = base .. "/a/tidelock"
    expected = expected or assert(filter.compile(default.policy(CAPABILITIES)))
    entry = dir .. "/" .. key_of_entry() .. ".bpf"
  end)

  after_each(function() sh("rm -rf %s", base) end)

  -- Spoils the entry, expects a compilation and the right bytes, then a sound entry again.
  local function rebuilt(spoil)
    load_again()
    spoil()
    assert.equal("compiled", load_again())
    assert.equal("cache", load_again())
  end

  it("makes its directory, keeps an entry and finds it again", function()
    assert.equal("compiled", load_again())
    assert.equal("cache", load_again())
    sh("test \"$(stat -c %%a %s)\" = 600", entry)
    sh("test \"$(stat -c %%a %s)\" = 700", dir)
    sh("test -z \"$(ls -A %s | grep -v '[.]bpf$')\"", dir)
  end)

  it("keeps a filter in the process that has loaded it", function()
    load_again()
    local _, _, source = cache.load(CAPABILITIES, dir, { filter = filter })
    assert.equal("memory", source)
  end)

  it("has another entry for each policy that differs, and one for those that do not", function()
    local function key(...) return cache.key(default.policy({ ... }), filter) end
    assert.equal(key(), key("CHOWN"))
    assert.equal(key("SYS_ADMIN", "BPF"), key("BPF", "SYS_ADMIN"))
    assert.not_equal(key(), key("NET_RAW"))
    assert.not_equal(key(), key("SYS_CHROOT"))
  end)

  it("rebuilds an entry with any byte changed", function()
    load_again()
    local sound = slurp(entry)
    for _, at in ipairs({ 1, 8, 9, 13, 17, 48, 49, 60, #sound }) do
      local byte = string.char((sound:byte(at) + 1) % 256)
      rebuilt(function() spit(entry, sound:sub(1, at - 1) .. byte .. sound:sub(at + 1)) end)
    end
  end)

  it("rebuilds a truncated, an empty and an overlong entry", function()
    load_again()
    local sound = slurp(entry)
    for _, length in ipairs({ 0, 1, 47, 48, 49, 56, #sound - 8, #sound - 1 }) do
      rebuilt(function() spit(entry, sound:sub(1, length)) end)
    end
    rebuilt(function() spit(entry, sound .. ("\0"):rep(8)) end)
    rebuilt(function() spit(entry, sound .. ("\0"):rep(40000)) end)
  end)

  it("rebuilds an entry that was renamed from another policy's", function()
    local other = dir .. "/" .. ("0"):rep(64) .. ".bpf"
    load_again()
    local bytes = filter.compile(default.policy({}))
    assert.is_true(filter.cache_store(dir, ("0"):rep(64) .. ".bpf", bytes))
    rebuilt(function() sh("cp %s %s", other, entry) end)
  end)

  it("does not follow a symbolic link, wait for a FIFO or read a directory", function()
    rebuilt(function() sh("mv %s %s/real && ln -s %s/real %s", entry, base, base, entry) end)
    rebuilt(function() sh("rm %s && mkfifo %s", entry, entry) end)
    load_again()
    sh("rm %s && mkdir %s", entry, entry)
    assert.equal("compiled", load_again())
  end)

  it("does not trust an entry or a directory that others may write", function()
    rebuilt(function() sh("chmod 620 %s", entry) end)
    rebuilt(function() sh("chmod 602 %s", entry) end)
    load_again()
    for _, mode in ipairs({ "720", "702", "1777" }) do
      sh("chmod %s %s", mode, dir)
      assert.equal("compiled", load_again())
    end
    sh("chmod 700 %s", dir)
    assert.equal("cache", load_again())
  end)

  it("does not trust an entry or a directory of another user", function()
    if not root then return pending("only root can give files away") end
    rebuilt(function() sh("chown 1000 %s", entry) end)
    load_again()
    sh("chown 1000 %s", dir)
    assert.equal("compiled", load_again())
  end)

  it("does not use a directory behind a symbolic link", function()
    load_again()
    sh("ln -s %s %s/link", dir, base)
    assert.equal("compiled", load_again(base .. "/link"))
  end)

  it("works without a directory, and with one that cannot be made", function()
    cache.forget()
    local bytes, _, source = cache.load(CAPABILITIES, nil, { filter = filter })
    assert.equal(expected, bytes)
    assert.equal("compiled", source)
    assert.equal("compiled", load_again("/proc/tidelock"))
    assert.equal("compiled", load_again("/dev/null/x"))
    assert.equal("compiled", load_again(""))
    assert.equal("compiled", load_again("/" .. ("x/"):rep(4000)))
  end)

  it("may be deleted at any time", function()
    load_again()
    sh("rm -rf %s", dir)
    assert.equal("compiled", load_again())
    assert.equal("cache", load_again())
  end)

  it("takes no name that leads elsewhere", function()
    for _, name in ipairs({ "../x", "", ".", ".hidden", "a/b" }) do
      assert.is_nil(filter.cache_store(base, name, expected))
      assert.is_nil(filter.cache_load(base, name))
    end
  end)

  it("has the default filter built in, where there is a build, and up to date", function()
    if not has_builtin then return pending("no build: tidelock.seccomp.builtin is generated") end
    assert.equal(filter.compile(default.policy({})), builtin.bytes)
    local path = assert(package.searchpath("tidelock.seccomp.default", package.path))
    assert.equal(cache.version(slurp(path), filter), builtin.version)
    cache.forget()
    local bytes, _, source = cache.load({}, nil, { filter = filter })
    assert.equal(builtin.bytes, bytes)
    assert.equal("builtin", source)
  end)

  it("keeps the filter of any other policy as well", function()
    local policy = default.policy({ "NET_RAW" })
    local _, _, source = cache.load_policy(policy, dir, filter)
    assert.equal("compiled", source)
    local bytes
    bytes, _, source = cache.load_policy(policy, dir, filter)
    assert.equal("cache", source)
    assert.equal(filter.compile(policy), bytes)
    policy.otherwise = "permit"
    assert.has_error(function() cache.load_policy(policy, dir, filter) end)
  end)
end)

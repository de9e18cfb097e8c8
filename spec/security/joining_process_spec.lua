-- CVE-2016-9962: a process on its way into a container is ptraced from inside, or its descriptors
-- and memory are reached, before it executes what it is to be (spec/support/scan.c). What joins a
-- box is non-dumpable before it does, and holds no descriptor of the host. In run and in a bundle
-- nothing joins: the first process is born inside, and there is nobody before it.
local box = require "spec.support.box"
local compile = require "spec.support.compile"
local run = require "spec.support.run"

describe("the way of box:exec into a box", function()
  local folder, scan

  setup(function()
    folder = run.folder()
    scan = compile.c("spec/support/scan.c", folder .. "/scan")
  end)
  teardown(function() run.remove(folder) end)

  local rights = {
    { "a plain workload", "" },
    { "a workload with SYS_PTRACE",
      "capabilities = { add = { 'SYS_PTRACE' } }, seccomp = 'none', force = true," },
    { "a workload with every capability",
      "capabilities = { add = { 'ALL' } }, force = true, seccomp = 'none'," },
  }

  local function attacked(fields, during)
    local result = box.lua(([[
      local tidelock = require "tidelock"
      local box = assert(tidelock.spec { tidelock.fs.bind { "%s", "/scan", readonly = true },
        tidelock.fs.bind { "%s", "/memfd:victim/tidelock-init", readonly = true }, %s }:start())
      %s
      local attack = assert(box:spawn { "/scan", "400", "/tmp/stop", stdout = "capture" })
      while attack:alive() do
        box:exec { "true" }:assert()
        assert(box:read "/etc/passwd")
        attack:wait(0)
      end
      io.write(attack:wait():assert().stdout)]]):format(scan, scan, fields, during or ""))
    assert.same({ 0, "" }, { result.status, result.stderr })
    return result.stdout
  end

  for _, case in ipairs(rights) do
    it("is closed to " .. case[1], function()
      local printed = attacked(case[2])
      local seen = tonumber(printed:match "seen (%d+)")
      -- Each way is tried in its turn: at least once.
      assert(seen > 12, "the attack hardly saw anything: " .. printed)
      assert.is_nil(printed:match "got.*")
    end)
  end

  it("would not be, were it like any other process: the attack works", function()
    local printed = attacked(rights[3][2], [[
      local victim = assert(box:spawn { "/memfd:victim/tidelock-init", "victim", stdout = "pipe" })
      victim.stdout:read()]])
    for _, way in ipairs { "ptrace", "mem", "auxv", "maps", "exe", "descriptors", "pidfd_getfd",
      "process_vm_readv", "root", "cwd", "link", "slot" } do
      assert(printed:find("got " .. way .. " ", 1, true), way .. ": " .. printed)
    end
  end)
end)

-- The known attacks on container runtimes and sandboxes, and where each is carried out here. Every
-- file names its case, and says why where one cannot apply.
local run = require "spec.support.run"

-- Case, file of spec/security, and the ways in on which it is tried.
local CASES = {
  { "CVE-2016-9962", "joining_process", "exec" },
  { "CVE-2019-5736", "self_exe", "run exec bundle" },
  { "CVE-2019-5736", "entry_point", "run exec bundle" },
  { "CVE-2019-14271", "host_library", "run exec bundle" },
  { "CVE-2019-16884", "fake_proc", "run exec bundle" },
  { "CVE-2019-19921", "fake_proc", "run exec bundle" },
  { "CVE-2023-27561", "fake_proc", "run exec bundle" },
  { "CVE-2023-28642", "fake_proc", "run exec bundle" },
  { "CVE-2025-52881", "fake_proc", "run exec bundle" },
  { "CVE-2021-30465", "target_symlink", "run exec bundle" },
  { "CVE-2019-18837", "target_symlink", "run exec bundle" },
  { "CVE-2021-30465", "proc_swap", "run exec bundle" },
  { "CVE-2021-43784", "netlink_length", "run exec bundle" },
  { "CVE-2022-29162", "inheritable_capabilities", "run exec bundle" },
  { "CVE-2022-27650", "inheritable_capabilities", "run exec bundle" },
  { "CVE-2023-25809", "cgroup_tree", "run exec bundle" },
  { "CVE-2024-21626", "leaked_directory", "run exec bundle" },
  { "CVE-2024-21626", "entry_point", "run exec bundle" },
  { "CVE-2024-45310", "mkdir_race", "run exec bundle" },
  { "CVE-2025-31133", "masked_null", "run exec bundle" },
  { "CVE-2025-52565", "console_swap", "run bundle" },
  { "CVE-2026-41579", "dev_symlink", "run exec bundle" },
  { "CVE-2026-47766", "dev_symlink", "run exec bundle" },
  { "CVE-2026-88264", "dev_symlink", "run exec bundle" },
  { "CVE-2026-88265", "dev_symlink", "run exec bundle" },
  { "CVE-2026-30892", "user_parser", "run exec bundle" },
  { "CVE-2017-5226", "tiocsti", "run exec bundle" },
  { "CVE-2026-41163", "setuid", "run" },
  { "CVE-2026-87766", "root_symlink", "run exec bundle" },
  { "CVE-2024-42472", "persisted_symlink", "run exec" },
  { "CVE-2022-31214", "fake_container", "exec" },
  { "CVE-2021-26910", "filter_cache", "run exec bundle" },
  { "nsjail", "groups", "run exec bundle" },
  { "socketcall", "socketcall", "run exec bundle" },
  { "unix sockets", "host_sockets", "run exec bundle" },
  { "hook", "planted_hooks", "run exec" },
  { "process_vm_readv", "vm_readv", "run exec bundle" },
  { "Unlocked mounts", "unlocked_mounts", "run exec bundle" },
  { "openat", "directory_descriptor", "run exec bundle" },
  { "CVE-2026-31431", "af_alg", "run exec bundle" },
  { "cgroup path", "cgroup_path", "run exec bundle" },
  { "container id", "container_id", "run exec bundle" },
}

local WAYS = { "run", "exec", "bundle" }

describe("the case", function()
  for _, case in ipairs(CASES) do
    local id, file, tried = unpack(case)
    it(("%s has a spec, %s, that carries it out or says why not"):format(id, file), function()
      local text = assert(run.read(("spec/security/%s_spec.lua"):format(file)), file)
      assert(text:find(id, 1, true), id .. " is not in " .. file)
      -- A way that is not tried is spoken of.
      for _, way in ipairs(WAYS) do
        if not tried:find(way, 1, true) then
          local head = text:match "^(.-)\n\n"
          assert(head:find(way, 1, true), ("%s does not say why not in %s"):format(file, way))
        end
      end
    end)
  end
end)

describe("a spec of this folder", function()
  it("is in the table, or is about a defence of no case's own", function()
    local listed = { cases = true }
    for _, case in ipairs(CASES) do listed[case[2]] = true end
    -- What a defence is not, what a trace shows, and ways out that were once open here.
    -- And defences that were taken away (make mutate), each with its attack.
    for _, other in ipairs { "hide_self_exe", "mount_data", "ways_out", "leaked", "links",
      "propagation", "pty", "records" } do
      listed[other] = true
    end
    local pipe = io.popen "ls spec/security"
    for name in pipe:lines() do
      assert(listed[name:match "^(.*)_spec%.lua$"], name .. " is not in the table")
    end
    pipe:close()
  end)

  it("tells in its first line what it is about", function()
    local pipe = io.popen "head -qn 1 spec/security/*_spec.lua"
    local count = 0
    for line in pipe:lines() do
      assert.matches("^%-%- %S", line)
      count = count + 1
    end
    pipe:close()
    assert(count > 25, count)
  end)
end)

-- Why a controller of cgroups is not to be had, and how to get it.
local cgroups = require "spec.support.fake_cgroups"

local machine, v1_with = cgroups.machine, cgroups.v1_with
local tree, v2_host, ROOT, SESSION = cgroups.tree, cgroups.v2, cgroups.ROOT, cgroups.SESSION

describe("a controller that is not to be had", function()
  local controller = require "tidelock.probe.controller"

  local function of(facts, name)
    local found = controller.cause(facts, name)
    return found and ("%s: %s"):format(found.cause, found.remedy)
  end

  it("on v2 comes with what would give it", function()
    local away = { "^" .. ROOT }
    assert.is_nil(of(v2_host(tree "memory"), "memory"))
    local facts = v2_host(tree "memory", away)
    facts.uid = 1000
    assert.equal("the memory controller (cgroup v2) is not the caller's to use: no cgroup from "
      .. SESSION .. " up may have children with it: run it as root, or by systemd-run --user"
      .. " --scope -p Delegate=yes tidelock run ...", of(facts, "memory"))
    local files = tree("memory", "memory")
    files[ROOT .. "/cgroup.controllers"] = "memory io"
    facts = v2_host(files, away)
    facts.uid = 1000
    assert.matches("^the io controller %(cgroup v2%) is not given to this cgroup, " .. SESSION
      .. ": as root .*user@.service.d/delegate.conf.*systemd%-run", of(facts, "io"))
    assert.matches("^the pids controller %(cgroup v2%) is not in the unified hierarchy of this host"
      .. ": a kernel with CONFIG_CGROUP_PIDS$", of(facts, "pids"))
    facts = v2_host(files, away)
    assert.matches("echo %+io > /sys/fs/cgroup/cgroup.subtree_control$", of(facts, "io"))
    files["/proc/cgroups"] = "#subsys_name hierarchy num enabled\nmemory\t0\t5\t0\npids\t3\t1\t1\n"
    files[ROOT .. "/cgroup.controllers"] = "io"
    facts = v2_host(files, away)
    assert.matches("umount the cgroup v1 hierarchy of pids, or boot with cgroup_no_v1=all$",
      of(facts, "pids"))
    assert.matches("boot with cgroup_enable=memory on the kernel's command line$",
      of(facts, "memory"))
    -- What is mounted is a part: what the root has is not seen.
    files[ROOT .. "/cgroup.events"] = ""
    assert.matches("is not given to this cgroup", of(v2_host(files, away), "pids"))
  end)

  it("on v1 comes with what would give it", function()
    local files = { ["/proc/cgroups"] = "memory\t0\t5\t0\npids\t3\t1\t1\n" }
    local facts = machine({ version = 1, v1 = {} }, files)
    assert.matches("is not mounted: boot with cgroup_enable=memory", of(facts, "memory"))
    assert.matches("is not mounted: mkdir %-p /sys/fs/cgroup/pids && mount", of(facts, "pids"))
    assert.matches("is not mounted: a kernel with CONFIG_CGROUP_HUGETLB", of(facts, "hugetlb"))
    facts = machine(v1_with())
    function facts.writable() return false end
    assert.matches("is not the caller's to use: /cg/pids cannot be written: run it as root of the"
      .. " host", of(facts, "pids"))
    assert.equal("no cgroup file system is mounted: mount -t cgroup2 none /sys/fs/cgroup",
      of(machine { v1 = {} }, "pids"))
  end)
end)


-- A root that somebody else has made may have links where something is to be mounted: each leads
-- where it would lead inside, and nothing is made or covered on the host.
local box = require "spec.support.box"
local run = require "spec.support.run"

describe("a target that is a link in the root", function()
  local folder, root

  before_each(function()
    folder = run.folder()
    root = folder .. "/root"
    assert(os.execute(([[cd %s && mkdir -p root/bin root/in/dir root/proc root/dev root/sys root/tmp
      cp /bin/busybox root/bin/sh
      mkdir out && echo host > out/file && echo mine > mine && : > root/in/file
      cd root && ln -s /in/dir absolute && ln -s in/dir relative && ln -s ../../../../in/dir above
      ln -s /in/file to-file && ln -s ../in/file in/to-file && ln -s loop loop
      ln -s %s/out host-dir && ln -s %s/out/file host-file && ln -s %s/out/new host-new
      mkdir etc; : > etc/passwd]]):format(folder, folder, folder, folder)) == 0)
  end)
  after_each(function() run.remove(folder) end)

  local function inside(script, options)
    local all = { "--rootfs", root }
    for _, word in ipairs(options) do all[#all + 1] = word end
    return box.sh(script, all, { cwd = folder })
  end

  -- Where mounts of the box lie, of those that are in what the rootfs brought.
  local function mounts(options)
    local result = inside("while read -r a b c d target rest; do echo $target; done"
      .. " < /proc/self/mountinfo", options)
    assert.equal(0, result.status, result.stderr)
    local found = {}
    for line in result.stdout:gmatch "[^\n]+" do found[line] = true end
    return found
  end

  local function host_is_whole()
    assert.equal("host\n", run.read(folder .. "/out/file"))
    assert.equal("file\n", run.run("ls " .. folder .. "/out").stdout)
  end

  for _, name in ipairs { "absolute", "relative", "above" } do
    it("to a directory is followed inside: " .. name, function()
      assert(mounts { "--tmpfs", "/" .. name }["/in/dir"])
    end)
  end

  for _, name in ipairs { "to-file", "in/to-file" } do
    it("to a file is followed inside: " .. name, function()
      assert(mounts { "--bind", folder .. "/mine:/" .. name .. ":ro" }["/in/file"])
    end)
  end

  it("to where only the host has something makes nothing there", function()
    for _, options in ipairs { { "--tmpfs", "/host-dir" }, { "--tmpfs", "/host-dir/below" },
      { "--bind", folder .. "/mine:/host-file:ro" }, { "--bind", folder .. "/mine:/host-new:ro" },
      { "--bind", folder .. "/mine:/host-dir/new:ro" } } do
      inside(":", options)
      host_is_whole()
    end
  end)

  it("to itself is an error, and no crash", function()
    for _, options in ipairs { { "--tmpfs", "/loop" }, { "--tmpfs", "/loop/x" },
      { "--bind", folder .. "/mine:/loop:ro" }, { "--bind", folder .. "/mine:/loop/x:ro" } } do
      local result = inside(":", options)
      assert.equal(125, result.status)
      assert.matches("^tidelock: ", result.stderr)
    end
  end)
end)

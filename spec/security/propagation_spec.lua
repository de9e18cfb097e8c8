-- Mounts of a box stay its own, and the host's its own, also where the host shares its mounts, as
-- every system with systemd does.
local run = require "spec.support.run"

describe("on a host whose mounts are shared", function()
  local folder

  before_each(function()
    folder = run.folder()
    run.run("git init -q . && mkdir sub", { cwd = folder })
  end)
  after_each(function()
    if folder then run.remove(folder) end
  end)

  -- A shell script in a mount namespace of its own, in which all is shared and the folder a mount.
  local function shared(script)
    if run.who() ~= "root" then run.skip "needs root" end
    local result = run.run({ "unshare", "--mount", "--propagation", "private", "sh", "-c",
      "mount --bind . . && mount --make-rshared / && cd \"$PWD\" || exit 1; tl="
        .. run.quote(run.tidelock) .. "\n" .. script }, { cwd = folder })
    assert.equal("", result.stderr)
    return result.stdout
  end

  for name, options in pairs { ["of a writable directory"] = "--rw .",
    ["of memory"] = "--ro . --tmpfs " .. "$PWD/sub", ["of an overlay"] = "--overlay ." } do
    it("a box's mounts are not there, " .. name, function()
      assert.equal("1\n1\n", shared(([[
        grep -c "$PWD" /proc/self/mountinfo
        $tl run %s -- true
        grep -c "$PWD" /proc/self/mountinfo]]):format(options)))
    end)
  end

  it("what the host mounts later does not come into a box", function()
    assert.equal("folder: \n/opt: \n", shared [[
      for target in "$PWD/sub" /opt; do
        rm -f "$PWD/ready" "$PWD/go"
        $tl run --rw "$PWD" -- sh -c "touch ready; until [ -e go ]; do sleep 0.01; done
          echo \$(grep $target /proc/self/mountinfo | grep tidelock-late)" > "$PWD/out" &
        until [ -e "$PWD/ready" ]; do sleep 0.01; done
        mount -t tmpfs tidelock-late "$target"
        touch "$PWD/go"
        wait
        umount "$target"
        name=$target
        [ "$target" = /opt ] || name=folder
        echo "$name: $(cat "$PWD/out")"
      done]])
  end)
end)

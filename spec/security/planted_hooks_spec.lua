-- What was written from inside is run later on the host: git's hooks and settings, .envrc, ci.lua.
-- The caller's own git is what runs them here. Existing ones stay read-only under --rw, and .git
-- cannot be moved away and made anew; what could not be kept is reported
-- (spec/life/planted_spec.lua has every name). A bundle's writable mounts are its engine's word:
-- nothing in them is kept.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("a git hook planted from inside", function()
  local folder, project, owned

  before_each(function()
    if not run.has "git" then run.skip "needs git" end
    folder = run.folder()
    project, owned = folder .. "/project", folder .. "/owned"
    local made = run.run(([[mkdir %s && cd %s && git init -q . && git config user.email a@b &&
      git config user.name a && echo x > file && git add file && git commit -qm first]]):format(
      project, project))
    assert.equal(0, made.status, made.stderr)
  end)
  after_each(function() run.remove(folder) end)

  -- What the caller does afterwards, with tools that trust the directory.
  local function work()
    return run.run("echo y >> file; git add file; git commit -qm second; git status; git log -1; "
      .. "git diff HEAD~1", { cwd = project })
  end

  local HOOK = "printf '#!/bin/sh\\necho owned > OWNED\\n' > %s; chmod 755 %s; "

  local function plant(path) return HOOK:format(path, path) end

  local ATTACKS = {
    ["in .git/hooks"] = plant ".git/hooks/pre-commit" .. plant ".git/hooks/post-commit",
    ["by core.hooksPath"] = "mkdir h; " .. plant "h/pre-commit"
      .. "git config core.hooksPath $PWD/h; printf '[core]\\nhooksPath=h\\n' >> .git/config",
    ["by core.fsmonitor"] = plant "m" .. "git config core.fsmonitor ./m;"
      .. "printf '[core]\\nfsmonitor=./m\\n' >> .git/config",
    ["in a .git made anew"] = "mv .git g; mkdir .git; cp -r g/* .git/; "
      .. plant ".git/hooks/pre-commit",
    ["in a .git that is a link"] = "mv .git g; ln -s g .git; " .. plant "g/hooks/pre-commit",
    ["in hooks moved away"] = "mv .git/hooks .git/h; mkdir .git/hooks; "
      .. plant ".git/hooks/pre-commit",
    ["in a .git covered by a mount"] = "mount -t tmpfs none .git; "
      .. plant ".git/hooks/pre-commit",
  }

  local function settings(all)
    return { folder = folder, host_cwd = project,
      options = { all and "--rw-all" or "--rw", project },
      fields = ("tidelock.fs.rw { %q, all = %s },"):format(project, tostring(all or false)) }
  end

  local function attack(what) return (ATTACKS[what]:gsub("OWNED", owned)) end

  for what in pairs(ATTACKS) do
    for _, way in ipairs(ways.filtered()) do
      it(("%s is not run on the host after %s"):format(what, way.name), function()
        way.run({ "sh", "-c", "cd " .. project .. "; " .. attack(what) }, settings())
        local after = work()
        assert.is_nil(run.read(owned))
        assert.matches("first\n", run.run("git log --format=%s", { cwd = project }).stdout, 1, true)
        assert.equal("", after.stderr)
      end)
    end
  end

  for _, what in ipairs { "in .git/hooks", "by core.hooksPath", "by core.fsmonitor" } do
    it(what .. " is run with --rw-all: the attack works", function()
      local result = ways.list()[1].run({ "sh", "-c", attack(what) }, settings(true))
      local after = work()
      assert.equal("owned\n", run.read(owned), result.stderr .. after.stderr)
    end)
  end
end)

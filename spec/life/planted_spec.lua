-- Files that the caller's own tools run later: what --rw keeps from being written, and what it can
-- only tell about (SEQUENCES.md, trap 24).
local box = require "spec.support.box"
local run = require "spec.support.run"

local evil = "echo evil > %s 2>/dev/null; "

describe("a writable directory", function()
  local folder

  before_each(function()
    folder = run.folder()
    assert(run.run(([[cd %s && mkdir -p .git/hooks .git/objects .vscode sub/.git/hooks &&
      echo config > .git/config && echo hook > .git/hooks/pre-commit && echo HEAD > .git/HEAD &&
      echo envrc > .envrc && echo tasks > .vscode/tasks.json && echo spec > ci.lua]])
      :format(folder)).status == 0)
  end)
  after_each(function() run.remove(folder) end)

  local kept = {
    [".git/config"] = "config\n", [".git/hooks/pre-commit"] = "hook\n", [".envrc"] = "envrc\n",
    [".vscode/tasks.json"] = "tasks\n", ["ci.lua"] = "spec\n",
  }

  local function sh(script) return box.sh(script, { "--rw", folder }, { cwd = folder }) end

  local function verify()
    for path, text in pairs(kept) do assert.equal(text, run.read(folder .. "/" .. path), path) end
  end

  it("keeps hooks, settings and spec files from being written", function()
    local script = ""
    for path in pairs(kept) do script = script .. evil:format(path) end
    sh(script .. evil:format(".git/hooks/post-checkout") .. evil:format(".vscode/launch.json"))
    verify()
    assert.is_nil(run.read(folder .. "/.git/hooks/post-checkout"))
    assert.is_nil(run.read(folder .. "/.vscode/launch.json"))
  end)

  it("keeps them from being moved, removed, linked over or covered", function()
    local result = sh([[for f in .git/config .git/hooks .envrc .vscode ci.lua; do
        rm -rf $f; mv $f moved; ln -sf /etc/passwd $f; echo x > new; mv -fT new $f
        mkdir d; mv -T d $f; rm -rf d; done; chmod 777 .envrc; truncate -s 0 ci.lua
      ln ci.lua hard && echo x > hard; mount --bind /tmp .vscode]])
    assert.matches("busy", result.stderr)
    verify()
  end)

  it("cannot have its .git moved away and made anew", function()
    local result = sh [[mv .git moved; rm -rf .git; mkdir -p .git/hooks
      echo x > .git/hooks/pre-push]]
    assert.matches("busy", result.stderr)
    assert.equal("HEAD\n", run.read(folder .. "/.git/HEAD") or "HEAD\n")
    assert.is_nil(run.read(folder .. "/.git/hooks/pre-push"))
    verify()
  end)

  it("can still be worked in: git's objects, index and other files are written", function()
    local result = sh "echo x > .git/index; echo x > .git/objects/o; echo x > file"
    assert.equal(0, result.status, result.stderr)
    assert.equal("x\n", run.read(folder .. "/.git/index"))
  end)

  it("keeps them too when the path to them is another bind", function()
    box.sh("echo evil > /w/ci.lua; echo evil > " .. folder .. "/ci.lua",
      { "--rw", folder, "--ro", folder .. "/sub" }, { cwd = folder })
    verify()
  end)

  it("is all writable with --rw-all", function()
    local result = box.sh("echo mine > .git/hooks/pre-commit && echo mine > ci.lua",
      { "--rw-all", folder }, { cwd = folder })
    assert.equal(0, result.status, result.stderr)
    assert.equal("mine\n", run.read(folder .. "/ci.lua"))
    assert.equal("mine\n", run.read(folder .. "/.git/hooks/pre-commit"))
  end)

  it("reports what was not there and was planted", function()
    os.execute(("cd %s && rm -rf .git .envrc .vscode ci.lua"):format(folder))
    local report, result = box.report({ "sh", "-c",
      "mkdir -p .git/hooks .vscode; echo > .git/hooks/pre-commit; echo > .envrc; echo > ci.lua" },
      { "--rw", folder }, { cwd = folder })
    table.sort(report.planted)
    assert.same({ folder .. "/.envrc", folder .. "/.git", folder .. "/.vscode",
      folder .. "/ci.lua" }, report.planted)
    assert.matches("written from inside[^\n]*%.envrc", result.stderr)
  end)

  it("reports a planted file below an existing .git", function()
    os.execute("rm -rf " .. folder .. "/.git/hooks")
    local report = box.report({ "sh", "-c", "mkdir .git/hooks; echo x > .git/hooks/pre-commit" },
      { "--rw", folder }, { cwd = folder })
    assert.same({ folder .. "/.git/hooks" }, report.planted)
  end)

  it("reports nothing where nothing was planted", function()
    local report, result = box.report({ "touch", "harmless" }, { "--rw", folder }, { cwd = folder })
    assert.same({}, report.planted)
    assert.equal("", result.stderr)
  end)
end)

-- The shared page as an enemy in PID 1 could write it: the launcher believes what can be so, and
-- nothing else (spec/support/page.c).
local compile = require "spec.support.compile"
local run = require "spec.support.run"

describe("the launcher", function()
  it("bounds what it reads from the page that it shares with init", function()
    local folder = run.folder()
    local program = compile.c("spec/support/page.c", folder .. "/page",
      { run.top .. "/core/host/box.c" })
    local result = run.run { program }
    run.remove(folder)
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
  end)

  it("takes of what a box hands out what it asked for and nothing else", function()
    local folder = run.folder()
    local flags = { "-static", "-w", "-Wl,--unresolved-symbols=ignore-all" }
    for _, name in ipairs { "link", "image", "box" } do
      flags[#flags + 1] = ("%s/core/host/%s.c"):format(run.top, name)
    end
    local program = compile.c("spec/support/enemy.c", folder .. "/enemy", flags)
    local result = run.run { program }
    run.remove(folder)
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
  end)
end)

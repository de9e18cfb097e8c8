-- CVE-2019-5736: a container overwrites the program of the runtime on the host. The real attack, in
-- run, in exec and in a bundle, by an entry point that is a script of /proc/self/exe, a symlink to
-- it, or a program with it as its ELF interpreter; against the command line, against stock luajit,
-- and, to show that the attack is one, against a runtime without protection.
local box = require "spec.support.box"
local compile = require "spec.support.compile"
local run = require "spec.support.run"
local ways = require "spec.support.ways"

local FORMS = { "script", "symlink", "interpreter" }

describe("the program of the host", function()
  local folder, tidelock, luajit

  -- Programs that everybody may write to: only what the box shows of them keeps them whole.
  setup(function()
    folder = run.folder()
    os.execute(("mkdir %s/in && chmod 755 %s/in"):format(folder, folder))
    compile.c("spec/support/overwrite.c", folder .. "/in/overwrite")
    compile.c("spec/support/runtime.c", folder .. "/runtime")
    run.write(folder .. "/in/script", "#!/proc/self/exe\n")
    run.write(folder .. "/empty.c", "int main(void) { return 0; }\n")
    local made = run.run([[chmod 755 in/script && ln -s /proc/self/exe in/symlink &&
      gcc -Wl,--dynamic-linker=/proc/self/exe -o in/interpreter empty.c]], { cwd = folder })
    assert.same({ 0, "" }, { made.status, made.stderr })
    tidelock, luajit = folder .. "/tidelock", folder .. "/luajit"
    os.execute(("cp %s %s; cp $(command -v luajit) %s; chmod 777 %s %s %s/runtime"):format(
      run.quote(run.tidelock), tidelock, luajit, tidelock, luajit, folder))
  end)
  teardown(function() run.remove(folder) end)

  local function hashes()
    return run.run(("sha256sum %s %s %s $(command -v luajit)"):format(tidelock, luajit,
      run.quote(run.tidelock))).stdout
  end

  local before
  before_each(function() before = hashes() end)

  -- Nothing was written, nothing but init and the box's own was seen, and the attack did look.
  local function verify(printed)
    assert.equal(before, hashes())
    assert(tonumber(printed:match "looks (%d+)") > 20, printed)
    assert.is_nil(printed:match "wrote[^\n]*")
    for path in printed:gmatch "saw ([^\n]*)" do
      assert(path:match "^/usr/" or path == "/memfd:tidelock-init (deleted)"
        or path:match "^/attack/", path)
    end
    for path in printed:gmatch "held ([^\n]*)" do
      assert(path == "/memfd:tidelock-init (deleted)" or path:match "^/attack/", path)
    end
  end

  local rights = {
    ["by default"] = "",
    ["with every capability and no filter"] =
      "capabilities = { add = { 'ALL' } }, force = true, seccomp = 'none',",
  }

  local function lua(program, text)
    run.write(folder .. "/job.lua", ("local tidelock, folder = require 'tidelock', '%s'\n%s")
      :format(folder, text))
    local environment = program == luajit and box.library() or nil
    return run.run({ program, folder .. "/job.lua" }, { cwd = folder, env = environment })
  end

  local programs = { "tidelock", "luajit" }

  for _, name in ipairs(programs) do
    for what, fields in pairs(rights) do
      it("of " .. name .. " is out of reach in exec, " .. what, function()
        local result = lua(folder .. "/" .. name, ([[
          local spec = tidelock.spec { tidelock.fs.bind { folder .. "/in", "/attack" }, %s }
          local box = assert(spec:start())
          local attack = assert(box:spawn { "/attack/overwrite", "3000", "/tmp/stop",
            stdout = "capture" })
          for _ = 1, 25 do
            for _, form in ipairs { "script", "symlink", "interpreter" } do
              local report = box:exec { "/attack/" .. form, stderr = "capture" }
              -- Init runs once more, finds no plan and leaves.
              if report.status ~= 125 then print("odd", form, report:why()) end
            end
            box:exec { "/usr/bin/true" }:assert()
            assert(box:read "/etc/passwd")
          end
          assert(box:write("/tmp/stop", ""))
          io.write(attack:wait():assert().stdout)]]):format(fields))
        assert.same({ 0, "" }, { result.status, result.stderr }, result.stdout)
        assert.is_nil(result.stdout:match "odd[^\n]*")
        verify(result.stdout)
        -- The attack got as far as there is a way: to the sealed copy that is init's own.
        if fields ~= "" then assert.matches("held /memfd:tidelock-init", result.stdout, 1, true) end
      end)
    end

    it("of " .. name .. " is out of reach in run", function()
      local result = lua(folder .. "/" .. name, [[
        for _, fields in ipairs { {}, { capabilities = { add = { "ALL" } }, force = true,
          seccomp = "none" } } do
          local spec = tidelock.spec { fields, tidelock.fs.bind { folder .. "/in", "/attack" } }
          for _, form in ipairs { "script", "symlink", "interpreter" } do
            local report = spec:run { "/attack/" .. form, stderr = "capture" }
            if report.status ~= 125 then print("odd", form, report:why()) end
          end
          -- The workload attacks PID 1, and what it makes of itself through it.
          local report = spec:run { "sh", "-c", "/attack/overwrite 200 /tmp/stop & "
            .. "for i in 1 2 3 4 5 6 7 8 9; do for form in script symlink interpreter; do "
            .. "/attack/$form; /proc/1/exe; done; done 2>/dev/null; wait", stdout = "capture" }
          io.write(report.stdout)
        end]])
      assert.same({ 0, "" }, { result.status, result.stderr }, result.stdout)
      assert.is_nil(result.stdout:match "odd[^\n]*")
      verify(result.stdout)
    end)
  end

  it("is out of reach of tidelock run", function()
    for _, form in ipairs(FORMS) do
      local result = run.run({ tidelock, "run", "--bind", folder .. "/in:/attack", "--",
        "/attack/" .. form }, { cwd = folder })
      assert.same({ 125, "" }, { result.status, result.stdout })
      assert.equal("tidelock-init: there is no plan here to carry out\n",
        result.stderr:match "^[^\n]*\n")
      assert.equal(before, hashes())
    end
  end)

  it("is out of reach of a bundle, whose workload is PID 1", function()
    local function bundle(command)
      local words = ways.list()[3].words(command, { folder = folder,
        binds = { { folder .. "/in", "/attack", readonly = true } } })
      words[1] = tidelock
      return run.run(words, { cwd = folder })
    end
    for _, form in ipairs(FORMS) do
      local result = bundle { "/attack/" .. form }
      assert.same({ 125, "" }, { result.status, result.stdout }, result.stderr)
      assert.equal(before, hashes())
    end
    local result = bundle { "sh", "-c", "/attack/overwrite 200 /tmp/stop & "
      .. "for i in 1 2 3 4 5 6 7 8 9; do for form in script symlink interpreter; do "
      .. "/attack/$form; /proc/1/exe true; /proc/self/exe true; done; done >/dev/null 2>&1; wait" }
    assert.equal(before, hashes())
    assert(tonumber(result.stdout:match "looks (%d+)") > 20, result.stdout .. result.stderr)
    assert.is_nil(result.stdout:match "wrote [^\n]*tidelock[^\n]*")
    for path in result.stdout:gmatch "saw ([^\n]*)" do
      assert(path:match "^/bin/" or path:match "^/attack/", path)
    end
  end)

  for _, form in ipairs(FORMS) do
    it("of a runtime without protection is overwritten by the same attack, as " .. form, function()
      local runtime = folder .. "/runtime-" .. form
      os.execute(("cp %s/runtime %s; chmod 777 %s"):format(folder, runtime, runtime))
      local whole = run.read(runtime)
      local result = run.run(([[
        %s start %s/in/overwrite 5000 %s/stop-%s >pid 2>&1 </dev/null
        read pid <pid
        i=0
        while [ "$(head -c 2 %s)" != '#!' ] && [ $i -lt 300 ]; do
          %s exec $pid %s/in/%s >/dev/null 2>&1
          i=$((i + 1))
        done
        kill -9 $pid
        cat pid]]):format(runtime, folder, folder, form, runtime, runtime, folder, form),
        { cwd = folder })
      assert(run.read(runtime) ~= whole, result.stdout .. result.stderr)
      assert.equal("#!/owned\n", run.read(runtime):sub(1, 9))
    end)
  end
end)

-- Unlocked mounts: a tree that was moved into a container as a detached mount is not locked there;
-- who has SYS_ADMIN in the container makes read-only mounts writable and uncovers what is hidden
-- (SEQUENCES.md, trap 15). Nobody has SYS_ADMIN who was not given it by --force, which says so; and
-- in a user namespace made inside, where everybody has it, the mounts are locked by the kernel.
local run = require "spec.support.run"
local ways = require "spec.support.ways"

describe("the mounts of a box", function()
  local folder, attack, data

  setup(function()
    folder = run.folder()
    attack = ways.tool(folder)
    data = folder .. "/data"
    os.execute("mkdir -m 777 " .. data)
    run.write(data .. "/file", "of the host\n")
    os.execute("chmod 666 " .. data .. "/file")
  end)
  teardown(function() run.remove(folder) end)

  local function try(way, command, settings)
    settings = settings or {}
    settings.folder, settings.host_cwd = folder, "/usr"
    settings.binds = { attack, { data, "/mnt", readonly = true } }
    settings.options = settings.options or {}
    settings.options[#settings.options + 1] = "--hide"
    settings.options[#settings.options + 1] = "/etc/passwd"
    settings.fields = "tidelock.fs.hide '/etc/passwd',"
    local result = way.run({ "sh", "-c", command .. "; cat /etc/passwd; echo owned > /mnt/file" },
      settings)
    assert(tonumber(result.stdout:match "tried (%d+)" or 0) > 10, result.stdout .. result.stderr)
    return result.stdout, result.stderr
  end

  local function is_untouched(printed)
    assert.equal("of the host\n", run.read(data .. "/file"))
    for _, word in ipairs { "writable", "uncovered" } do
      assert.is_nil(printed:match(word .. " [^\n]*"))
    end
  end

  for _, way in ipairs(ways.list()) do
    for what, settings in pairs {
      ["by default"] = {}, ["without a filter"] = { unfiltered = true },
      ["with other capabilities"] = { unfiltered = true, caps = { "DAC_OVERRIDE", "SYS_CHROOT",
        "SETUID", "SETGID", "MKNOD" } },
    } do
      it(("stay as they are in %s, %s"):format(way.name, what), function()
        local printed = try(way, "/attack/attack mounts cover", settings)
        is_untouched(printed)
        assert.is_nil(printed:match "covered [^\n]*")
        if way.name ~= "bundle" then assert.is_nil(printed:match "root:[^\n]*") end
      end)
    end
  end

  for _, way in ipairs(ways.list()) do
    it("are locked in a user namespace that is made in " .. way.name, function()
      local printed = try(way, "unshare -U -m /attack/attack mounts undo", { unfiltered = true })
      is_untouched(printed)
    end)
  end

  for _, way in ipairs(ways.filtered()) do
    it("cannot be got at by one by default: none is made in " .. way.name, function()
      local result = way.run({ "sh", "-c", "unshare -Urm true || unshare -U true && echo made" },
        { folder = folder })
      assert.equal("", result.stdout)
      assert.matches("Operation not permitted", result.stderr, 1, true)
    end)

    it("are locked against SYS_ADMIN by the demand of --force alone in " .. way.name, function()
      local settings = { folder = folder }
      if way.name == "run" then settings.options = { "--cap-add", "SYS_ADMIN" } end
      settings.fields = "capabilities = { add = { 'SYS_ADMIN' } },"
      local result = way.run({ "echo", "ran" }, settings)
      assert.same({ 125, "" }, { result.status, result.stdout })
      assert.matches("lets the command make read-only mounts writable", result.stderr, 1, true)
    end)
  end

  it("are changed by who has SYS_ADMIN: the attack works", function()
    local printed = try(ways.list()[1], "/attack/attack mounts undo", { caps = { "SYS_ADMIN" },
      unfiltered = true })
    assert.matches("writable /mnt\n", printed, 1, true)
    assert.matches("uncovered [^\n]", printed)
    run.write(data .. "/file", "of the host\n")
  end)
end)

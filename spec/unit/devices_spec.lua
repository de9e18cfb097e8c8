-- tidelock.devices: ordered rules become a default and its exceptions; and core.devices.compile,
-- whose program must answer as cgroup v1 does that is given the same exceptions.
local core = require "tidelock.core"
local devices = require "tidelock.devices"
local ebpf = require "spec.support.ebpf"
local model = require "spec.support.device_model"

local ROUNDS = tonumber(os.getenv("TIDELOCK_MUTATIONS") or 1500)

-- "+c 1:3 rw" allows, "-a" denies all.
local function parse(words)
  local rules = {}
  for i, word in ipairs(words) do
    rules[i] = assert(devices.parse(word:sub(1, 1) == "+", word:sub(2), "rule " .. i), word)
  end
  return rules
end

local function reduce(words)
  local list, problem = devices.reduce(parse(words))
  if not list then return nil, problem end
  return (list.allow and "all but " or "none but ") .. table.concat(devices.texts(list), ", ")
end

describe("rules for devices", function()
  it("are read as v1 writes them, and written again", function()
    for text, same in pairs { ["c 1:3 rwm"] = true, ["b *:* m"] = true, ["c 136:* rw"] = true,
      ["b *:7 r"] = true, ["c 4095:1048575 w"] = true, ["a *:* rw"] = true,
      ["c 1:3 mwr"] = "c 1:3 rwm", ["c 1:3 rr"] = "c 1:3 r", ["c 01:03 r"] = "c 1:3 r",
      a = "a *:* rwm" } do
      assert.equal(same == true and text or same, devices.text(devices.parse(true, text)))
    end
    for _, text in ipairs { "", "c", "c 1:3", "c 1:3 ", "c 1:3 x", "c 1:3 rwx", "d 1:3 r", "c 1 r",
      "c -1:3 r", "c 1:-1 r", "c 4096:0 r", "c 0:1048576 r", "c 1:3 r ", " c 1:3 r", "c 1:3  r",
      "c 1:3:4 r", "c 0x1:3 r", "c 1.5:3 r", "c **:3 r", "a 1", "c 1:3 r\n" } do
      assert.is_nil(devices.parse(true, text), text)
    end
  end)

  it("come to a default and its exceptions, and the later ones override", function()
    for expected, words in pairs {
      ["none but "] = {},
      ["all but "] = { "-a", "+a" },
      ["none but c 1:3 rwm"] = { "+c 1:3 rwm" },
      ["none but c 1:3 rw"] = { "+c 1:3 r", "+c 1:3 w" },
      ["none but c 1:3 rm"] = { "-a", "+c 1:3 rwm", "-c 1:3 w" },
      ["none but b 8:0 r"] = { "+a", "-c 1:3 r", "-a", "+b 8:0 r" },
      ["all but b 8:* rwm"] = { "+a", "-b 8:* rwm" },
      ["all but b 8:* m"] = { "+a", "-b 8:* rwm", "+b 8:* rw" },
      ["all but b 8:0 w, c 1:3 r"] = { "+a", "-b 8:0 w", "-c 1:3 r" },
      -- What another says as well is not kept; what it says less is.
      ["none but c 1:* rwm"] = { "+c 1:3 rw", "+c 1:* rwm", "+c 1:5 r" },
      ["none but c 1:3 rw, c 1:* r"] = { "+c 1:3 rw", "+c 1:* r" },
      ["none but c *:3 rw, c 1:* rw"] = { "+c 1:3 rw", "+c *:3 rw", "+c 1:* rw" },
      ["none but b *:* rwm, c *:* rwm"] = { "+b *:* rwm", "+c *:* rwm", "+c 1:3 r" },
      -- A rule that is wider than what it takes back: v1's own files ignore it.
      ["none but b 7:0 r"] = { "+c 1:3 rwm", "+c 5:* r", "+b 7:0 r", "-c *:* rwm" },
      ["none but c 1:3 m, c 2:0 rwm"] = { "+c 1:3 rwm", "+c 2:0 rwm", "-c 1:* rw" },
      ["all but c 1:3 m"] = { "+a", "-c 1:3 rwm", "-c 1:5 w", "+c 1:* rw" },
      -- Of both types.
      ["none but b 1:3 r, c 1:3 r"] = { "+a 1:3 r" },
      ["none but b *:* m, c *:* m"] = { "+a *:* m" },
      ["none but c 1:3 m"] = { "+c 1:3 rwm", "+b 7:0 w", "-a *:* rw" },
      -- Nothing is there to be taken back.
      ["none but c 1:3 r"] = { "-c 10:229 rwm", "+c 1:3 r", "-b 1:3 r", "-c 1:3 m" },
    } do
      assert.equal(expected, (reduce(words)))
    end
  end)

  it("that take a part back are told, with what they are a part of", function()
    for _, case in ipairs {
      { { "+c 1:* rwm", "-c 1:3 w" }, "c 1:3 w", "c 1:* rwm" },
      { { "+c *:* r", "-c 1:3 rw" }, "c 1:3 rw", "c *:* r" },
      { { "+c *:3 r", "-c 1:* r" }, "c 1:* r", "c *:3 r" },
      { { "+a", "-b 8:* rwm", "+b 8:1 r" }, "b 8:1 r", "b 8:* rwm" },
      { { "+a *:* rw", "-a 1:3 r" }, "b 1:3 r", "b *:* rw" },
    } do
      local list, problem = reduce(case[1])
      assert.is_nil(list)
      assert.same({ case[2], case[3] },
        { devices.text(problem.rule), devices.text(problem.exception) })
      assert.equal("rule " .. #case[1], problem.rule.field)
      assert.matches("^rule [12]$", problem.exception.field)
    end
    -- A part of other access is none.
    assert.equal("none but c 1:* rw", (reduce { "+c 1:* rw", "-c 1:3 m" }))
  end)

  it("are left as they were", function()
    local rules = parse { "+c 1:3 rwm", "+c 1:3 r", "-c 1:3 w", "+a", "-a *:* r" }
    assert(devices.reduce(rules))
    assert.same(parse { "+c 1:3 rwm", "+c 1:3 r", "-c 1:3 w", "+a", "-a *:* r" }, rules)
  end)

  it("are lines of v1's files, or fields of an operation", function()
    local list = devices.reduce(parse { "-a", "+c 1:3 rw" })
    assert.same({ { file = "devices.deny", value = "a" },
      { file = "devices.allow", value = "c 1:3 rw", field = "rule 2" } }, devices.settings(list))
    assert.same({ allow = 0, rules = { "c 1:3 rw" } }, devices.program(list))
    list = devices.reduce(parse { "+a", "-c 1:3 rw" })
    assert.same({ { file = "devices.allow", value = "a" },
      { file = "devices.deny", value = "c 1:3 rw", field = "rule 2" } }, devices.settings(list))
    assert.same({ allow = 1, rules = { "c 1:3 rw" } }, devices.program(list))
    assert.is_nil(devices.program(devices.reduce(parse { "+a" })))
  end)

  it("cannot be had without a hierarchy, or the right to use it", function()
    local function facts(version, caps, map, writable)
      return {
        cgroups = { version = version, v1 = { devices = { dir = "/d" } },
          v2 = { mount = "/u", dir = "/u" } },
        ids = { caps_effective = caps },
        read = function(path) return path == "/proc/self/uid_map" and map or "" end,
        stat = function() return nil end, writable = function() return writable end,
      }
    end
    local first, all = "         0          0 4294967295\n", 2 ^ 41 - 1
    assert.matches("no cgroup file system", devices.problem(facts(nil, all, first, true)))
    assert.is_nil(devices.problem(facts(1, 0, "", true)))
    assert.matches("/d cannot be written", devices.problem(facts(1, 0, "", false)))
    assert.is_nil(devices.problem(facts(2, all, first, true)))
    assert.is_nil(devices.problem(facts(2, 2 ^ 12 + 2 ^ 39, first, true)))
    assert.is_nil(devices.problem(facts(2, 2 ^ 12 + 2 ^ 21, first, true)))
    assert.matches("no cgroup from /u up", devices.problem(facts(2, all, first, false)))
    for _, one in ipairs { facts(2, 2 ^ 12, first, true), facts(2, 2 ^ 39 + 2 ^ 21, first, true),
      facts(2, "0", first, true), facts(2, all, "0 100000 65536\n", true),
      facts(2, all, "0 0 65536\n", true), facts(2, all, "", true) } do
      assert.matches("takes an eBPF program", devices.problem(one))
    end
  end)
end)

describe("core.devices.compile", function()
  local TYPES = { b = 1, c = 2 }
  local MAJORS, MINORS = { 0, 1, 2, 4095 }, { 0, 1, 7, 1048575 }

  local function program_of(list)
    local rules = devices.texts(list)
    rules.allow = list.allow
    return ebpf.decode(assert(core.devices.compile(rules)))
  end

  -- Every request that tells something apart.
  local function each_request(visit)
    for type in pairs(TYPES) do
      for _, major in ipairs(MAJORS) do
        for _, minor in ipairs(MINORS) do
          for access = 0, 7 do visit(type, major, minor, access) end
        end
      end
    end
  end

  local function random_rule()
    local function of(list)
      local i = math.random(0, #list)
      return i == 0 and -1 or list[i]
    end
    local kind = ({ "a", "b", "c", "c" })[math.random(4)]
    local access = ({ "r", "w", "m", "rw", "rm", "wm", "rwm", "rwm" })[math.random(8)]
    if math.random(8) == 1 then return devices.rule(math.random(2) == 1, "a", -1, -1, "rwm") end
    return devices.rule(math.random(2) == 1, kind, of(MAJORS), of(MINORS), access)
  end

  -- As the lines of v1's files, which know no "a" but that for all.
  local function feed(controller, rule)
    local whole = rule.major < 0 and rule.minor < 0 and rule.access == 7
    local both = rule.type == "a" and not whole
    for _, type in ipairs(both and { "b", "c" } or { rule.type }) do
      controller:write { allow = rule.allow, type = type, major = rule.major,
        minor = rule.minor, access = rule.access }
    end
  end

  it("answers as v1's controller does, and as the last rule says, to any request", function()
    math.randomseed(20250711)
    local accepted, literal, refused = 0, 0, 0
    for round = 1, ROUNDS do
      local rules, shown = {}, {}
      local raw, given = model.controller(), model.controller()
      raw.allow = false
      for i = 1, math.random(0, 7) do
        rules[i] = random_rule()
        shown[i] = (rules[i].allow and "+" or "-") .. devices.text(rules[i])
        feed(raw, rules[i])
      end
      local name = ("round %d: %s"):format(round, table.concat(shown, ", "))
      local list = devices.reduce(rules)
      local plain = not raw.odd.wide
      -- What v1's own files would have ignored is refused, and nothing else.
      if plain then assert.equal(raw.odd.hole == nil, list ~= nil, name) end
      if list then
        accepted = accepted + 1
        if plain then literal = literal + 1 end
        for _, line in ipairs(devices.settings(list)) do
          feed(given, assert(devices.parse(line.file == "devices.allow", line.value)))
        end
        assert.is_nil(next(given.odd), name)
        local program = program_of(list)
        each_request(function(type, major, minor, access)
          local answer = ebpf.answer(program, TYPES[type], major, minor, access) == 1
          local function agrees(other, who)
            if other ~= answer then
              error(("%s\n%s %d:%d %d: %s says %s"):format(name, type, major, minor, access, who,
                tostring(other)))
            end
          end
          agrees(given:answer(type, major, minor, access), "v1 with these exceptions")
          if plain then agrees(raw:answer(type, major, minor, access), "v1 with these rules") end
          if access == 1 or access == 2 or access == 4 then
            agrees(model.last_rule(rules, type, major, minor, access), "the last rule")
          end
        end)
      else
        refused = refused + 1
      end
    end
    for kind, count in pairs { accepted = accepted, literal = literal, refused = refused } do
      assert(count > ROUNDS / 20, ("only %d %s"):format(count, kind))
    end
  end)

  it("is a program of plain instructions, with room for as many rules as are taken", function()
    assert.equal(devices.MOST, core.devices.most)
    for _, allow in ipairs { false, true } do
      local rules = { allow = allow }
      for i = 1, devices.MOST do rules[i] = ("c 1:* %s"):format(i % 2 == 0 and "r" or "w") end
      local program = ebpf.decode(core.devices.compile(rules))
      assert(#program <= 4096, #program)
      assert.equal(allow and 0 or 1, ebpf.answer(program, 2, 1, 3, 2))
      assert.equal(allow and 1 or 0, ebpf.answer(program, 2, 2, 3, 2))
      rules[#rules + 1] = "c 1:3 r"
      assert.has_error(function() core.devices.compile(rules) end, "more than 450 rules")
    end
    assert.equal(1, ebpf.answer(ebpf.decode(core.devices.compile { allow = true }), 2, 1, 3, 7))
    assert.equal(0, ebpf.answer(ebpf.decode(core.devices.compile {}), 2, 1, 3, 7))
  end)

  it("takes rules, and nothing that is none", function()
    for _, text in ipairs { "", "a", "a *:* rwm", "c", "c 1:3", "c 1:3 ", "c 1:3 x", "c 1:3 rr",
      "d 1:3 r", "c 1 r", "c -1:3 r", "c 1:-1 r", "c 4096:0 r", "c 0:1048576 r",
      "c 99999999999999999999:0 r", "c 1:3 r ", " c 1:3 r", "c  1:3 r", "c 1:3  r", "c *1:3 r",
      "c 1:3 r\0", "c 1:3\0 r", "c 1:3 rwmr" } do
      local good, message = pcall(core.devices.compile, { "c 1:3 r", text })
      assert.is_false(good, text)
      assert.matches("^rule 2 is none: ", message)
    end
    assert.has_error(function() core.devices.compile { {} } end,
      'rule 1 is none: table (such as "c 1:3 rwm")')
    assert.has_error(function() core.devices.compile() end)
    for _, text in ipairs { "c 0:0 r", "b 4095:1048575 m", "c *:* w", "b *:3 rm", "c 7:* mrw" } do
      assert(core.devices.compile { text })
    end
  end)
end)

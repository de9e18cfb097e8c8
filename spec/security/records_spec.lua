-- A record in the state directory that somebody else planted: what it names would be shown, killed
-- or removed in the caller's name. Records are read where only the caller can have written them,
-- and there only files of the caller's own; a name, a pid or a path in one is no proof of anything.
local run = require "spec.support.run"

local function needs_root()
  if run.who() ~= "root" then run.skip "needs root" end
end

-- A script with a /run/tidelock and a /tmp of its own. $T is tidelock where any user may run it,
-- $V a victim that lives, $VS its start time, $NS the pid namespace.
local function script(text)
  local folder = run.folder()
  os.execute(("cp %s %s/tidelock && chmod 755 %s/tidelock"):format(run.quote(run.tidelock), folder,
    folder))
  local result = run.run({ "unshare", "-m", "--propagation", "private", "sh", "-c", [[
    T=$1/tidelock
    mkdir -p /run/tidelock && mount -t tmpfs -o mode=700 none /run/tidelock || exit 9
    mkdir -m 700 /run/tidelock/boxes || exit 9
    as() { u=$1; shift; setpriv --reuid $u --regid $u --clear-groups "$@"; }
    sleep 100 & V=$!
    sleep 0.05
    VS=$(cut -d' ' -f22 /proc/$V/stat) NS=$(readlink /proc/self/ns/pid)
    record() { # FILE SUPERVISOR INIT MORE
      printf '{"name":"%s","pid_namespace":"%s","init":{"pid":%s},"command":["planted"]%s}' \
        "$(basename $1 .json)" "$NS" "$3" "$4" > $1
    }
    ]] .. text .. "\nkill -0 $V && echo alive; kill -9 $V", "sh", folder }, { cwd = "/" })
  run.remove(folder)
  return result
end

describe("a record that was planted", function()
  it("by another user is neither shown nor obeyed, whomever it names", function()
    needs_root()
    local result = script [[
      B=/run/tidelock/boxes
      record $B/$V-$VS-1.json "" "$V,\"start\":\"$VS\""
      record $B/4194303-1-1.json "" "$V,\"start\":\"$VS\""
      chown 1000 $B/*
      $T ps; $T ps -q; $T kill --all "$(printf %s $V-$VS-1)"; $T doctor --repair; echo $?
      ls $B | grep -c json
      # The same in root's own hand is believed, as it must be: this attack works.
      chown 0 $B/*
      $T ps -q | wc -l]]
    assert.equal("left file /run/tidelock/boxes/4194303-1-1.json: is no record of the caller's own"
      .. "\n0\n2\n1\nalive\n", result.stdout, result.stderr)
    assert.matches("no sandbox is running", result.stderr)
  end)

  it("with a pid that is another's by now is shown and obeyed by nothing", function()
    needs_root()
    local result = script [[
      B=/run/tidelock/boxes S=$((VS - 1))
      record $B/$V-$VS-1.json "" "$V,\"start\":\"$S\""
      record $B/$V-$S-2.json "" "$V,\"start\":\"$S\""
      record $B/4194303-1-1.json "" "$V,\"start\":\"$S\""
      $T ps; $T kill --all $V-$VS-1; $T doctor --repair; ls $B]]
    local removed = "removed record /run/tidelock/boxes/%s.json\n"
    assert.matches(removed:format "4194303%-1%-1", result.stdout)
    assert.matches(removed:format "%d+%-%d+%-2", result.stdout)
    assert.matches("\n%d+%-%d+%-1.json\nalive\n$", result.stdout)
    assert.equal(2, select(2, result.stdout:gsub("removed", "")))
    assert.matches("no sandbox is running", result.stderr)
    assert.matches("is no sandbox that runs", result.stderr)
  end)

  it("in a directory that another user made is not read, and none is written there", function()
    needs_root()
    local result = script [[
      mkdir -m 777 /tmp/tidelock-61234 /tmp/tidelock-61234/boxes
      record /tmp/tidelock-61234/boxes/$V-$VS-1.json "" "$V,\"start\":\"$VS\""
      chown -R 1234 /tmp/tidelock-61234
      unset XDG_RUNTIME_DIR; export HOME=/
      as 61234 $T run -- echo ran; echo $?
      for verb in ps stats "top -n1" "kill $V-$VS-1" "doctor --repair"; do
        as 61234 $T $verb; echo $?
      done
      ls /tmp/tidelock-61234/boxes | wc -l
      rm -r /tmp/tidelock-61234; ln -s tl-elsewhere /tmp/tidelock-61234
      mkdir -m 777 /tmp/tl-elsewhere
      as 61234 $T run -- echo ran; as 61234 $T ps; echo $?; ls /tmp/tl-elsewhere | wc -l
      rm -r /tmp/tidelock-61234 /tmp/tl-elsewhere]]
    assert.equal("ran\n0\n" .. ("125\n"):rep(5) .. "1\nran\n125\n0\nalive\n", result.stdout,
      result.stderr)
    assert.matches("/tmp/tidelock-61234 is not the caller's alone: its owner is 1234",
      result.stderr,
      1, true)
    assert.matches("/tmp/tidelock-61234 is not the caller's alone: it is a link", result.stderr, 1,
      true)
  end)

  it("with escape sequences and endless words is shown as what it is", function()
    needs_root()
    local result = script [[
      B=/run/tidelock/boxes
      record $B/$V-$VS-1.json "" "$V,\"start\":\"$VS\"" ",\"limits\":[\"\\u001b]0;x\\u0007\"]"
      sed -i "s/planted/\\\\u001b[2J\\\\u009b\\\\u202e$(head -c 60000 /dev/zero | tr '\0' y)/" \
        $B/$V-$VS-1.json
      $T ps; $T ps --json | head -c 200; $T top -n 1; $T kill --all a
      $T kill --all $($T ps -q | cut -c1)]]
    assert.is_nil(result.stdout:find("[^\n\32-\126]"), result.stderr)
    assert.is_nil(result.stderr:find("[^\n\32-\126]"))
    assert.matches("\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xaeyyy", result.stdout, 1, true)
    for line in result.stdout:gmatch("[^\n]+") do assert(#line < 2000, #line) end
  end)
end)

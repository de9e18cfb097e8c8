#!/usr/bin/env tidelock
-- CI: the steps of a job in one box, over an overlay of the checkout. What the steps write is there
-- for the next one, and gone with the box; only what is asked for comes out.
local tidelock = require "tidelock"
local fs = tidelock.fs

-- A checkout: three steps in a Makefile, the last of which fails.
local checkout = io.popen("mktemp -d"):read("*l")
local makefile = assert(io.open(checkout .. "/Makefile", "w"))
makefile:write([[
lint:  ; @grep -q hello main.c && echo "lint: clean"
build: ; @sed s/hello/HELLO/ main.c > built && echo "build: done"
test:  ; @grep -q goodbye built
]])
makefile:close()
os.execute("echo hello > " .. checkout .. "/main.c; chmod -R a+rX " .. checkout)

local job = tidelock.spec {
  fs.overlay { checkout, "/src" },
  cwd = "/src",
  env = { CI = "1", PATH = "/usr/bin:/bin" },
}

local box = assert(job:start()) -- no command: init holds it open
for _, step in ipairs { "lint", "build", "test" } do
  local report = box:exec { "make", "-s", step, timeout = "10m", stderr = "null" }
  print(step, report.status, report.usage.user < 10)
  if not report.ok then
    print(report:why())
    break
  end
end
--> lint: clean
--> lint	0	true
--> build: done
--> build	0	true
--> test	2	true
--> exited with status 2

-- An artifact comes out through a descriptor, not by a path of the box.
io.write("artifact: ", assert(box:read "built"))
--> artifact: HELLO
assert(box:copy_out("built", checkout .. "/result"))
box:stop()

os.execute("cd " .. checkout .. " && ls")
--> Makefile
--> main.c
--> result
os.execute("rm -r " .. checkout)

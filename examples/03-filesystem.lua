#!/usr/bin/env tidelock
-- Files: binds, a tmpfs and an overlay; what is written stays where the spec says.
local tidelock = require "tidelock"
local fs = tidelock.fs

local dir = io.popen("mktemp -d"):read("*l")
os.execute(("cd %s && mkdir src out && echo original > src/file"):format(dir))

local base = tidelock.spec {
  fs.bind { dir .. "/src", "/src", readonly = true },
  fs.bind { dir .. "/out", "/out" },
  fs.tmpfs { "/scratch", size = "1M" },
  cwd = "/src",
}

-- A read-only bind is read-only for root inside as well.
base:run { "sh", "-c", "echo changed > /src/file || echo 'refused'", stderr = "null" }
--> refused

-- A writable one is the host's directory: what is made there belongs to the caller.
base:run { "cp", "/src/file", "/out/copy" }
print(io.open(dir .. "/out/copy"):read("*l"))
--> original

-- A tmpfs is new for each run, and as large as it was said to be.
base:run { "sh", "-c", "head -c 2M /dev/zero > /scratch/big || echo full", stderr = "null" }
--> full

-- An overlay makes a directory writable and throws the changes away.
local played = tidelock.spec { base, fs.overlay { dir .. "/src", "/src" } }
played:run { "sh", "-c", "echo changed > /src/file && cat /src/file" }
--> changed
base:run { "cat", "/src/file" }
--> original

-- Specs are values: a part can be taken out again, and a field knows who asked for it.
local without = tidelock.spec { base, fs.remove "/scratch" }
without:run { "sh", "-c", "test -e /scratch || echo gone" }
--> gone
print((base:where "cwd"):match("[^/]+$"))
--> 03-filesystem.lua:13
os.execute("rm -r " .. dir)

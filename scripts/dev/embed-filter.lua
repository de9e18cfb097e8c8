--- Writes the Lua module that holds the default filter, compiled, to standard output:
---   luajit scripts/dev/embed-filter.lua > build/gen/tidelock/seccomp/builtin.lua
--- Run at the top of the tree, with LUA_PATH for the library and LUA_CPATH for tidelock/core.so.

local SOURCE = "lua/tidelock/seccomp/default.lua"

local filter = require("tidelock.core").filter
local cache = require("tidelock.seccomp.cache")

local source = assert(io.open(SOURCE, "rb")):read("*a")
local bytes = assert(filter.compile(assert(loadstring(source, "@" .. SOURCE))().policy({})))
local literal = bytes:gsub(".", function(byte) return ("\\%03d"):format(byte:byte()) end)
io.write("-- Made by scripts/dev/embed-filter.lua from ", SOURCE, ".\nreturn {\n  version = \"",
  cache.version(source, filter), '",\n  bytes = "', literal, '",\n}\n')

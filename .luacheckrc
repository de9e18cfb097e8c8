std = "luajit"
max_line_length = 100
-- Unused arguments of methods and callbacks say what is passed.
unused_args = false
self = false
cache = "build/luacheck.cache"
exclude_files = { "build" }
include_files = {
  "lua/**/*.lua", "scripts/**/*.lua", "examples/**/*.lua", "spec/**/*.lua",
  "scripts/dev/embed", "scripts/dev/layers", "scripts/dev/mutate", ".luacheckrc", ".busted",
}
files["spec"] = { std = "+busted" }
files[".luacheckrc"] = { std = "+luacheckrc" }
-- Declarations for editors: tables that are filled and never read, types on one line.
files["lua/tidelock/meta"] = { ignore = { "241" }, max_comment_line_length = false }

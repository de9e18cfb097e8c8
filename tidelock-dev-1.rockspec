-- luarocks --lua-version 5.1 make: the library for stock luajit, built from this checkout.
rockspec_format = "1.1"
package = "tidelock"
version = "dev-1"
source = { url = "git+file://." }
description = {
  summary = "Container sandboxes as Lua scripts",
  detailed = "Runs commands in sandboxes that are composed in Lua. For LuaJIT 2.1 on Linux, x86_64;"
    .. " needs libseccomp, libcap and libnl-3 with their headers.",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1", "lua-cjson" } -- LuaJIT is a Lua 5.1
build = {
  type = "make",
  build_target = "rock",
  install_target = "install-rock",
  -- Objects made with luarocks' flags lie in a folder of their own.
  build_variables = {
    B = "build/rock", CC = "$(CC)", CFLAGS = "$(CFLAGS)", LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
  },
  install_variables = {
    B = "build/rock", CC = "$(CC)", CFLAGS = "$(CFLAGS)", LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)", LIBDIR = "$(LIBDIR)", LUADIR = "$(LUADIR)",
  },
}

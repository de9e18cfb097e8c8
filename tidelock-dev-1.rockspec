rockspec_format = "3.0"
package = "tidelock"
version = "dev-1"
source = { url = "git+file://." }
description = {
  summary = "Sandboxes composed in Lua, on Linux",
  detailed = [[
Namespaces, mounts, capabilities, seccomp and cgroups as values: a spec becomes a plan, a small init
carries it out, a report says how it ended. Linux on x86_64; stock LuaJIT. Needs Debian's
libseccomp-dev, libcap-dev and libluajit-5.1-dev, or their like.]],
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1" }
build = {
  type = "make",
  build_target = "rock",
  install_target = "install-rock",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
  },
  install_variables = {
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
  },
  copy_directories = { "examples" },
}

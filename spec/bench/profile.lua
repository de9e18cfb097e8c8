-- The engines' default seccomp profile, resolved (spec/support/oci/engine-config.json), and as the
-- filter that a floor and bwrap load: compiled once, by libseccomp, as a binary tree, which loads
-- in less than half the time of its default output.
local ffi = require "ffi"

ffi.cdef [[
struct scmp_arg_cmp { unsigned int arg; int op; uint64_t datum_a; uint64_t datum_b; };
void *seccomp_init(uint32_t def_action);
void seccomp_release(void *ctx);
int seccomp_attr_set(void *ctx, int attr, uint32_t value);
int seccomp_arch_add(void *ctx, uint32_t arch_token);
uint32_t seccomp_arch_resolve_name(const char *arch_name);
int seccomp_syscall_resolve_name(const char *name);
int seccomp_rule_add_array(void *ctx, uint32_t action, int syscall, unsigned int arg_cnt,
  const struct scmp_arg_cmp *arg_array);
int seccomp_export_bpf(void *ctx, int fd);
int creat(const char *path, unsigned int mode);
int close(int fd);
]]

local M = {}

local SOURCE = "spec/support/oci/engine-config.json"
local CTL_OPTIMIZE, BINARY_TREE = 8, 2
local NO_SUCH_CALL, EEXIST = -1, -17
local OPERATORS = {
  SCMP_CMP_NE = 1, SCMP_CMP_LT = 2, SCMP_CMP_LE = 3, SCMP_CMP_EQ = 4, SCMP_CMP_GE = 5,
  SCMP_CMP_GT = 6, SCMP_CMP_MASKED_EQ = 7,
}

--- The `linux.seccomp` of an engine's config.json, and the same as text.
---@return table profile
function M.engine()
  local json = require "tidelock.json"
  local file = assert(io.open(SOURCE))
  local profile = assert(json.decode(file:read("*a"))).linux.seccomp
  file:close()
  return profile
end

local function action(name, errno)
  if name == "SCMP_ACT_ALLOW" then return 0x7fff0000 end
  assert(name == "SCMP_ACT_ERRNO", name)
  return 0x00050000 + (errno or 1)
end

local function add_rule(context, rule, otherwise)
  local what = action(rule.action, rule.errnoRet)
  if what == otherwise then return end
  local args = rule.args or {}
  local compare = ffi.new("struct scmp_arg_cmp[6]")
  for i, arg in ipairs(args) do
    compare[i - 1] = { arg.index, OPERATORS[arg.op], arg.value, arg.valueTwo or 0 }
  end
  for _, name in ipairs(rule.names) do
    local number = ffi.C.seccomp_syscall_resolve_name(name)
    if number ~= NO_SUCH_CALL then
      local result = ffi.C.seccomp_rule_add_array(context, what, number, #args, compare)
      assert(result == 0 or result == EEXIST, name)
    end
  end
end

--- Writes the program for a profile (struct sock_filter) to a file.
---@param profile table
---@param path string
function M.compile(profile, path)
  ffi.load("libseccomp.so.2", true)
  local otherwise = action(profile.defaultAction, profile.defaultErrnoRet)
  local context = ffi.C.seccomp_init(otherwise)
  assert(ffi.C.seccomp_attr_set(context, CTL_OPTIMIZE, BINARY_TREE) == 0)
  for _, arch in ipairs(profile.architectures) do
    local token = ffi.C.seccomp_arch_resolve_name(arch:gsub("SCMP_ARCH_", ""):lower())
    local result = ffi.C.seccomp_arch_add(context, token)
    assert(result == 0 or result == EEXIST, arch) -- this machine's own is there
  end
  for _, rule in ipairs(profile.syscalls) do add_rule(context, rule, otherwise) end
  local fd = ffi.C.creat(path, 420) -- 0644
  assert(fd >= 0 and ffi.C.seccomp_export_bpf(context, fd) == 0, path)
  ffi.C.close(fd)
  ffi.C.seccomp_release(context)
end

return M

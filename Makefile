# tidelock: one Makefile. `make help` lists the targets; V=1 shows the commands.
# Everything that is made lies under $(B); a second $(B) is a second build (make asan, make check).

B ?= build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60

ifeq ($(origin CC),default)
CC = gcc
endif
CLANG ?= clang
LUAJIT ?= luajit
# Where lua.h is, and how a shared object is made: luarocks has its own.
LUA_INCDIR ?= /usr/include/luajit-2.1
LIBFLAG ?= -shared

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# The sub-makes of demo and test use every core, unless -j was given.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

# --- flags -----------------------------------------------------------------------------------

INCLUDES := -I. -I$(B)/gen
SYSTEM   := -isystem /usr/include/libnl3 -isystem $(LUA_INCDIR)
WARNINGS := -Wall -Wextra -Wshadow -Wundef -Wvla -Wpointer-arith -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition $(WERROR)
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection -ftrivial-auto-var-init=zero
CFLAGS   ?= -O2 -g
TL_CFLAGS := -std=gnu11 -fPIC -fvisibility=hidden -fno-strict-aliasing -D_GNU_SOURCE \
	$(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN),$(HARDEN) $(CFLAGS))
TL_LDFLAGS := -Wl,-z,relro,-z,now,-z,noexecstack $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

# cjson before luajit, nl-route before nl: the order of a static link.
STATIC_LIBS := -l:liblua5.1-cjson.a -l:libluajit-5.1.a -lseccomp -lcap -lnl-route-3 -lnl-3 -lm
SHARED_LIBS := -lseccomp -lcap -lnl-route-3 -lnl-3

# init has no libc, no TLS and no loader, so it has a set of flags of its own.
INIT_CFLAGS := -std=gnu11 -Os -g -ffreestanding -static -fno-pic -fno-pie \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -fno-strict-aliasing -D_GNU_SOURCE -DTL_INIT
INIT_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,-z,noseparate-code -Wl,--gc-sections -Wl,--fatal-warnings

# What runs before the libc has set itself up: without its functions, its TLS and relocations.
EARLY_CFLAGS := -ffreestanding -fno-stack-protector -fno-tree-loop-distribute-patterns \
	-U_FORTIFY_SOURCE -ftrivial-auto-var-init=uninitialized
EARLY := early spawn image

# --- sources ---------------------------------------------------------------------------------

CORE_C    := $(sort $(wildcard core/plan/*.c core/sys/*.c core/host/*.c core/lua/*.c))
INIT_C    := $(sort $(wildcard core/init/*.c core/plan/check.c))
HEADERS   := $(sort $(wildcard core/*/*.h core/*/*.def))
# meta/ documents the C modules for editors and for the reference; nothing loads it.
MODULES   := $(filter-out lua/tidelock/meta/%,$(sort \
	$(wildcard lua/tidelock/*.lua lua/tidelock/*/*.lua lua/tidelock/*/*/*.lua)))
VERBS     := $(sort $(wildcard scripts/*.lua scripts/oci/*.lua))
GENERATED := $(B)/gen/tidelock/seccomp/builtin.lua
FUZZERS   := $(sort $(basename $(notdir $(wildcard spec/fuzz/*.c))))

CORE_O := $(CORE_C:%.c=$(B)/obj/%.o) $(B)/obj/core/host/init_blob.o
MAIN_O := $(B)/obj/core/main.o $(B)/obj/modules.o
INIT_O := $(INIT_C:%.c=$(B)/obj/init/%.o)

.PHONY: all help demo test test-vm check format asan fuzz mutate bench rock install-rock install \
	uninstall clean FORCE
all: $(B)/tidelock $(B)/lib/tidelock/core.so

# --- generated -------------------------------------------------------------------------------

# Rewritten only when the text changes, so that what depends on it is rebuilt exactly then.
define stamp
$(Q)mkdir -p $(@D); printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) > $@
endef

$(B)/gen/version.h: FORCE
	$(call stamp,"#define TL_VERSION \"$$(scripts/dev/version)\"")
$(B)/gen/flags: FORCE
	$(call stamp,'$(CC) $(TL_CFLAGS) $(WARNINGS) $(INCLUDES) $(SYSTEM) $(LIBFLAG) $(INIT_CFLAGS)')
$(B)/gen/sources: FORCE
	$(call stamp,'$(CORE_C)')
$(B)/gen/sources.init: FORCE
	$(call stamp,'$(INIT_C)')
$(B)/gen/sources.lua: FORCE
	$(call stamp,'$(MODULES) $(VERBS)')

# The default filter, compiled by the core that was just built.
$(B)/gen/tidelock/seccomp/builtin.lua: scripts/dev/embed-filter.lua $(B)/lib/tidelock/core.so \
		$(wildcard lua/tidelock/seccomp/*.lua)
	$(call say,FILTER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)LUA_PATH='lua/?.lua;;' LUA_CPATH='$(B)/lib/?.so;;' $(LUAJIT) $< > $@

$(B)/gen/modules.c: scripts/dev/embed $(B)/gen/sources.lua $(MODULES) $(VERBS) $(GENERATED)
	$(call say,EMBED,"$(words $(MODULES) $(VERBS) $(GENERATED)) Lua files")
	$(Q)$(LUAJIT) scripts/dev/embed $(B)/gen $(MODULES) $(VERBS) $(GENERATED)

# --- objects ---------------------------------------------------------------------------------

$(B)/obj/%.o: %.c $(B)/gen/flags | $(B)/gen/version.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TL_CFLAGS) $(WARNINGS) $(INCLUDES) $(SYSTEM) -MMD -MP -c -o $@ $<

$(B)/obj/core/main.o: | $(B)/gen/modules.c
$(EARLY:%=$(B)/obj/core/host/%.o): TL_CFLAGS += $(EARLY_CFLAGS)

$(B)/obj/modules.o: $(B)/gen/modules.c $(B)/gen/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TL_CFLAGS) $(WARNINGS) -Wa,-I$(B)/gen -c -o $@ $<

$(B)/obj/init/%.o: %.c $(B)/gen/flags
	$(call say,CC,"$< (init)")
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(INIT_CFLAGS) $(WARNINGS) -I. -MMD -MP -c -o $@ $<

$(B)/obj/core/host/init_blob.o: core/host/init_blob.S $(B)/init
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Wa,-I$(B) -c -o $@ $<

# --- programs --------------------------------------------------------------------------------

$(B)/init.debug: $(INIT_O) $(B)/gen/sources.init
	$(call say,LD,$@)
	$(Q)$(CC) $(INIT_LDFLAGS) -o $@ $(INIT_O)

$(B)/init: $(B)/init.debug
	$(call say,STRIP,$@)
	$(Q)strip -s -R .comment -o $@ $<

# Copied, as `install` does: a linker writes here and there, and the kernel maps in larger pieces what
# was written from one end to the other (50 us of a start).
$(B)/tidelock: $(CORE_O) $(MAIN_O) $(B)/gen/sources
	$(call say,LD,$@)
	$(Q)$(CC) -static-pie -Wl,-e,tl_enter $(TL_LDFLAGS) -o $@.linked $(CORE_O) $(MAIN_O) $(STATIC_LIBS) 2> $@.log \
		|| { cat $@.log >&2; exit 1; }
# Calls that a static glibc cannot serve: LuaJIT's dlopen and libnl's name look-ups, never reached.
	$(Q)cp $@.linked $@.copy && mv $@.copy $@ && rm $@.linked
	$(Q)grep -E 'warning: Using' $@.log | grep -vE "'(dlopen|getaddrinfo|getproto[a-z_]*)'" >&2 \
		&& exit 1 || rm $@.log

$(B)/lib/tidelock/core.so: $(CORE_O) $(B)/gen/sources
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LIBFLAG) $(TL_LDFLAGS) -o $@ $(CORE_O) $(SHARED_LIBS)

# --- the two commands of the README ----------------------------------------------------------

# Not prerequisites: what is missing is installed before anything is built.
demo:
	$(Q)scripts/dev/deps build
	$(Q)$(MAKE) $(JOBS) all
	$(Q)scripts/dev/demo

# test-vm is the part of it that asks for the unified cgroup hierarchy, in a virtual machine.
# setpriv: the specs end with make, however that ends.
test-vm: SUITES = vm
test test-vm:
	$(Q)scripts/dev/deps test
	$(Q)$(MAKE) $(JOBS) all $(B)/spec/inject
	$(Q)exec env B=$(B) SPECS='$(SPECS)' setpriv --pdeathsig TERM scripts/dev/test $(SUITES)

# --- checks ----------------------------------------------------------------------------------

check:
	$(Q)scripts/dev/deps test
	$(Q)$(MAKE) $(JOBS) B=$(B)/check WERROR=-Werror all
	$(Q)B=$(B)/check scripts/dev/check

format:
	$(call say,FORMAT,core spec examples)
	$(Q)clang-format -i $(wildcard core/*.c core/*/*.c core/*/*.h spec/*/*.c examples/*/*.c)

# detect_leaks=0: LuaJIT's own memory is not malloc's, so the leak checker only guesses there.
asan:
	$(Q)scripts/dev/deps test
	$(Q)$(MAKE) $(JOBS) all $(B)/spec/inject
	$(Q)$(MAKE) $(JOBS) B=$(B)/asan SAN=address,undefined $(B)/asan/lib/tidelock/core.so
	$(Q)B=$(B) TIDELOCK_LIB=$(B)/asan/lib ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
		PRELOAD=$$($(CC) -print-file-name=libasan.so) scripts/dev/test $(or $(SUITES),unit core life)

# One fuzzer for each spec/fuzz/NAME.c, with the sources that it fuzzes.
$(B)/fuzz/plan: $(wildcard core/plan/*.c)
$(B)/fuzz/json: $(wildcard core/host/json*.c)
$(FUZZERS:%=$(B)/fuzz/%): $(B)/fuzz/%: spec/fuzz/%.c $(HEADERS)
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -O1 -g -D_GNU_SOURCE -I. -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $(filter %.c,$^)

fuzz:
	$(Q)scripts/dev/deps test
	$(Q)$(MAKE) $(FUZZERS:%=$(B)/fuzz/%)
	$(Q)B=$(B) FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_RUNS=$(FUZZ_RUNS) scripts/dev/fuzz $(FUZZERS)

# The specs against the product with one check or defence taken away, for each of them in turn:
# MUTATE='part of a name' for some, SAMPLE=12 for so many that the commit chooses.
mutate:
	$(Q)scripts/dev/deps test
	$(Q)$(MAKE) $(JOBS) all $(B)/spec/inject
	$(Q)B=$(B) $(LUAJIT) scripts/dev/mutate $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(MUTATE),"$(MUTATE)")

# --- speed -----------------------------------------------------------------------------------

$(B)/bench/%: spec/bench/%.c $(wildcard spec/bench/*.h)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -static -D_GNU_SOURCE $(WARNINGS) -I. -o $@ $< $(filter %.o,$^)

# The cache as tidelock has it.
$(B)/bench/filter_load: $(addprefix $(B)/obj/core/host/,filter_cache.o bpf.o sha256.o sha256_x86.o)

# Without a libc, as init is: what it does not do costs nothing.
$(B)/bench/true $(B)/bench/bundle_floor: $(B)/bench/%: spec/bench/%.c spec/bench/floor.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(INIT_CFLAGS) $(INIT_LDFLAGS) $(WARNINGS) -I. -o $@ $<

# The specs' own tools.
$(B)/spec/%: spec/support/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -g -static -D_GNU_SOURCE $(WARNINGS) -o $@ $< -lseccomp

BENCH := $(patsubst spec/bench/%.c,$(B)/bench/%,$(wildcard spec/bench/*.c))

bench:
	$(Q)scripts/dev/deps bench
	$(Q)$(MAKE) $(JOBS) all $(BENCH)
	$(Q)B=$(B) BENCH_ONLY='$(BENCH_ONLY)' BENCH_ROUNDS='$(BENCH_ROUNDS)' spec/bench/run

# --- install ---------------------------------------------------------------------------------

BINDIR := $(DESTDIR)$(PREFIX)/bin
# Where luarocks wants them, if it is luarocks that calls (tidelock-dev-1.rockspec).
LIBDIR ?= $(DESTDIR)$(PREFIX)/lib/lua/5.1
LUADIR ?= $(DESTDIR)$(PREFIX)/share/lua/5.1
CMOD   := $(LIBDIR)/tidelock
LMOD   := $(LUADIR)/tidelock
MAN1   := $(DESTDIR)$(PREFIX)/share/man/man1
BASH   := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
PAGES  := run explain doctor ps stats top kill pause resume

rock: $(B)/lib/tidelock/core.so $(GENERATED)

# The library for stock luajit.
install-rock: rock
	$(call say,INSTALL,"$(CMOD) $(LMOD)")
	$(Q)install -D -m 755 $(B)/lib/tidelock/core.so $(CMOD)/core.so
	$(Q)for f in $(MODULES:lua/tidelock/%=%); do \
		install -D -m 644 lua/tidelock/$$f $(LMOD)/$$f || exit 1; done
	$(Q)install -D -m 644 $(GENERATED) $(LMOD)/seccomp/builtin.lua

install: all install-rock
	$(call say,INSTALL,$(BINDIR)/tidelock)
	$(Q)install -D -m 755 $(B)/tidelock $(BINDIR)/tidelock
	$(Q)install -d $(MAN1) $(BASH)
	$(Q)for page in $(PAGES); do \
		$(B)/tidelock man $$page > $(MAN1)/tidelock-$$page.1 || exit 1; done
	$(Q)$(B)/tidelock completion bash > $(BASH)/tidelock

uninstall:
	$(call say,REMOVE,"$(BINDIR)/tidelock $(CMOD) $(LMOD)")
	$(Q)rm -f $(BINDIR)/tidelock
	$(Q)rm -rf $(CMOD) $(LMOD)
	$(Q)rm -f $(PAGES:%=$(MAN1)/tidelock-%.1) $(BASH)/tidelock

clean:
	$(Q)rm -rf $(B)

help:
	@echo 'make            build/tidelock and build/lib/tidelock/core.so'
	@echo 'make demo       install what is missing, build, run a real job in a sandbox'
	@echo 'make test       install what is missing, build, run the specs (SUITES="unit life" for some)'
	@echo 'make test-vm    the part of it that asks for cgroup v2, in QEMU (SPECS="spec/x_spec.lua" for some)'
	@echo 'make check      format, lint, static analysis, warnings as errors, layer rules'
	@echo 'make format     clang-format, in place'
	@echo 'make asan       the specs against a core with AddressSanitizer and UBSan'
	@echo 'make fuzz       fuzz what reads hostile bytes (FUZZERS=plan, FUZZ_SECONDS=60, or FUZZ_RUNS=10000000)'
	@echo 'make mutate     is a spec red without each defence? (MUTATE="part of a name", SAMPLE=12)'
	@echo 'make bench      time run, run --bundle and box:exec beside floors in C, crun, runc, bwrap'
	@echo '                (BENCH_ONLY="run exec bundle cgroup parallel drift filter stats", BENCH_ROUNDS=200)'
	@echo 'make install    PREFIX=/usr/local DESTDIR=; make uninstall takes it away'
	@echo 'make clean      remove build/'
	@echo 'V=1 shows the commands.'

FORCE:

-include $(CORE_O:.o=.d) $(MAIN_O:.o=.d) $(INIT_O:.o=.d)

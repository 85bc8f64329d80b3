# The front door. Meson does the work, in build/.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
MESONFLAGS ?=
# A warning stops what is built from here; not a package, a wheel, or a program that carries mayfly along.
WERROR ?= true
# The Python that the package is built for.
PYTHON ?= /usr/bin/python3

# Where the linker and pkg-config look. Meson asks dpkg-dev for it, which a bare Debian has not.
MULTIARCH := $(shell cc -print-multiarch 2>/dev/null)
LIBDIR ?= $(if $(MULTIARCH),lib/$(MULTIARCH))

NEEDS_MESON = command -v meson >/dev/null && command -v ninja >/dev/null || { \
	echo "meson or ninja is missing: scripts/setup installs what building needs" >&2; exit 1; }
# Leaks are asan's to find: valgrind would also blame what forked children of tests leave allocated.
VALGRIND = valgrind -q --fair-sched=yes --error-exitcode=99 --leak-check=no --suppressions=tests/valgrind.supp

# docs is a folder, too.
.PHONY: all run test pythons bench install clean setup docs look format check-format clang asan tsan sanitize \
	valgrind musl fuzz

# A build that is there already goes over to the Python that is named now.
ifneq ($(origin PYTHON),file)
CHOOSE_PYTHON = scripts/for-python $(PYTHON) meson configure $(BUILD) -Dpython=$(PYTHON)
endif

all: $(BUILD)/build.ninja
	@$(CHOOSE_PYTHON)
	scripts/for-python $(PYTHON) ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@$(NEEDS_MESON)
	scripts/for-python $(PYTHON) meson setup $(BUILD) --prefix=$(PREFIX) $(if $(LIBDIR),--libdir=$(LIBDIR)) -Dpython=$(PYTHON) -Dwerror=$(WERROR) $(MESONFLAGS)

setup:
	@scripts/setup

# The main job: a large table in temporary chunks, with the proof that nothing is left.
run: setup
	@$(MAKE) --no-print-directory all
	$(BUILD)/examples/chunk_statistics examples/data/debian-packages.csv

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory all
	@tests/run $(BUILD)

# The Python package with every Python from 3.9 on that is found here; those missing are named.
pythons:
	@scripts/setup test
	@$(NEEDS_MESON)
	tests/pythons

bench:
	@scripts/setup bench
	@$(MAKE) --no-print-directory all
	bench/run $(BUILD)
	bench/run_keep $(BUILD)
	bench/run_tree $(BUILD)
	bench/run_object $(BUILD)
	bench/run_capture $(BUILD)
	bench/run_cache $(BUILD)
	bench/run_chunk $(BUILD)
	bench/run_source_load $(BUILD)
	bench/run_source_locate $(BUILD)
	bench/run_python $(BUILD)
	bench/run_pickle $(BUILD)
	bench/run_unpickle $(BUILD)
	bench/plot

# Where this Python looks for packages below PREFIX, if it does: Debian's has places of its own.
PYTHON_DIR = $(shell $(PYTHON) -c 'import site, sys; lib = sys.argv[1] + "/lib/"; print(next( \
	(place for place in site.getsitepackages() if place.startswith(lib)), \
	lib + "python%d.%d/site-packages" % sys.version_info[:2]))' $(PREFIX))

# The site, into build/site/html; a warning or a link that leads nowhere is an error.
docs:
	@scripts/setup docs
	@$(MAKE) --no-print-directory all
	/usr/bin/python3 tools/docs/site.py $(BUILD)

# What it looks like at two widths, light and dark: pictures in build/site/shots.
look: docs
	@scripts/setup look
	/usr/bin/python3 tools/docs/look.py $(BUILD)

install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX) $(if $(LIBDIR),-Dlibdir=$(LIBDIR)) $(if $(PYTHON_DIR),\
		-Dpython.platlibdir=$(PYTHON_DIR) -Dpython.purelibdir=$(PYTHON_DIR))
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-*

format:
	clang-format -i $$(git ls-files '*.[ch]')

check-format:
	clang-format --dry-run -Werror $$(git ls-files '*.[ch]')

# The same tests, looked at more closely. `scripts/setup ci` installs what these need.
clang:
	@$(NEEDS_MESON)
	[ -f build-clang/build.ninja ] || CC=clang meson setup build-clang -Dwerror=$(WERROR)
	ninja -C build-clang
	tests/run build-clang

# Without WERROR: sanitizers change the code so that gcc's warnings by data flow are wrong at times.
asan:
	@$(NEEDS_MESON)
	[ -f build-asan/build.ninja ] || meson setup build-asan \
		-Db_sanitize=address,undefined
	ninja -C build-asan
	tests/run build-asan

tsan:
	@$(NEEDS_MESON)
	[ -f build-tsan/build.ninja ] || meson setup build-tsan \
		-Db_sanitize=thread
	ninja -C build-tsan
	tests/run build-tsan

sanitize: asan tsan

valgrind: all
	MFT_WRAPPER="$(VALGRIND)" tests/run $(BUILD)

musl:
	@$(NEEDS_MESON)
	[ -f build-musl/build.ninja ] || CC=musl-gcc meson setup build-musl -Dwerror=$(WERROR) -Dcli=false \
		-Dexamples=false -Dpython_module=disabled -Dsecret=disabled -Djson=disabled -Dsource=false \
		-Dcmocka=disabled
	ninja -C build-musl
	tests/run build-musl

# A minute of libFuzzer for each parser, or FUZZ_SECONDS; stops with the input that breaks it.
FUZZ_SECONDS ?= 60
fuzz:
	mkdir -p build-fuzz
	for part in $(or $(FUZZ),csv text pickle inspect struct batch source); do \
		case $$part in pickle | inspect | struct) seeds=pickle ;; source) seeds=source ;; *) seeds= ;; esac; \
		case $$part in batch) json='-DMFI_HAVE_JSON=1 -ljansson' ;; *) json= ;; esac; \
		clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -D_GNU_SOURCE \
			-o build-fuzz/fuzz_$$part tests/fuzz/fuzz_$$part.c src/*/*.c $$json -ldl -lm -lpthread && \
		mkdir -p build-fuzz/$$part && \
		(cd build-fuzz && TMPDIR=/dev/shm ./fuzz_$$part -max_total_time=$(FUZZ_SECONDS) -max_len=600 -print_final_stats=1 \
			$${seeds:+$$part ../tests/fuzz/corpus/$$seeds}) || exit 1; \
	done

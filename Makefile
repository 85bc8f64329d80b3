# The front door. Meson does the work, in build/.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build

.PHONY: all run test bench install clean setup format check-format clang sanitize valgrind musl

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: scripts/setup installs it" >&2; exit 1; }
	meson setup $(BUILD) --prefix=$(PREFIX) $(MESONFLAGS)

setup:
	scripts/setup

# The main job: a large table in temporary chunks, with the proof that nothing is left.
run: setup
	@$(MAKE) --no-print-directory all >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }; rm -f $(BUILD).log
	$(BUILD)/examples/chunk_statistics examples/data/debian-packages.csv

test: setup
	@$(MAKE) --no-print-directory all
	tests/run $(BUILD)

bench:
	scripts/setup bench
	@$(MAKE) --no-print-directory all
	bench/run $(BUILD)

install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-*

format:
	clang-format -i $$(git ls-files '*.[ch]')

check-format:
	clang-format --dry-run -Werror $$(git ls-files '*.[ch]')

# The same tests, looked at more closely. `scripts/setup ci` installs what these need.
clang:
	[ -d build-clang ] || CC=clang meson setup build-clang -Dwerror=true
	ninja -C build-clang
	tests/run build-clang

sanitize:
	[ -d build-asan ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan
	tests/run build-asan
	[ -d build-tsan ] || meson setup build-tsan -Db_sanitize=thread -Db_lundef=false
	ninja -C build-tsan
	tests/run build-tsan

valgrind: all
	MFT_WRAPPER="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" tests/run $(BUILD)

musl:
	[ -d build-musl ] || CC=musl-gcc meson setup build-musl -Dcli=false -Dexamples=false -Dsecret=disabled -Dcmocka=disabled
	ninja -C build-musl
	tests/run build-musl

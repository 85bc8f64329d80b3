#!/bin/sh
# What is installed serves programs outside the tree: by pkg-config, CMake and Meson, in C and C++,
# shared and static; and a program of Meson's that carries the project along.
build=$MFT_BUILD
if ! grep -q '"install_library"[^}]*"value": true' "$build/meson-info/intro-buildoptions.json" 2>/dev/null &&
    ! [ -f "$build/src/libmayfly.so" ]; then
    echo "skip install: this build installs no library"
    exit 0
fi
if grep -q 'musl-gcc\|-fsanitize' "$build/build.ninja"; then
    echo "skip install: programs outside are built without this build's compiler or sanitizer"
    exit 0
fi
base=$(mktemp -d)
trap 'rm -rf "$base"' EXIT
unset LD_PRELOAD
check() { # name, command...
    name=$1
    shift
    if "$@" >"$base/log" 2>&1; then echo "ok $name"; else
        echo "not ok $name"
        tail -40 "$base/log" | sed 's/^/    /'
    fi
}
there() { command -v "$1" >/dev/null || { echo "skip $2: this machine has no $1"; false; }; }

meson install -C "$build" --no-rebuild --destdir "$base/root" >"$base/log" 2>&1
check install_by_meson test -n "$(find "$base/root" -name mayfly.pc)" || exit
pc=$(dirname "$(find "$base/root" -name mayfly.pc)")
lib=${pc%/pkgconfig}
prefix=$(dirname "$(find "$base/root" -type d -path '*/include/mayfly')")
prefix=${prefix%/include}
export PKG_CONFIG_PATH="$pc" PKG_CONFIG_SYSROOT_DIR="$base/root"
cp -r "$MFT_SOURCE/tests/consumer" "$base/consumer"
cd "$base/consumer" || exit 1
mkdir "$base/tmp"
TMPDIR=$base/tmp
export TMPDIR

works() { # a program
    LD_LIBRARY_PATH=$lib "$@" | tee "$base/said" && grep -q '^0\.1\.0 ' "$base/said" && [ -z "$(ls -A "$TMPDIR")" ]
}
# shellcheck disable=SC2046
by_pkg_config() { # compiler, source
    $1 -Wall -Wextra -Werror -o by-pkg-config "$2" $(pkg-config --cflags --libs mayfly) && works ./by-pkg-config
}
# shellcheck disable=SC2046
by_pkg_config_static() {
    cc -std=c11 -o static program.c $(pkg-config --cflags mayfly) "$lib/libmayfly.a" \
        $(PKG_CONFIG_SYSROOT_DIR='' pkg-config --static --libs-only-l --libs-only-other mayfly |
            sed 's/-lmayfly\b//') && ! ldd static | grep -q libmayfly && works ./static
}
by_cmake() {
    cmake -S . -B by-cmake -DCMAKE_PREFIX_PATH="$prefix" && cmake --build by-cmake &&
        works by-cmake/shared && works by-cmake/static && works by-cmake/cpp &&
        ! ldd by-cmake/static | grep -q libmayfly && ldd by-cmake/shared | grep -q "$lib/libmayfly.so.0"
}
# Another minor version is refused, and so is a newer patch.
cmake_refuses() { # version
    ! cmake -S . -B refused -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_FIND_PACKAGE_PREFER_CONFIG=ON \
        >"$base/cmake" 2>&1 || return 1
    grep -q 'version: 0.1.0' "$base/cmake" || { cat "$base/cmake"; return 1; }
}
by_meson() { meson setup by-meson && ninja -C by-meson && works by-meson/program; }
moved() { # the installation lies elsewhere; CMake's files follow it
    cp -r "$prefix" "$base/elsewhere" &&
        cmake -S . -B moved -DCMAKE_PREFIX_PATH="$base/elsewhere" && cmake --build moved &&
        ldd moved/shared | grep -q "$base/elsewhere/" && works moved/shared
}
by_wrap() {
    mkdir -p carrier/subprojects/mayfly && cp program.c meson.build carrier &&
        cp "$MFT_SOURCE/contrib/mayfly.wrap" carrier/subprojects &&
        (cd "$MFT_SOURCE" && tar -c --exclude='./build*' --exclude=./.git .) | tar -x -C carrier/subprojects/mayfly &&
        (unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
            meson setup carrier/build carrier --wrap-mode=forcefallback -Dmayfly:default_library=static -Dmayfly:python_module=disabled &&
                nice ninja -C carrier/build) && works carrier/build/program && ! ldd carrier/build/program | grep -q libmayfly
}

by_name() { [ "$("$1" version)" = "mayfly 0.1.0" ]; }

check install_serves_pkg_config_and_c by_pkg_config "cc -std=c11" program.c
check install_serves_pkg_config_and_c_static by_pkg_config_static
for compiler in g++ clang++; do
    there $compiler "install_serves_$compiler" && check "install_serves_cpp17_by_$compiler" by_pkg_config "$compiler -std=c++17 -pedantic" program.cpp
done
if there cmake install_serves_cmake; then
    check install_serves_cmake by_cmake
    check install_serves_cmake_when_it_was_moved moved
    sed -i 's/find_package(mayfly 0.1 /find_package(mayfly 0.2 /' CMakeLists.txt
    check install_refuses_cmake_a_newer_version cmake_refuses
    sed -i 's/find_package(mayfly 0.2 /find_package(mayfly 0.0.9 /' CMakeLists.txt
    check install_refuses_cmake_an_older_minor_version cmake_refuses
fi
check install_serves_meson by_meson
check install_serves_a_wrap by_wrap
if [ -x "$build/mayfly" ]; then
    check install_has_the_command by_name "$prefix/bin/mayfly"
    for file in bash-completion/completions/mayfly.bash zsh/site-functions/_mayfly fish/vendor_completions.d/mayfly.fish; do
        check "install_has_$(basename $file)" test -s "$prefix/share/$file"
    done
fi

#!/bin/sh
# Installs the build in $BUILD into a scratch folder, moves that folder, and builds and runs
# programs against it: through pkg-config and CMake, in C and C++, shared and static.
# Also from the environment (ctest sets all): CMAKE GENERATOR LIBDIR CC CFLAGS CXX CXXFLAGS.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install: $*" >&2
    exit 1
}

"$CMAKE" --install "$BUILD" --prefix "$work/first" >"$work/log" || fail "$(cat "$work/log")"
mv "$work/first" "$work/usr"
lib=$work/usr/$LIBDIR
for file in include/fusempnn.h "$LIBDIR/libfusempnn.a" "$LIBDIR/libfusempnn.so.0" \
    "$LIBDIR/pkgconfig/fusempnn.pc" "$LIBDIR/cmake/fusempnn/fusempnnConfig.cmake" \
    share/doc/fusempnn/LICENSE; do
    [ -e "$work/usr/$file" ] || fail "$file was not installed"
done
if [ -x "$BUILD/fusempnn" ]; then
    "$work/usr/bin/fusempnn" --version >/dev/null || fail "the installed program does not start"
fi

# The header needs nothing but itself.
strict="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
$CC $strict -std=c11 -x c "$work/usr/include/fusempnn.h" || fail "header alone, as C"
$CXX $strict -std=c++11 -x c++ "$work/usr/include/fusempnn.h" || fail "header alone, as C++"

# The shared library exports what the header declares, and nothing else.
tr '\n' ' ' <"$work/usr/include/fusempnn.h" | grep -o 'FMPNN_API [^(;]*(' |
    grep -o 'fmpnn_[a-z0-9_]*(' | tr -d '(' | sort -u >"$work/declared"
nm -D --defined-only "$lib/libfusempnn.so.0" | awk '$2 != "A" { print $3 }' |
    sed 's/@.*//' | grep -v '^__asan\|^__odr_asan\|^__ubsan\|^__gcov' | sort -u >"$work/exported"
[ -s "$work/declared" ] && [ -s "$work/exported" ] || fail "no symbols found"
extra=$(comm -13 "$work/declared" "$work/exported")
[ -z "$extra" ] || fail "exported, but not in the header:" $extra
absent=$(comm -23 "$work/declared" "$work/exported")
[ -z "$absent" ] || fail "in the header, but not exported:" $absent

# pkg-config.
export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
version=$(pkg-config --modversion fusempnn)
expect_version() {
    got=$("$@") || fail "$1: exit status $?"
    [ "$got" = "$version" ] || fail "$1: version '$got', but pkg-config says '$version'"
}
flags=$(pkg-config --cflags fusempnn)
shared=$(pkg-config --libs fusempnn)
static=$(pkg-config --static --libs fusempnn | sed 's/-lfusempnn/-l:libfusempnn.a/')
$CC $CFLAGS -std=c11 $flags "$here/consumer.c" -o "$work/pc_c" $shared
$CXX $CXXFLAGS -x c++ $flags "$here/consumer.c" -x none -o "$work/pc_cpp" $shared
$CC $CFLAGS -std=c11 $flags "$here/consumer.c" -o "$work/pc_static" $static
for program in pc_c pc_cpp pc_static; do
    expect_version "$work/$program"
done
ldd "$work/pc_c" | grep -q "$lib/libfusempnn.so.0" || fail "pc_c does not use the shared library"
if ldd "$work/pc_static" | grep libfusempnn; then
    fail "pc_static uses the shared library"
fi

# CMake.
"$CMAKE" -G "$GENERATOR" -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/usr" -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS" \
    >"$work/log" 2>&1 && "$CMAKE" --build "$work/build" >>"$work/log" 2>&1 ||
    fail "find_package: $(cat "$work/log")"
for library in fusempnn fusempnn_static; do
    expect_version "$work/build/c_$library"
    expect_version "$work/build/cpp_$library"
done
echo "installed version $version works through pkg-config and CMake, in C and C++"

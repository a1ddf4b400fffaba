#!/bin/sh
# Build the kernels and their test for AArch64 with Debian's cross compiler and run them under
# qemu-user. Only what the kernels need is built, so no library has to exist for that processor.
# Arguments go to check_kernels (default: all instruction sets).
#
# The digests of neon must be those of any other set with fused multiply-add: given a native
# check_kernels in CHECK_KERNELS, they are compared.
set -eu
cd "$(dirname "$0")/.."
cc=${AARCH64_CC:-aarch64-linux-gnu-gcc}
qemu=${QEMU_AARCH64:-qemu-aarch64}
for tool in "$cc" "$qemu"; do
    if ! command -v "$tool" >/dev/null; then
        echo "check-neon: $tool is missing (Debian packages gcc-aarch64-linux-gnu, qemu-user)" >&2
        exit 77
    fi
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

sources="src/kernels/kernels.c src/kernels/cpu.c src/kernels/pack.c src/kernels/float_mode.c
    src/kernels/kernels_generic.c src/kernels/kernels_neon.c src/kernels/ref.c
    src/base/memory.c tests/check_kernels/*.c"
# shellcheck disable=SC2086
"$cc" -std=gnu11 -O3 -fno-math-errno -ffp-contract=off -Wall -Wextra -Werror -static \
    -Iinclude -Isrc -Itests/check_kernels $sources -o "$out/check_kernels" -lm -pthread
"$qemu" "$out/check_kernels" "$@" | tee "$out/neon.txt"
grep -q '^ok *neon' "$out/neon.txt" || { echo "check-neon: neon did not run" >&2; exit 1; }
! grep -q '^FAIL' "$out/neon.txt" || exit 1

if [ -n "${CHECK_KERNELS:-}" ]; then
    digests() { awk -v isa="$1" '$1 == "ok" && $2 == isa { print $3, $NF }' "$2"; }
    "$CHECK_KERNELS" "$@" >"$out/here.txt"
    digests neon "$out/neon.txt" >"$out/a"
    digests avx2 "$out/here.txt" >"$out/b"
    if [ -s "$out/b" ]; then
        diff "$out/a" "$out/b" && echo "neon and avx2 agree to the bit"
    fi
fi

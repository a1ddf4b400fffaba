#!/bin/sh
# Run check_kernels on an emulated processor without AVX: a stray instruction is an illegal one
# there, and dispatch must fall back to generic. Then on one with AVX2 and without AVX-512, with
# two kernels only: qemu 7.2 reads all of what a masked load leaves out.
# usage: check-old-cpu.sh PATH/TO/check_kernels [arguments]
set -eu
program=${1:?usage: check-old-cpu.sh PATH/TO/check_kernels [arguments]}
shift
qemu=${QEMU_X86_64:-qemu-x86_64}
if ! command -v "$qemu" >/dev/null; then
    echo "check-old-cpu: $qemu is missing (Debian package qemu-user)" >&2
    exit 77
fi

# $1 model, $2 the instruction sets it must offer; the rest: arguments of check_kernels
check() {
    model=$1 wanted=$2
    shift 2
    found=$("$qemu" -cpu "$model" "$program" --list | sed -n 's/^isa //p' | tr '\n' ' ')
    if [ "$found" != "$wanted" ]; then
        echo "check-old-cpu: $model offers '$found', expected '$wanted'" >&2
        exit 1
    fi
    echo "$model: $found"
    "$qemu" -cpu "$model" "$program" "$@"
}

check qemu64,-sse3,-ssse3,-sse4.1,-sse4.2 "generic " "$@"
if "$qemu" -cpu max "$program" --list | grep -q '^isa avx2$'; then
    check max "generic avx2 " --isa avx2 --kernel 'gemm' "$@"
    check max "generic avx2 " --isa avx2 --kernel 'radial_basis' "$@"
fi

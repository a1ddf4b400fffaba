#!/bin/sh
# compute-sanitizer over every kernel: tests/cuda_sanitize.sh [BUILD], on a machine with a device.
# memcheck, racecheck (shared memory) and synccheck of test_cuda_operation --once: the operation in
# all ways, one encoding, its questions and samples, in both precisions. A minute or two.
build=${1:-build/release}
: "${FMPNN_CUDA_LIBRARY:=$build/libfusempnn_cuda.so}"
export FMPNN_CUDA_LIBRARY
failed=0
for tool in memcheck racecheck synccheck; do
    echo "== $tool"
    compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 20 \
        "$build/tests/test_cuda_operation" --once || failed=1
done
exit $failed

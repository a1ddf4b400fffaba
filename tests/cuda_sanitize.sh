#!/bin/sh
# compute-sanitizer over every kernel: tests/cuda_sanitize.sh [BUILD], on a machine with a device.
# memcheck, racecheck (shared memory) and synccheck of the operation in all its ways, and of one
# encoding, its questions and samples level by level (few and many rows) and in a wave, in both
# precisions (test_cuda_operation '*_once'); memcheck of the other suites. Five minutes on an H200, most
# of them racecheck's. racecheck with most filters of kernels (--kernel-name) fails by itself there: an
# "Internal Sanitizer Error", then an illegal address that nothing else reports.
build=${1:-build/release}
: "${FMPNN_CUDA_LIBRARY:=$build/libfusempnn_cuda.so}"
export FMPNN_CUDA_LIBRARY
failed=0
for tool in memcheck synccheck racecheck; do
    for what in operation questions rows wave; do
        echo "== $tool $what"
        compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 20 \
            "$build/tests/test_cuda_operation" "test_${what}_once" || failed=1
    done
done
for suite in encode decode; do
    echo "== memcheck $suite"
    compute-sanitizer --tool memcheck --error-exitcode 9 --print-limit 20 \
        "$build/tests/test_cuda_$suite" || failed=1
done
exit $failed

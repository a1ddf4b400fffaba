#!/bin/sh
# scripts/coverage.sh: runs the tests in the preset "coverage" and prints, for each file of src
# and cli, the share of its lines that they reach, least covered first.
set -eu
cd "$(dirname "$0")/.."
cmake --preset coverage
cmake --build --preset coverage -j "$(nproc)"
find build/coverage -name '*.gcda' -delete
ctest --preset coverage || echo "coverage: some tests failed" >&2
root=$PWD
cd build/coverage
# The tests run the static library, whose objects are those of fusempnn_objects.
find . -name '*.gcda' -path '*/src/*' -o -name '*.gcda' -path '*/cli/*' |
    xargs gcov -n -r -s "$root" 2>/dev/null |
    awk -F"'" '/^File/ { file = $2 }
        /^Lines executed/ && file ~ /^(src|cli)\// { sub(/.*:/, ""); print $0, file; file = "" }' |
    sort -n

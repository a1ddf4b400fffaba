#!/bin/sh
# scripts/first-design.sh
# From a bare Debian or Ubuntu to designed sequences: installs the packages it needs (as root or
# through sudo), builds, fetches the published weights and one real structure, both checked by
# their SHA-256, designs sequences, and times the fused operation beside an unfused one, both
# verified against float64. What it does goes to stderr, sequences and benchmark to stdout.
set -eu
cd "$(dirname "$0")/.."

step() {
    echo "== $*" >&2
}

step "packages for building (scripts/install-deps.sh --build)"
scripts/install-deps.sh --build >&2
step "build (build/release)"
cmake --preset release >&2
cmake --build --preset release --target fusempnn -j "$(nproc)" >&2
step "published weights (fusempnn weights get)"
build/release/fusempnn weights get >&2
step "a structure: 1HPV, HIV-1 protease (scripts/get-structures.sh)"
structure=$(scripts/get-structures.sh)
step "build/release/fusempnn design $structure --fix 'A25,B25' -n 4 --seed 37"
build/release/fusempnn design "$structure" --fix 'A25,B25' -n 4 --seed 37
report=build/release/kernel_fusion_benchmark
step "build/release/fusempnn bench fusion --output $report.json: its result and verification"
verdict=0
build/release/fusempnn bench fusion --output $report.json >$report.txt || verdict=$?
sed -n '/^RESULTS/,/^Results saved/{/^==*$/d;p;}' $report.txt
exit $verdict

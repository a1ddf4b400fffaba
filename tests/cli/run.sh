#!/bin/sh
# Runs tests of the command line: run.sh FUSEMPNN MAKE_STRUCTURE [THEME...]
# A theme is a file of this folder. Every check prints what it checks; one that fails prints
# what came instead, and the exit code is 1. 77: weights are not installed, nothing was tested.
set -u
here=$(cd "$(dirname "$0")" && pwd)
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }
fusempnn=$(absolute "$1")
make=$(absolute "$2")
shift 2
[ $# -gt 0 ] || set -- usage inputs exit_codes bad_input sameness results scores pack states variants ligands names memory many interrupt

unset FMPNN_DEVICE FMPNN_ISA FMPNN_PRECISION FMPNN_THREADS
if ! "$fusempnn" doctor --json | grep -q '"vanilla/v_48_020","installed":true'; then
    echo "skipped: weights vanilla/v_48_020 are not installed (fusempnn weights get)"
    exit 77
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
checks=0

fail() {
    failures=$((failures + 1))
    echo "FAIL  $1"
    shift
    for line; do echo "      $line"; done
}
pass() { echo "ok    $1"; }

# check WHAT CODE COMMAND...: the exit code, out and err left in files of those names
check() {
    what=$1 expected=$2
    shift 2
    checks=$((checks + 1))
    "$@" >out 2>err </dev/null
    code=$?
    if [ $code -eq "$expected" ]; then
        pass "$what (exit $code)"
    else
        fail "$what: exit $code, expected $expected" "$*" "$(head -5 err)"
    fi
}
# has FILE PATTERN, has_not FILE PATTERN: an extended regular expression
has() {
    checks=$((checks + 1))
    if grep -Eq -- "$2" "$1"; then pass "  $1 says $2"; else
        fail "  $1 does not say $2" "$(head -5 "$1")"
    fi
}
has_not() {
    checks=$((checks + 1))
    if grep -Eq -- "$2" "$1"; then fail "  $1 says $2" "$(head -5 "$1")"; else
        pass "  $1 does not say $2"
    fi
}
# one_line FILE: exactly one line
one_line() {
    checks=$((checks + 1))
    if [ "$(wc -l <"$1")" -eq 1 ]; then pass "  $1 is one line"; else
        fail "  $1 is not one line" "$(head -5 "$1")"
    fi
}
# same WHAT FILE FILE: equal bytes, not empty
same() {
    checks=$((checks + 1))
    if [ -s "$2" ] && cmp -s "$2" "$3"; then pass "$1"; else
        fail "$1: $2 and $3 differ or are empty" "$(head -1 "$2")" "$(head -1 "$3")"
    fi
}
differ() {
    checks=$((checks + 1))
    if [ -s "$2" ] && [ -s "$3" ] && ! cmp -s "$2" "$3"; then pass "$1"; else
        fail "$1: $2 and $3 do not differ"
    fi
}
# truth WHAT COMMAND...: the command succeeds
truth() {
    checks=$((checks + 1))
    what=$1
    shift
    if "$@"; then pass "$what"; else fail "$what" "$*"; fi
}
# lines FILE PATTERN COUNT
lines() {
    checks=$((checks + 1))
    found=$(grep -Ec -- "$2" "$1")
    if [ "$found" -eq "$3" ]; then pass "  $1 has $3 of $2"; else
        fail "  $1 has $found of $2, expected $3" "$(head -3 "$1")"
    fi
}

for theme; do
    echo "# $theme"
    mkdir "$work/$theme" && cd "$work/$theme" || exit 1
    # the structures that all themes share
    "$make" --length 60 --seed 3 >one.pdb
    "$make" --length 52 --seed 4 --chains AB --identical >two.pdb
    . "$here/$theme.sh"
    cd "$work" || exit 1
done
echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]

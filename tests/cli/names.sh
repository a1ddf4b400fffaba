# Residues by name, through the program; the structures of the reference data where they are.
designed() { "$fusempnn" inspect --residues --quiet "$@" | awk -F'\t' '$10 == 1 { n++ } END { print n + 0 }'; }
number_of() { # WHAT COUNT ARGUMENTS...: residues that would be designed
    what=$1 expected=$2
    shift 2
    found=$(designed "$@")
    truth "$what: $expected designed" test "$found" = "$expected"
}
number_of "all" 104 two.pdb
number_of "--chains" 52 two.pdb --chains B
number_of "a range" 5 two.pdb --redesign A3-7
number_of "a range in dots" 5 two.pdb --redesign A:3..7
number_of "fix wins" 4 two.pdb --redesign A3-7 --fix "A5 B1"
printf 'A3-7 # loop\nB1,B2\n' >list.txt
number_of "@file" 7 two.pdb --redesign @list.txt
"$make" --length 60 --first -3 >minus.pdb
number_of "negative numbers" 3 minus.pdb --redesign A-3--1
"$make" --length 60 --gap 20 >gap.pdb
check "a bonded gap in numbering" 0 "$fusempnn" inspect gap.pdb --residues
has err "gap-bonded"
truth "  is wide" test "$(awk -F'\t' '$3 == 22 { print $7 }' out)" -eq $(($(awk -F'\t' '$3 == 19 { print $7 }' out) + 3))
check "--gaps bond" 0 "$fusempnn" inspect gap.pdb --residues --gaps bond
truth "  closes it" test "$(awk -F'\t' '$3 == 22 { print $7 }' out)" -eq $(($(awk -F'\t' '$3 == 19 { print $7 }' out) + 2))
check "the nearest residue is named" 2 "$fusempnn" inspect one.pdb --fix A62
has err "A60"
check "two fixed letters in one group" 2 "$fusempnn" inspect one.pdb --tie A1=A2 --fix A1,A2
check "--only" 0 "$fusempnn" inspect two.pdb --only B
lines out "^two	" 1
check "--drop chain:A" 0 "$fusempnn" inspect two.pdb --drop chain:A
lines out "^two	B" 1

shared=${FMPNN_SHARED:-../shared}/structures
if [ -d "$shared" ]; then
    check "5L33 starts at A-1" 0 "$fusempnn" inspect "$shared/5L33.pdb"
    has out "^5L33	A	A-1	A104	106	106	"
    number_of "A-1" 1 "$shared/5L33.pdb" --redesign A-1
    number_of "A-1-2" 4 "$shared/5L33.pdb" --redesign A-1-2
    number_of "insertion codes 42A and 47A" 2 "$shared/1TPK.pdb" --redesign A42A,A47A
    number_of "A-3" 1 "$shared/1TPK.pdb" --redesign A-3
    check "2GFB_AB: gaps whose residues are bonded" 0 "$fusempnn" inspect "$shared/2GFB_AB.pdb"
    has err "gap-bonded"
    check "3HTN: real gaps" 0 "$fusempnn" inspect "$shared/3HTN.pdb"
    has err "3HTN: gap: "
    has_not err "gap-bonded"
else
    echo "      skipped: no reference structures in $shared"
fi

# Input that is not what it should be: one line that says what, and the right exit code.
: >empty.pdb
check "an empty file" 3 "$fusempnn" design empty.pdb
has err "empty\.pdb"
one_line err
mkdir nothing
check "a folder without structures" 3 "$fusempnn" design nothing
has err "nothing"
one_line err
head -c 4096 "$fusempnn" >garbage.pdb
cp garbage.pdb garbage.cif
cp garbage.pdb garbage.pdb.gz
mv garbage.pdb rubbish.ent
for file in rubbish.ent garbage.cif garbage.pdb.gz; do
    check "binary garbage as $file" 3 "$fusempnn" design $file
    one_line err
done
head -c $((81 * 100 + 40)) one.pdb >cut.pdb
check "a PDB file cut in a line" 3 "$fusempnn" design cut.pdb
has err "cut\.pdb:[0-9]+"
one_line err
gzip -c one.pdb | head -c 2000 >cut.pdb.gz
mkdir cut && mv cut.pdb.gz cut/
check "a .gz cut off" 3 "$fusempnn" design cut/cut.pdb.gz
one_line err
for value in "     NaN" "    1e30" "     inf" "99999999" "  banana"; do
    "$make" --length 60 --bad-x 9 "$value" >value.pdb
    check "coordinate '$value'" 3 "$fusempnn" design value.pdb
    has err "value\.pdb"
    one_line err
done
for value in nan 1e30; do
    "$make" --length 60 --format cif --bad-x 9 "$value" >value.cif
    check "coordinate '$value' in mmCIF" 3 "$fusempnn" design value.cif
    one_line err
done
head -1 one.pdb >header.pdb
check "a header alone" 3 "$fusempnn" design header.pdb
one_line err
"$make" --length 60 --ca-only >ca.pdb
check "CA atoms with a full-backbone model" 3 "$fusempnn" design ca.pdb
has err "ca"
one_line err
check "CA atoms with a CA model" 0 "$fusempnn" design ca.pdb --weights ca
for length in 1 2 10 47; do
    "$make" --length $length >short.pdb
    check "$length residues" 0 "$fusempnn" design short.pdb --seed 1 --separator /
    truth "  a sequence of $length" test "$(tail -1 out | tr -d '\n' | wc -c)" -eq $length
done
"$make" --length 60 --missing 20 --unresolved 40 >few.pdb
check "unresolved and missing residues" 0 "$fusempnn" design few.pdb --seed 1
truth "  are left out" test "$(tail -1 out | tr -d '\n' | wc -c)" -eq 56
check "--gaps-as X" 0 "$fusempnn" design few.pdb --seed 1 --gaps-as -
truth "  shows the unresolved one" test "$(tail -1 out | tr -d '\n' | wc -c)" -eq 57
"$make" --length 60 --missing 20 --format cif >loops.cif
check "mmCIF with missing loops" 0 "$fusempnn" design loops.cif --seed 1
truth "  are left out" test "$(tail -1 out | tr -d '\n' | wc -c)" -eq 57
awk '!($3 == "C" && $6 > 40)' one.pdb >most.pdb
check "fewer resolved residues than neighbours, in more residues" 0 "$fusempnn" design most.pdb --seed 1
truth "  a sequence of 40" test "$(tail -1 out | tr -d '\n' | wc -c)" -eq 40
tail -1 out >a
check "  by the reference" 0 env FMPNN_DEVICE=reference "$fusempnn" design most.pdb --seed 1
tail -1 out >b
same "  engine and reference draw the same letters" a b
check "a chain that does not exist" 2 "$fusempnn" design two.pdb --chains C
has err "A.*B"
one_line err
check "--fix of an absent residue" 2 "$fusempnn" design one.pdb --fix A99
has err "A60"
one_line err
check "temperature 0" 0 "$fusempnn" design one.pdb -T 0 -n 3 --seed 1
lines out "^>one_T0(\.0)?_s[123] " 3
check "negative temperature" 2 "$fusempnn" design one.pdb -T -0.1
check "every letter omitted" 2 "$fusempnn" design one.pdb --omit ACDEFGHIKLMNPQRSTVWY
one_line err
check "all but one letter omitted" 0 "$fusempnn" design one.pdb --omit CDEFGHIKLMNPQRSTVWY
has out "^A{60}$"
checkpoint=$("$fusempnn" weights list 2>/dev/null | grep -o '/[^ 	]*v_48_020\.pt' | head -1)
if [ -n "$checkpoint" ]; then
    head -c 100000 "$checkpoint" >short.pt
    check "a checkpoint cut off" 2 "$fusempnn" design one.pdb --weights short.pt
    has err "short\.pt"
    one_line err
else
    fail "weights list names no path of v_48_020.pt"
fi
printf 'no checkpoint' >wrong.safetensors
check "a wrong .safetensors" 2 "$fusempnn" design one.pdb --weights wrong.safetensors
one_line err
"$make" --length 1000 --chains ABCDEFGHIJ >large.pdb
check "10,000 residues" 0 "$fusempnn" probs large.pdb -o large.npz
truth "  the results are there" test -s large.npz

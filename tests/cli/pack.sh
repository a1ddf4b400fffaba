# pack, and design --pack: side chains.
if ! "$fusempnn" doctor --json | grep -q '"packer/v_32_002_16","installed":true'; then
    echo "ok    no packer weights: not tested"
    return 0
fi
check "pack" 0 "$fusempnn" pack one.pdb -n 2 --seed 3 --threads 1 --quiet -o a
truth "files" test "$(cd a && echo packed/* tables/*)" = "packed/one_p1.pdb packed/one_p2.pdb tables/one.tsv"
lines a/tables/one.tsv "." 121
has a/tables/one.tsv "^name	packing	chain	resnum	icode	letter	packed	confidence	chi1	"
differ "packings differ" a/packed/one_p1.pdb a/packed/one_p2.pdb
# Every heavy atom of every residue, and the input's backbone untouched.
"$fusempnn" inspect a/packed/one_p1.pdb --quiet >packed.txt
truth "it reads back" test -s packed.txt
backbone() { awk '/^ATOM/ && substr($0, 13, 4) ~ / N  | CA | C  | O  / { print substr($0, 13, 14) substr($0, 31, 24) }' "$1"; }
backbone one.pdb >expected
backbone a/packed/one_p1.pdb >actual
same "the backbone is the input's" expected actual
truth "side chains" test "$(awk '/^ATOM/' a/packed/one_p1.pdb | wc -l)" -gt 400
truth "one B-factor for each chi group" awk '/^ATOM/ && substr($0, 18, 3) == "ALA" && substr($0, 61, 6) + 0 != 0 { exit 1 }' a/packed/one_p1.pdb
# A packing is the same alone, with other threads, among others, from mmCIF.
check "the second again" 0 "$fusempnn" pack one.pdb --first-packing 2 --seed 3 --threads 3 --quiet -o b
same "the same packing" a/packed/one_p2.pdb b/packed/one_p2.pdb
truth "and no other" test ! -e b/packed/one_p1.pdb
check "several structures" 0 "$fusempnn" pack two.pdb one.pdb --seed 3 --quiet -o c
same "the same packing" a/packed/one_p1.pdb c/packed/one_p1.pdb
check "another seed" 0 "$fusempnn" pack one.pdb --seed 4 --quiet -o d
differ "another seed" a/packed/one_p1.pdb d/packed/one_p1.pdb
check "mmCIF" 0 "$fusempnn" pack one.pdb --seed 3 --quiet --pack-format cif -o e
awk '/^ATOM/ { print $11, $12, $13 }' e/packed/one_p1.cif >from_cif
awk '/^ATOM/ { print substr($0, 31, 8) + 0, substr($0, 39, 8) + 0, substr($0, 47, 8) + 0 }' a/packed/one_p1.pdb >from_pdb
truth "the same atoms in it" awk 'NR == FNR { n++; next } END { exit n != FNR }' from_cif from_pdb
cp e/packed/one_p1.cif one_again.cif
check "mmCIF reads back" 0 "$fusempnn" pack one_again.cif --seed 3 --quiet
# Present results: refused, kept, replaced.
check "present" 2 "$fusempnn" pack one.pdb -n 2 --seed 3 --quiet -o a
has err "is there already"
check "resumed" 0 "$fusempnn" pack one.pdb -n 2 --seed 3 --quiet -o a --resume
cp a/packed/one_p1.pdb kept
rm a/packed/one_p1.pdb
check "a missing file is made again" 0 "$fusempnn" pack one.pdb -n 2 --seed 3 --quiet -o a --resume
same "the same" kept a/packed/one_p1.pdb
check "other settings" 2 "$fusempnn" pack one.pdb -n 2 --seed 4 --quiet -o a --resume
has err "other settings"
check "overwritten" 0 "$fusempnn" pack one.pdb -n 2 --seed 4 --quiet -o a --overwrite
same "replaced" d/packed/one_p1.pdb a/packed/one_p1.pdb
check "in another form" 0 "$fusempnn" pack one.pdb --seed 3 --quiet -o d --overwrite --pack-format cif
truth "no other is left" test "$(cd d/packed && echo *)" = "one_p1.cif"
check "a table" 0 "$fusempnn" pack one.pdb --seed 3
lines out "." 61
has err "FOLDER writes the structures"
check "JSON" 0 "$fusempnn" pack one.pdb --seed 3 --json --quiet
lines out '"confidence":' 60
# Side chains that stay: all atoms as they were, B-factor 2; those that lack atoms are packed.
cp kept full.pdb
check "some residues" 0 "$fusempnn" pack full.pdb --redesign A10-20 --seed 5 --quiet -o f
stays() { awk '/^ATOM/ && (substr($0, 23, 4) + 0 < 10 || substr($0, 23, 4) + 0 > 20) { print substr($0, 13, 42) }' "$1"; }
stays full.pdb >expected
stays f/packed/full_p1.pdb >actual
same "others stay" expected actual
truth "marked" awk '/^ATOM/ && substr($0, 23, 4) + 0 == 30 && substr($0, 61, 6) != "  2.00" { exit 1 }' f/packed/full_p1.pdb
has f/tables/full.tsv "^full	1	A	30		[A-Z]	0	nan	nan"
awk '!(substr($0, 23, 4) + 0 == 30 && substr($0, 13, 4) !~ / N  | CA | C  | O  | CB /)' full.pdb >short.pdb
check "an incomplete one" 0 "$fusempnn" pack short.pdb --redesign A10-20 --seed 5
truth "an incomplete one is packed" grep -Eq "^short	1	A	30		[^AG]	1|^short	1	A	30		[AG]	0" out
# What cannot be packed.
grep ' CA ' one.pdb >ca.pdb
check "CA atoms only" 3 "$fusempnn" pack ca.pdb -o g
has err "side chains need a whole backbone"
one_line err
check "CA atoms only, with designs" 3 "$fusempnn" design ca.pdb --weights ca --pack 1 --pack-format cif --seed 1 -o g
has err "side chains need a whole backbone: A1 .* \.\.\.$"
truth "and no result" test ! -e g/packed
awk '!(substr($0, 23, 4) + 0 == 20 && substr($0, 13, 4) != " CA ")' one.pdb >bare.pdb
check "one CA atom alone" 3 "$fusempnn" design bare.pdb --weights ca --pack 1 --pack-format cif --seed 1 -o g
has err "side chains need a whole backbone: A20$"
sed 's/^\(ATOM.............\)[A-Z][A-Z][A-Z]/\1UNK/' one.pdb >unknown.pdb
check "unknown residues only" 2 "$fusempnn" pack unknown.pdb --quiet -o g
has err "nothing to pack: .* known type"
check "nothing selected" 2 "$fusempnn" pack one.pdb --fix A --quiet -o g
has err "nothing to pack"
truth "and no result" test ! -e g
awk '/^ATOM/ && substr($0, 23, 4) + 0 == 12 { sub(substr($0, 18, 3), "UNK") } { print }' full.pdb >some.pdb
check "one unknown residue" 0 "$fusempnn" pack some.pdb --seed 1 -o h
has err "unknown type are left as they are: A12"
truth "it keeps its name" grep -q "UNK A  12" h/packed/some_p1.pdb
"$make" --length 60 --seed 3 --unresolved 9 >hole.pdb
check "an unresolved residue" 0 "$fusempnn" pack hole.pdb --quiet -o i
truth "others are packed" test "$(awk '/^ATOM/' i/packed/hole_p1.pdb | wc -l)" -gt 400
check "other weights" 2 "$fusempnn" pack one.pdb --weights vanilla -o j
has err "place no side chains"
check "a FASTA file" 2 "$fusempnn" pack one.pdb -o j.fa
# With designs.
check "design --pack" 0 "$fusempnn" design one.pdb -n 2 --pack 2 --seed 3 --quiet -o k
truth "files" test "$(cd k/packed && echo *)" = "one_T0.1_s1_p1.pdb one_T0.1_s1_p2.pdb one_T0.1_s2_p1.pdb one_T0.1_s2_p2.pdb"
"$fusempnn" design one.pdb -n 2 --seed 3 --quiet >plain.fa
sed 's/ settings=[0-9a-f]*//' plain.fa >expected
sed 's/ settings=[0-9a-f]*//' k/seqs/one.fa >actual
same "packing changes no sequence" expected actual
differ "the designed sequence" a/packed/one_p1.pdb k/packed/one_T0.1_s1_p1.pdb
check "one sample alone" 0 "$fusempnn" design one.pdb --first-sample 2 --pack 1 --seed 3 --threads 1 --quiet -o l
same "the same packing" k/packed/one_T0.1_s2_p1.pdb l/packed/one_T0.1_s2_p1.pdb
check "resumed" 0 "$fusempnn" design one.pdb -n 2 --pack 2 --seed 3 --quiet -o k --resume
check "more packings are another run" 2 "$fusempnn" design one.pdb -n 2 --pack 3 --seed 3 --quiet -o k --resume
check "--pack to stdout" 2 "$fusempnn" design one.pdb --pack 1
check "--pack-weights of another kind" 2 "$fusempnn" design one.pdb --pack 1 --pack-weights vanilla -o m
has err "place no side chains"
check "--repack alone" 2 "$fusempnn" design one.pdb --repack -o m
# SIGINT within one structure's packings.
"$fusempnn" pack one.pdb -n 1000 --seed 3 --threads 1 -o n >out 2>err &
pid=$!
tries=0
while [ -z "$(find n -type f 2>find)" ] && [ $tries -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill -INT $pid
wait $pid
code=$?
truth "interrupted: exit 130, not $code" test $code -eq 130
has err "interrupted"
truth "nothing unfinished lies about" test -z "$(find n -type f 2>find)"
# Ligands and side chains that stay are in the digest of what is packed, and of nothing else.
lig() {
    grep ^ATOM one.pdb
    awk -v d="$1" '/^ATOM/ && $3 == "CA" && substr($0, 23, 4) + 0 == 20 {
        printf "HETATM 9001 %2s   %2s  A 900    %8.3f%8.3f%8.3f  1.00 10.00          %2s\n", "ZN", "ZN",
               substr($0, 31, 8) + d, substr($0, 39, 8), substr($0, 47, 8), "ZN" }' one.pdb
}
lig 4 >lig.pdb
check "with a ligand" 0 "$fusempnn" pack lig.pdb --seed 3 --quiet -o o
check "designs too" 0 "$fusempnn" design lig.pdb --pack 1 --seed 3 --quiet -o p
check "without packing" 0 "$fusempnn" design lig.pdb --seed 3 --quiet -o q
lig 6 >lig.pdb
check "a ligand that moved" 2 "$fusempnn" pack lig.pdb --seed 3 --quiet -o o --resume
has err "other settings"
check "designs too" 2 "$fusempnn" design lig.pdb --pack 1 --seed 3 --quiet -o p --resume
check "without packing none of its business" 0 "$fusempnn" design lig.pdb --seed 3 --quiet -o q --resume
check "some stay" 0 "$fusempnn" pack full.pdb --redesign A10-20 --seed 3 --quiet -o r
awk '/^ATOM/ && substr($0, 23, 4) + 0 == 30 && substr($0, 13, 4) == " CB " {
    $0 = substr($0, 1, 30) sprintf("%8.3f", substr($0, 31, 8) + 0.1) substr($0, 39) } { print }' \
    full.pdb >moved && mv moved full.pdb
check "a side chain that moved" 2 "$fusempnn" pack full.pdb --redesign A10-20 --seed 3 --quiet -o r --resume
has err "other settings"
# A cut table is no complete one.
cp o/tables/lig.tsv whole.tsv
lig 4 >lig.pdb
sed '$d' whole.tsv >o/tables/lig.tsv
check "a cut table" 0 "$fusempnn" pack lig.pdb --seed 3 --quiet -o o --resume
same "is made again" whole.tsv o/tables/lig.tsv
# --ligand-context is the packer's too.
check "hidden ligands" 0 "$fusempnn" design lig.pdb --pack 1 --ligand-context off --seed 3 --quiet -o t
differ "are not seen" p/packed/lig_T0.1_s1_p1.pdb t/packed/lig_T0.1_s1_p1.pdb
check "another setting" 2 "$fusempnn" design lig.pdb --pack 1 --ligand-context on --seed 3 --quiet -o t --resume
check "without packing" 2 "$fusempnn" design lig.pdb --ligand-context off --seed 3 --quiet
has err "see the backbone alone"
check "weights by their whole name" 2 "$fusempnn" pack one.pdb --weights vanilla/v_48_020 -o j
has err "place no side chains"
# Selenomethionine that stays has its selenium.
awk '/^ATOM/ && substr($0, 23, 4) + 0 == 30 { $0 = substr($0, 1, 17) "MET" substr($0, 21) } { print }' one.pdb >met.pdb
"$fusempnn" pack met.pdb --seed 3 --quiet -o u
awk '/^ATOM/ && substr($0, 23, 4) + 0 == 30 {
    $0 = "HETATM" substr($0, 7, 11) "MSE" substr($0, 21)
    if (substr($0, 13, 4) == " SD ") $0 = substr($0, 1, 12) "SE  " substr($0, 17, 60) "SE" } { print }' \
    u/packed/met_p1.pdb >mse.pdb
for format in pdb cif; do
    check "selenium, $format" 0 "$fusempnn" pack mse.pdb --redesign A10-20 --seed 3 --quiet --pack-format $format -o v$format
done
has vpdb/packed/mse_p1.pdb "^HETATM.{6}SE   MSE A  30 .*SE *$"
has vcif/packed/mse_p1.cif "^HETATM [0-9]+ SE SE .*MSE"

# Places for results, resuming, and what happens when they cannot be written.
run() { "$fusempnn" design one.pdb two.pdb --seed 3 -n 4 -T 0.1,0.5 "$@"; }
check "a folder" 0 run -o all --save-probs --backbones pdb
for file in seqs/one.fa seqs/two.fa tables/one.tsv probs/one.npz probs/two.npz \
    backbones/one_T0.1_s1.pdb backbones/two_T0.5_s4.pdb; do
    truth "  holds $file" test -s all/$file
done
truth "  holds a run record" test "$(ls all/runs/*.json | wc -l)" -eq 1
truth "  holds nothing unfinished" test -z "$(find all -name '*.part*' -o -name '*.tmp*')"
check "stdout" 0 run
cat all/seqs/one.fa all/seqs/two.fa >both
same "folder and stdout" both out
cp out plain
check ".fa" 0 run -o x.fa
same "file and stdout" plain x.fa
check ".fa.gz" 0 run -o x.fa.gz
gzip -dc x.fa.gz >inflated
same "compressed" x.fa inflated
check ".tsv" 0 run -o x.tsv
has x.tsv "^id	name	T	sample	seed	score	global_score	confidence	recovery	n_designed	n_mut	mutations	sequence	chains	native_score	model	weights	precision"
check "a folder with .fa in its name" 0 run -o my.family/all
same "its table" all/tables/one.tsv my.family/all/tables/one.tsv
lines x.tsv "." 17
check ".jsonl" 0 run -o x.jsonl
lines x.jsonl '^\{.*\}$' 16
check "--json" 0 run --json
same "--json and .jsonl" x.jsonl out
check "--json with .jsonl" 0 run --json -o y.jsonl
same "  says nothing new" x.jsonl y.jsonl
check "--json into a folder" 2 run --json -o json
has err "json: JSON Lines go to stdout or a file .jsonl, not into a folder"
check "--json with .tsv" 2 run --json -o y.tsv
has err "y.tsv: JSON Lines go to stdout or a file .jsonl"
truth "  neither is made" test ! -e json -a ! -e y.tsv
check "--with-native" 0 run --with-native -o native.fa
has native.fa "^>one_native "
check "--fasta-chains all" 0 "$fusempnn" design two.pdb --chains B --fasta-chains all --separator /
tail -1 out >line
has line "^[A-Z]{52}/[A-Z]{52}$"
check "designed chains alone" 0 "$fusempnn" design two.pdb --chains B
tail -1 out >line
has line "^[A-Z]{52}$"

cp -r all part
rm part/seqs/two.fa
check "--resume makes what is missing" 0 run -o part --resume --save-probs --backbones pdb
same "  the same bytes" all/seqs/two.fa part/seqs/two.fa
check "--resume with everything there" 0 run -o part --resume --save-probs --backbones pdb
check "--resume refuses other settings" 2 "$fusempnn" design one.pdb two.pdb --seed 4 -n 4 \
    -T 0.1,0.5 -o part --resume
has err "settings"
same "  and leaves the results" all/seqs/one.fa part/seqs/one.fa
check "a run of 2 samples" 0 "$fusempnn" design one.pdb --seed 3 -n 2 -o grow
check "--resume to 4" 0 "$fusempnn" design one.pdb --seed 3 -n 4 -o grow --resume
grep -A1 "^>one_T0.1_" all/seqs/one.fa | grep -v '^--$' >four
same "  the bytes of a run of 4" four grow/seqs/one.fa
# Structures have no settings of their own: none of an earlier run stays beside new records.
stale() { "$fusempnn" design one.pdb -n 2 -o stale --quiet "$@"; }
check "backbones of a seed" 0 stale --seed 3 --backbones pdb
check "another seed, none of them" 0 stale --seed 4 --overwrite
truth "  the old ones are gone" test -z "$(ls stale/backbones)"
check "and with them" 0 stale --seed 4 --backbones pdb --resume
truth "  they are made" test -s stale/backbones/one_T0.1_s1.pdb
cp stale/backbones/one_T0.1_s1.pdb seed4.pdb
differ "  of the new seed" seed4.pdb all/backbones/one_T0.1_s1.pdb
check "another form of the same" 0 stale --seed 4 --backbones cif --resume
same "  leaves the first" seed4.pdb stale/backbones/one_T0.1_s1.pdb
check "another form of other ones" 0 stale --seed 3 --backbones cif --overwrite
truth "  leaves no other" test "$(cd stale/backbones && echo *)" = "one_T0.1_s1.cif one_T0.1_s2.cif"
rm -r stale/seqs stale/tables
check "structures without records are results" 2 stale --seed 5
has err "backbones/one_T0.1_s1.cif: already there"
check "  and are not taken" 0 stale --seed 5 --resume
truth "  they are gone" test -z "$(ls stale/backbones)"
# A drawn seed is found again, also behind records of an input with a seed of its own.
printf 'structure\tseed\none.pdb\t5\ntwo.pdb\n' >jobs.tsv
for form in .fa .tsv .jsonl .fa.gz ""; do
    check "a seed of one's own and a drawn one, own$form" 0 "$fusempnn" design @jobs.tsv -o own$form
    [ -f own$form ] && cp own$form before
    check "  resumed" 0 "$fusempnn" design @jobs.tsv -o own$form --resume
    [ -f own$form ] && same "  the same bytes" before own$form
done
check "parallel tasks share a folder" 0 "$fusempnn" design one.pdb --seed 3 -n 4 -T 0.1,0.5 -o share
check "  the other task" 0 "$fusempnn" design two.pdb --seed 3 -n 4 -T 0.1,0.5 -o share
same "  one" all/seqs/one.fa share/seqs/one.fa
same "  two" all/seqs/two.fa share/seqs/two.fa

# What one structure's results cannot be is that input's failure: the others are made.
"$fusempnn" design one.pdb --seed 3 --backbones cif --quiet -o made
sed 's/ A / Heavy-1 /g' made/backbones/one_T0.1_s1.cif >wide.cif
long=$(printf 'a%.0s' $(seq 161))
cp one.pdb $long.pdb
check "a chain name that no PDB file has room for" 1 "$fusempnn" design wide.cif $long.pdb two.pdb \
    --seed 3 --backbones pdb -o wide
has err "wide: .*chain name Heavy-1 has no room in a PDB file; write mmCIF"
has err "aaa: .*a name of 161 characters"
truth "  the others are made" test "$(cd wide && echo seqs/* backbones/*)" = "seqs/two.fa backbones/two_T0.1_s1.pdb"
check "  alone the command is wrong" 2 "$fusempnn" design wide.cif --backbones pdb -o alone
check "  which cif is not" 0 "$fusempnn" design wide.cif --backbones cif -o alone
cp one.pdb $(printf 'a%.0s' $(seq 160)).pdb
check "a name of 160" 0 "$fusempnn" design $(printf 'a%.0s' $(seq 160)).pdb --backbones pdb -T 1e-05 -o alone

check "stdout that is full" 1 sh -c '"$0" design one.pdb >/dev/full' "$fusempnn"
check "-o /dev/full" 1 "$fusempnn" design one.pdb -o /dev/full
check "help to a full disk" 1 sh -c '"$0" design --help >/dev/full' "$fusempnn"
check "inspect to a full disk" 1 sh -c '"$0" inspect one.pdb >/dev/full' "$fusempnn"
# A limit on the size of files is a full disk that needs no root (SIGXFSZ ignored: writes fail).
limited() { (trap '' XFSZ; ulimit -f 8; exec "$@"); }
check "a disk that fills up" 1 limited "$fusempnn" design one.pdb -n 200 --seed 1 -o full.fa
truth "  leaves no file" test ! -e full.fa
check "a folder that fills up" 1 limited "$fusempnn" design one.pdb -n 200 --seed 1 -o full
truth "  leaves no half results" test -z "$(find full -type f ! -path '*/runs/*' 2>/dev/null)"
check "inspect: a disk that fills up" 1 limited "$fusempnn" inspect two.pdb --residues --json -o full.jsonl
truth "  leaves no file" test -z "$(ls full.jsonl* 2>/dev/null)"
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 500 locked
    check "an unwritable folder" 1 "$fusempnn" design one.pdb -o locked/x
fi

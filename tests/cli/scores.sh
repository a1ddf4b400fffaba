# score, probs, inspect.
check "score native" 0 "$fusempnn" score two.pdb
cp out first
has err "10 random decoding orders"
lines out "." 2
check "score again" 0 "$fusempnn" score two.pdb --seed 0 --orders 10 --threads 1 --quiet
same "a score is the same tomorrow" first out
truth "--quiet" test ! -s err
"$fusempnn" design two.pdb --seed 5 -n 3 --chains A --quiet -o designs.fa
check "score --fasta" 0 "$fusempnn" score two.pdb --chains A --fasta designs.fa
for n in 1 2 3; do has out "^two_T0.1_s$n	"; done
"$fusempnn" design two.pdb --seed 5 -n 3 --quiet -o both.fa
check "both chains" 0 "$fusempnn" score two.pdb --fasta both.fa
cp out colon
sed '/^>/!s/:/\//' both.fa >slash.fa
check "chains joined by /" 0 "$fusempnn" score two.pdb --fasta slash.fa
same "both separators" colon out
for between in // '|' '*' - :_: ----------; do
    sed "/^>/!s#:#$between#" both.fa >between.fa
    [ "$between" = ---------- ] && break
    check "what --separator $between writes" 0 "$fusempnn" design two.pdb --seed 5 -n 3 --quiet \
        --separator "$between" -o written.fa --overwrite
    sed '/^>/d' written.fa >a
    sed '/^>/d' between.fa >b
    same "  stands between the chains" a b
    check "  is read" 0 "$fusempnn" score two.pdb --fasta written.fa
    cut -f1-17 out >a
    cut -f1-17 colon >b
    same "  all but the digest is the same" a b
done
check "a separator that nothing writes" 2 "$fusempnn" score two.pdb --fasta between.fa
one_line err
gzip -k both.fa
check "a compressed FASTA file" 0 "$fusempnn" score two.pdb --fasta both.fa.gz
same "compressed" colon out
printf '>short\nACDEF\n' >short.fa
check "a sequence of another length" 2 "$fusempnn" score two.pdb --fasta short.fa
has err "short.*5 .*52"
one_line err
sed '/^>/!s/^./8/' both.fa >digit.fa
check "a letter that is none" 2 "$fusempnn" score two.pdb --fasta digit.fa
one_line err
check "an absent FASTA file" 2 "$fusempnn" score two.pdb --fasta absent.fa
one_line err
check "no FASTA file" 2 "$fusempnn" score two.pdb --fasta two.pdb
one_line err
# A residue that is not resolved may be left out of the sequence or be in it.
"$make" --length 60 --seed 3 --unresolved 9 >hole.pdb
"$fusempnn" design hole.pdb --seed 1 --quiet -o out.fa
"$fusempnn" design hole.pdb --seed 1 --quiet --gaps-as X -o with.fa
check "resolved residues" 0 "$fusempnn" score hole.pdb --fasta out.fa
cut -f3-6 out >a
check "all residues" 0 "$fusempnn" score hole.pdb --fasta with.fa
cut -f3-6 out >b
same "with and without the unresolved residue" a b
check "one order" 0 "$fusempnn" score one.pdb --orders 1
has_not err "orders"
# A design scored in its own order is not what score averages, yet must lie near.
for mode in unconditional autoregressive conditional; do
    check "probs --mode $mode" 0 "$fusempnn" probs one.pdb --mode $mode -o $mode.tsv
    lines $mode.tsv "." 61
    check "probs --mode $mode, .npz" 0 "$fusempnn" probs one.pdb --mode $mode -o $mode.npz
done
differ "modes differ" unconditional.tsv conditional.tsv
check "probs --orders" 0 "$fusempnn" probs one.pdb --mode autoregressive --orders 3
lines out "." 181
check "orders of nothing" 2 "$fusempnn" probs one.pdb --orders 3
check "an unknown mode" 2 "$fusempnn" probs one.pdb --mode sideways

# Every point mutation: 19 a designed residue, as conditional probabilities say, averaged.
check "scan" 0 "$fusempnn" scan one.pdb --redesign A5-24 --orders 3 --threads 1
has err "20 residues, 3 decoding orders"
lines out "." 381
cp out all
has out "^chain	resnum	icode	native	mutant	logp_native	logp_mutant	log_odds	se	"
check "scan with two threads" 0 "$fusempnn" scan one.pdb --redesign A5-24 --orders 3 --threads 2 --quiet
same "threads do not matter to a scan" all out
truth "--quiet" test ! -s err
check "scan in one order" 0 "$fusempnn" scan one.pdb --orders 1 --quiet -o scan.tsv
"$fusempnn" probs one.pdb --mode conditional --quiet -o cond.tsv
truth "scan says what conditional probabilities say" awk -F'\t' '
    NR == FNR && FNR == 1 { for (k = 8; k <= 27; k++) letter[k] = $k; next }
    NR == FNR { for (k = 8; k <= 27; k++) p[$4, letter[k]] = $k; next }
    FNR > 1 { rows++; d = $8 - (p[$2, $5] - p[$2, $4]); d = d < 0 ? -d : d
              if (p[$2, $5] != $7 || p[$2, $4] != $6 || d > 2.1e-6 || $9 != "nan") bad = 1 }
    END { exit bad || rows != 60 * 19 }' cond.tsv scan.tsv
check "scan --json" 0 "$fusempnn" scan one.pdb --redesign A5 --orders 2 --json --quiet
lines out '^\{"chain":"A","resnum":5,"icode":"","native":"[A-Y]","mutant":"[A-Y]",' 19
check "scan into a folder" 0 "$fusempnn" scan one.pdb two.pdb --redesign A5-7 --orders 2 -o scans --quiet
truth "a table each" test -s scans/tables/one.tsv -a -s scans/tables/two.tsv
check "again" 2 "$fusempnn" scan one.pdb --redesign A5-7 --orders 2 -o scans
check "scan --resume" 0 "$fusempnn" scan one.pdb two.pdb --redesign A5-7 --orders 2 -o scans --resume
has_not err "residues/s"
check "scan --resume with other settings" 2 "$fusempnn" scan one.pdb --redesign A5-7 --orders 3 -o scans --resume
# A cut table is no complete one; what was unknown has a row more.
"$make" --length 60 --seed 3 | sed '/ALA A\|GLY A/s/^\(ATOM.............\)[A-Z][A-Z][A-Z]/\1UNK/' >unk.pdb
truth "unknown residues" grep -q UNK unk.pdb
for made in "scan unk.pdb --orders 2" "probs unk.pdb --mode conditional --orders 2"; do
    rm -rf cut && "$fusempnn" $made --quiet -o cut && cp cut/tables/unk.tsv whole.tsv
    check "nothing is missing" 0 "$fusempnn" $made -o cut --resume
    truth "and nothing is made" grep -q '"resumed": true' cut/runs/*.json
    for rows in 1 60; do
        head -n -$rows whole.tsv >cut/tables/unk.tsv
        check "$rows rows are missing" 0 "$fusempnn" $made --quiet -o cut --resume
        same "they are made again" whole.tsv cut/tables/unk.tsv
    done
    head -n -1 whole.tsv >cut.tsv
    check "one is missing in a file" 0 "$fusempnn" $made --quiet -o cut.tsv --resume
    same "it is made again" whole.tsv cut.tsv
done
check "scan as FASTA" 2 "$fusempnn" scan one.pdb -o scan.fa
has err "scan writes"

# Distance from double precision.
check "verify" 0 "$fusempnn" verify one.pdb
has out "^name	device	isa	precision	max_diff	mean_diff	limit	letters	sampled	neighbours	verdict"
has out "^one	cpu	generic	fp32	.*	0.0002	1.0000	1.0000	1.0000	pass	"
has_not out "FAIL"
sets=$("$fusempnn" doctor --json | sed 's/.*"isa":\[\([^]]*\)\].*/\1/; s/[",]/ /g' | wc -w)
lines out "	fp32	" "$sets"
check "verify one set" 0 "$fusempnn" verify one.pdb --isa generic --json --quiet
one_line out
has out '"precision":"fp32","max_diff":[0-9.e-]*,"mean_diff":[0-9.e-]*,"limit":0.0002,'
truth "not a difference of 0: something was compared" test -z "$(grep '"max_diff":0.0,' out)"
FMPNN_VERIFY_FAULT=1 check "verify notices a wrong result" 1 "$fusempnn" verify one.pdb --isa generic
has out "	FAIL	"
has err "1 of 1 combinations differ"
check "verify takes one structure" 2 "$fusempnn" verify one.pdb two.pdb
check "verify an absent file" 3 "$fusempnn" verify absent.pdb

check "inspect" 0 "$fusempnn" inspect two.pdb --fix A1-10
has out "^two	A	A1	A52	52	52	0	0	42	10	0	"
has out "^two	B	B1	B52	52	52	0	0	52	0	0	"
check "inspect --residues" 0 "$fusempnn" inspect two.pdb --residues
lines out "." 105
check "inspect --json" 0 "$fusempnn" inspect one.pdb two.pdb --json
lines out '^\{"name":' 2
check "inspect --tie" 0 "$fusempnn" inspect two.pdb --tie A=B
has out "^two	A	A1	A52	52	52	0	0	52	0	52	"
check "inspect -o" 0 "$fusempnn" inspect one.pdb -o table.tsv
check "inspect -o again" 2 "$fusempnn" inspect one.pdb -o table.tsv
"$make" --length 60 --ligand >ligand.pdb
check "a ligand that is not seen" 0 "$fusempnn" design ligand.pdb
lines err "^note: .*--weights ligand" 1
cp ligand.pdb ligand2.pdb
check "two such structures" 0 "$fusempnn" design ligand.pdb ligand2.pdb
lines err "--weights ligand" 1

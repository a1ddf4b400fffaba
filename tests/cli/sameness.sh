# The same design, byte for byte, however it is asked for.
design() { "$fusempnn" design --seed 7 --quiet "$@"; }
record() { grep -A1 "^>$1 " "$2" >"$3"; } # NAME FILE OUT
design one.pdb -n 64 -o n64.fa
for n in 1 17; do
    design one.pdb -n $n -o n$n.fa
    head -$((2 * n)) n64.fa >part
    same "-n $n begins -n 64" n$n.fa part
done
lines n64.fa "^>" 64
truth "samples differ" test "$(grep -v '^>' n64.fa | sort -u | wc -l)" -gt 32
for threads in 1 2 3; do
    design one.pdb -n 17 --threads $threads -o t$threads.fa
    same "--threads $threads" n17.fa t$threads.fa
done
# Few designed residues, few levels: numbers of sequences that do not divide among the threads.
"$make" --length 106 --seed 3 >few.pdb
for n in 11 17 19; do
    design few.pdb --redesign A10-11 -n $n --threads 1 -o few1.fa --overwrite
    for threads in 2 3 4; do
        design few.pdb --redesign A10-11 -n $n --threads $threads -o few.fa --overwrite
        same "two residues, -n $n --threads $threads" few1.fa few.fa
    done
done
FMPNN_THREADS=3 design one.pdb -n 17 -o t.fa
same "FMPNN_THREADS=3" n17.fa t.fa
design one.pdb --first-sample 9 -n 4 -o first.fa
sed -n '17,24p' n64.fa >part
same "--first-sample 9" first.fa part
design one.pdb -T 0.3,0.1,0.2 -n 17 -o list.fa
grep -A1 "^>one_T0.1_" list.fa | grep -v '^--$' >part
same "-T 0.1 alone or in a list" n17.fa part
design one.pdb -T "0.1 0.3" -n 2 -o blank.fa
lines blank.fa "^>one_T0.[13]_s[12] " 4
gzip -c one.pdb >g.pdb.gz
mkdir gz cif
mv g.pdb.gz gz/one.pdb.gz
"$make" --length 60 --seed 3 --format cif >cif/one.cif
design gz/one.pdb.gz -n 17 -o gz.fa
same ".pdb.gz" n17.fa gz.fa
design cif/one.cif -n 17 -o cif.fa
same ".cif" n17.fa cif.fa
gzip cif/one.cif
design cif/one.cif.gz -n 17 -o cifgz.fa
same ".cif.gz" n17.fa cifgz.fa
design one.pdb two.pdb -n 3 >ab
design two.pdb one.pdb -n 3 >ba
grep -A1 "^>one_" ab | grep -v '^--$' >a
grep -A1 "^>one_" ba | grep -v '^--$' >b
same "input order" a b
design one.pdb -n 3 >c
same "with and without another input" a c
design one.pdb -n 3 --json >j1
design two.pdb one.pdb -n 3 --json >j2
tail -3 j2 >part
same "JSON Lines" j1 part
differ "another seed" c "$(design one.pdb -n 3 --seed 8 >s8; echo s8)"

# the same with fixed residues and several chains
design two.pdb --fix A1-20,B5 -n 64 -o f64.fa
for n in 1 17; do
    design two.pdb --fix A1-20,B5 -n $n -o f$n.fa
    head -$((2 * n)) f64.fa >part
    same "--fix: -n $n" f$n.fa part
done
for threads in 1 3; do
    design two.pdb --fix A1-20,B5 -n 17 --threads $threads -o ft$threads.fa
    same "--fix: --threads $threads" f17.fa ft$threads.fa
done
design two.pdb --fix A1-20,B5 --first-sample 17 -o ff.fa
tail -2 f17.fa >part
same "--fix: --first-sample" ff.fa part
native=$(design two.pdb --fix A,B1-51 -n 1 | tail -1 | cut -c1-20)
truth "fixed residues are native" test "$(grep -v '^>' f64.fa | cut -c1-20 | sort -u)" = "$native"
design two.pdb --tie A=B -n 17 -o tie17.fa
design two.pdb --tie A=B -n 64 --threads 3 -o tie64.fa
head -34 tie64.fa >part
same "--tie: -n and --threads" tie17.fa part
design two.pdb --symmetry homooligomer -n 17 >sym
grep -v '^>' tie17.fa >a
grep -v '^>' sym >b
same "--tie A=B is --symmetry homooligomer here" a b
truth "tied chains are equal" test "$(grep -v '^>' tie17.fa | awk -F: '$1 != $2' | wc -l)" -eq 0
design two.pdb --tie A1-5=B1-5 --tie A10=B20 -n 5 >a
truth "--tie can be repeated" test "$(grep -v '^>' a | awk -F: \
    'substr($1,1,5) != substr($2,1,5) || substr($1,10,1) != substr($2,20,1)' | wc -l)" -eq 0

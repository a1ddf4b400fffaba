# --state: several structures as states of one design.
cp one.pdb twin.pdb
"$fusempnn" design one.pdb --seed 5 -n 2 --quiet | grep -v '^>' >alone
check "a state that is the structure again" 0 "$fusempnn" design one.pdb --state twin.pdb=0.5 --seed 5 -n 2
has err "states-averaged.*one \* 1.0, twin \* 0.5"
grep -v '^>' out >both
same "gives the same sequences" alone both
check "states alone" 0 "$fusempnn" design --state one.pdb=0.7 --state twin.pdb=0.3 --seed 5 -n 2 -o states
cat states/runs/*.json | tr -d ' \n' >run
has run '"states":\[\{"name":"one","backbone":"[0-9a-f]{64}","weight":0.7},\{"name":"twin",.*"weight":0.3'
grep -v '^>' states/seqs/one.fa >both
same "the first names the results" alone both
"$make" --length 60 --seed 4 >other.pdb
"$make" --length 60 --seed 5 >third.pdb
check "two states" 0 "$fusempnn" design other.pdb --state third.pdb --seed 5 --quiet
cp out first
check "on one thread" 0 "$fusempnn" design other.pdb --state third.pdb --seed 5 --quiet --threads 1
same "are the same on one thread" first out
check "score" 0 "$fusempnn" score other.pdb --state third.pdb=-0.5
check "probs" 0 "$fusempnn" probs other.pdb --state third.pdb --mode conditional
printf 'structure\tstate\nother.pdb\tthird.pdb\n' >jobs.tsv
check "a column of a jobs file" 0 "$fusempnn" design @jobs.tsv --seed 5 --quiet
same "is the same as the option" first out
check "an absent state" 2 "$fusempnn" design other.pdb --state absent.pdb=2
has err "absent.pdb: no such file"
check "a weight of 0" 2 "$fusempnn" design other.pdb --state third.pdb=0
"$make" --length 70 --seed 5 >longer.pdb
check "another length" 2 "$fusempnn" design other.pdb --state longer.pdb
has err "there is no A[0-9]+ "
check "CA-only weights" 2 "$fusempnn" design other.pdb --state third.pdb --weights ca
one_line err

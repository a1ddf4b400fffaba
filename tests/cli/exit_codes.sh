# 0 done, 1 some failed, 2 usage or selection, 3 no input, 5 device (usage.sh), 130 (interrupt.sh).
: >broken.pdb
check "one good input" 0 "$fusempnn" design one.pdb --seed 1
cp out alone
check "one of two fails" 1 "$fusempnn" design one.pdb broken.pdb --seed 1
same "the other is complete" alone out
has err "1 of 2 inputs failed"
has err "broken\.pdb"
check "an absent file among others" 1 "$fusempnn" design absent.pdb one.pdb --seed 1
has err "absent\.pdb"
check "the only input is broken" 3 "$fusempnn" design broken.pdb
one_line err
check "the only input is absent" 3 "$fusempnn" design absent.pdb
one_line err
check "all inputs are broken" 3 "$fusempnn" design broken.pdb absent.pdb
lines err "broken\.pdb|absent\.pdb" 2
check "a selection that does not fit the only input" 2 "$fusempnn" design one.pdb --chains B
one_line err
check "a selection that fits one of two" 1 "$fusempnn" design one.pdb two.pdb --chains B --seed 1
has err "one\.pdb.*B"
lines out "^>two_" 1
check "a selection that fits none" 2 "$fusempnn" design one.pdb two.pdb --chains Q
check "the same among broken ones" 2 "$fusempnn" design one.pdb broken.pdb --chains Q
check "nothing to design" 2 "$fusempnn" design one.pdb --fix A
one_line err
check "--redesign outside --chains" 2 "$fusempnn" design two.pdb --chains A --redesign B3
check "a malformed selection" 2 "$fusempnn" design one.pdb --fix "A1-"
check "a malformed bias" 2 "$fusempnn" design one.pdb --bias "A=much"
check "--only an absent chain" 2 "$fusempnn" design one.pdb --only Z

check "-o a folder" 0 "$fusempnn" design one.pdb two.pdb -o out1 --seed 1
check "an output that exists" 2 "$fusempnn" design two.pdb -o out1 --seed 1
has err "out1"
check "--overwrite" 0 "$fusempnn" design two.pdb -o out1 --seed 1 --overwrite
check "-o a file" 0 "$fusempnn" design one.pdb -o x.fa --seed 1
check "a file that exists" 2 "$fusempnn" design one.pdb -o x.fa --seed 1
same "the file is as it was" alone x.fa
cp one.pdb new.pdb
check "refusal comes before work" 2 "$fusempnn" design new.pdb two.pdb -o out1 --seed 1
truth "  nothing was made" test ! -e out1/seqs/new.fa
check "a file name the verb cannot fill" 2 "$fusempnn" design one.pdb -o x.npz
check "an unwritable place" 1 "$fusempnn" design one.pdb -o one.pdb/x.fa
one_line err
check "an unwritable folder" 1 "$fusempnn" design one.pdb -o one.pdb/sub

for verb in score probs inspect; do
    check "$verb: good" 0 "$fusempnn" $verb one.pdb
    check "$verb: one of two" 1 "$fusempnn" $verb broken.pdb one.pdb
    check "$verb: broken" 3 "$fusempnn" $verb broken.pdb
    check "$verb: selection" 2 "$fusempnn" $verb one.pdb --chains Z
done
check "inspect --strict without warnings" 0 "$fusempnn" inspect one.pdb --strict
"$make" --length 60 --unresolved 7 --gap 20 >warn.pdb
check "inspect with warnings" 0 "$fusempnn" inspect warn.pdb
has err "^note: warn: [a-z-]+: "
check "inspect --strict with warnings" 1 "$fusempnn" inspect warn.pdb --strict
check "--quiet" 0 "$fusempnn" inspect warn.pdb --quiet
truth "--quiet leaves stderr empty" test ! -s err
check "--quiet keeps failures" 3 "$fusempnn" design broken.pdb --quiet
one_line err

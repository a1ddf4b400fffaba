# What STRUCTURE can be.
mkdir -p folder/below other
cp one.pdb folder/b.pdb
"$make" --length 60 --seed 3 --format cif >folder/a.cif
gzip -c two.pdb >folder/c.pdb.gz
cp two.pdb folder/below/deep.pdb
echo text >folder/notes.txt
check "a folder" 0 "$fusempnn" design folder --seed 1
lines out "^>" 3
truth "sorted, not recursive" test "$(sed -n 's/^>\([a-z]*\)_.*/\1/p' out | tr '\n' ' ')" = "a b c "
printf '# comment\none.pdb\n\n  two.pdb  \r\n' >list.txt
check "@list.txt" 0 "$fusempnn" design @list.txt --seed 1
lines out "^>" 2
check "several arguments" 0 "$fusempnn" design two.pdb one.pdb --seed 1
truth "input order" test "$(sed -n 's/^>\([a-z]*\)_.*/\1/p' out | tr '\n' ' ')" = "two one "
check "stdin" 0 sh -c '"$0" design - --seed 1 <one.pdb' "$fusempnn"
has out "^>stdin_T0.1_s1 "
tail -1 out >a
"$fusempnn" design one.pdb --seed 1 2>/dev/null | tail -1 >b
same "stdin and file: one sequence" a b
check "stdin twice" 2 "$fusempnn" design - -
check "an unreadable list" 3 "$fusempnn" design @absent.txt
check "an empty list" 3 sh -c ': >empty.txt; "$0" design @empty.txt' "$fusempnn"

cp one.pdb other/ONE.cif
cp one.pdb other/one.pdb
check "two inputs of one name" 2 "$fusempnn" design one.pdb two.pdb other/one.pdb -o clash
has err "one\.pdb.*other/one\.pdb"
truth "before any work" test ! -e clash
check "names that differ in case only" 2 "$fusempnn" design one.pdb other/ONE.cif
check "--name-from path" 0 "$fusempnn" design one.pdb other/one.pdb --name-from path --seed 1
has out "^>other_one_T0.1_s1 "

printf 'structure\tname\tfix\tn\ttemperature\n' >jobs.tsv
printf 'one.pdb\tfirst\tA1-30\t2\t0.2\none.pdb\tsecond\t\t\t\n' >>jobs.tsv
check "@jobs.tsv" 0 "$fusempnn" design @jobs.tsv --seed 1 --fix A1
lines out "^>first_T0.2_s[12] " 2
lines out "^>second_T0.1_s1 " 1
grep -A1 "^>second" out | tail -1 >a
"$fusempnn" design one.pdb --seed 1 --fix A1 2>/dev/null | tail -1 >b
same "an empty cell leaves the command line's value" a b
grep -A1 "^>first_T0.2_s2" out | tail -1 >a
"$fusempnn" design one.pdb --seed 1 --fix A1-30 -T 0.2 --first-sample 2 2>/dev/null | tail -1 >b
same "a cell replaces it" a b
printf 'structure\tchain\none.pdb\tA\n' >jobs.tsv
check "an unknown column" 2 "$fusempnn" design @jobs.tsv
has err "jobs.tsv:1.*chain.*chains"
printf 'structure\toutput\none.pdb\tA\n' >jobs.tsv
check "a column that cannot be one" 2 "$fusempnn" design @jobs.tsv
printf 'name\tfix\none\tA1\n' >jobs.tsv
check "no column structure" 2 "$fusempnn" design @jobs.tsv
printf 'structure\ttemperature\none.pdb\t-1\n' >jobs.tsv
check "a wrong cell" 2 "$fusempnn" design @jobs.tsv
has err "jobs.tsv:2.*temperature"
printf 'structure\none.pdb\tA1\n' >jobs.tsv
check "a cell too many" 2 "$fusempnn" design @jobs.tsv
printf 'structure\tname\none.pdb\ta/b\n' >jobs.tsv
check "a name that is no name" 2 "$fusempnn" design @jobs.tsv
printf 'structure\tname\none.pdb\tx\ntwo.pdb\tX\n' >jobs.tsv
check "names in a table clash" 2 "$fusempnn" design @jobs.tsv
has err "one\.pdb.*two\.pdb"

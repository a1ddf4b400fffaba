# score --variants: mutants of the native sequence.
letter() { "$fusempnn" inspect "$1" --residues --quiet | awk -F'\t' -v c="$2" -v n="$3" '$2 == c && $3 == n { print $6 }'; }
other() { [ "$1" = A ] && echo G || echo A; }
a=$(letter two.pdb A 12) b=$(letter two.pdb B 12) c=$(letter two.pdb A 30)
x=$(other "$a") y=$(other "$b") z=$(other "$c")
printf 'name_of_it,mutant,measured\nfirst,A:%s12%s,1.5\n"wild, type",WT,0\n"say ""two""","A:%s12%s,B:%s12%s",-2\n\nlast,A:%s12%s:A:%s30%s,7\n' \
    "$a" "$x" "$a" "$x" "$b" "$y" "$a" "$x" "$c" "$z" >m.csv
check "a table of variants" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 --threads 1
cp out table
lines out "." 5
has out "^name_of_it	mutant	measured	id	name	score	"
has out "^wild, type	WT	0	WT	two	"
has out '^say "two"	A:.12.,B:.12.	-2	'
check "with two threads" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 --threads 2
same "threads do not matter to variants" table out

# The same numbers as of whole sequences, to the last digit that is written.
check "the native sequence" 0 "$fusempnn" score two.pdb --orders 3 --json
sed 's/.*"sequence":"\([^"]*\)".*/\1/' out >native
awk -v x="$x" -v y="$y" -v z="$z" '{ n = index($0, ":")
    one = substr($0, 1, 11) x substr($0, 13)
    print ">first\n" one "\n>wild\n" $0
    print ">two\n" substr(one, 1, n + 11) y substr(one, n + 13)
    print ">last\n" substr(one, 1, 29) z substr(one, 31) }' native >m.fa
check "the same through --fasta" 0 "$fusempnn" score two.pdb --fasta m.fa --orders 3 --json
sed 's/.*"score":\(.*\),"orders".*"sequence":"\([^"]*\)".*/\1 \2/' out >whole
check "variants --json" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 --json
has out '^\{"name_of_it":"first","mutant":"A:.12.","measured":"1.5","id":'
sed 's/.*"score":\(.*\),"orders".*"sequence":"\([^"]*\)".*/\1 \2/' out >few
lines few "." 4
same "variants score as whole sequences do" whole few

# Other forms of the file.
printf '# a list\nA:%s12%s\r\n\nwt\n  A:%s12%s; B:%s12%s\nA:%s12%s:A:%s30%s' "$a" "$x" "$a" "$x" "$b" "$y" "$a" "$x" "$c" "$z" >m.txt
check "a list of variants" 0 "$fusempnn" score two.pdb --variants m.txt --orders 3
cut -f4-13 out | sed 1d >list
sed 1d table | cut -f6-15 >expected
same "a list scores as the table does" expected list
tr , '\t' <m.csv | sed 's/"//g' | sed 's/wild	/wild /; s/	B:/;B:/' >m.tsv
check "tabs" 0 "$fusempnn" score two.pdb --variants m.tsv --orders 3 --quiet
cut -f6-15 out | sed 1d >tabs
same "and the table with tabs" expected tabs
gzip -kf m.csv && cp m.csv m.data
check "compressed" 0 "$fusempnn" score two.pdb --variants m.csv.gz --orders 3
same "compressed variants" table out
check "known by its header" 0 "$fusempnn" score two.pdb --variants m.data --orders 3
same "whatever the name" table out
printf '%s12%s\n' "$a" "$x" >short.txt
check "without a chain, where one is designed" 0 "$fusempnn" score two.pdb --chains A --variants short.txt
check "without a chain, where two are" 2 "$fusempnn" score two.pdb --variants short.txt
has err "short.txt:1: .*chains A and B both"

# Into files.
check "variants into a folder" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 -o v --quiet
same "a table in the folder" table v/tables/two.tsv
check "resumed" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 -o v --resume
check "another file, resumed" 2 "$fusempnn" score two.pdb --variants m.txt --orders 3 -o v --resume
check "variants into a file" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 -o v.tsv --quiet
check "the file resumed" 0 "$fusempnn" score two.pdb --variants m.csv --orders 3 -o v.tsv --resume
same "and unchanged" table v.tsv

# What cannot be right.
refuse() { # WHAT TEXT PATTERN
    printf "$2" >bad.csv
    check "$1" 2 "$fusempnn" score two.pdb --chains A --variants bad.csv
    has err "bad.csv.*$3"
    one_line err
}
wrong=$(other "$x")
[ "$wrong" != "$a" ] || wrong=C
refuse "a native letter that is another" "mutant\n$a""12$x\n$wrong""12$x\n" ":3: .*A12 is $a, not $wrong"
refuse "a residue that is not there" "mutant\n$a""999$x\n" ":2: .*999 is not in the structure; nearest: A52"
refuse "a chain that is not there" "mutant\nQ:$a""12$x\n" ":2: .*no chain 'Q'"
refuse "a letter that is none" "mutant\n$a""12X\n" ":2: .*'X'"
refuse "one residue twice" "mutant\n$a""12$x:$a""12$x\n" ":2: .*twice"
refuse "what is no mutation" "mutant\nHELLO\n" ":2: 'HELLO' is no mutation"
refuse "an empty cell" "mutant,n\n,1\n" ":2: no mutation"
refuse "too many cells" "mutant,n\n$a""12$x,1,2\n" ":2: 3 cells, but the header has 2"
refuse "no column of mutants" "name,n\n$a""12$x,1\n" ":1: .*no column 'mutant'"
refuse "no rows" "mutant,n\n" "no variant"
refuse "an open quote" "mutant,n\n\"$a""12$x,1\n" ":2: .*quotes"
refuse "two columns of a name" "mutant,n,n\n$a""12$x,1,2\n" ":1: .*two columns"
printf "mutant,score\n$a""12$x,1\n" >bad.csv
check "a column of ours" 2 "$fusempnn" score two.pdb --chains A --variants bad.csv
has err "column 'score'"
check "no such file" 2 "$fusempnn" score two.pdb --variants absent.csv
check "both kinds" 2 "$fusempnn" score two.pdb --variants m.csv --fasta m.fa

# SIGINT in a run of many: what is finished stays, --resume completes it to the same bytes.
mkdir many
for n in 1 2 3 4 5 6 7 8; do "$make" --length 80 --seed $n >many/m$n.pdb; done
"$fusempnn" design many -n 40 --seed 11 --quiet -o whole || fail "the whole run"
for signal in INT TERM; do
    # A non-interactive shell starts background jobs with SIGINT ignored; the program listens.
    "$fusempnn" design many -n 40 --seed 11 --threads 1 -o cut$signal >out 2>err &
    pid=$!
    tries=0
    while [ ! -e cut$signal/seqs/m1.fa ] && [ $tries -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -$signal $pid
    wait $pid
    code=$?
    checks=$((checks + 1))
    if [ $code -eq 130 ]; then pass "SIG$signal: exit 130"; else
        fail "SIG$signal: exit $code, expected 130" "$(cat err)"
    fi
    has err "interrupted"
    finished=$(ls cut$signal/seqs/*.fa | wc -l)
    truth "  some are finished, some are not ($finished of 8)" test "$finished" -ge 1 -a "$finished" -lt 8
    for file in cut$signal/seqs/*.fa; do
        same "  $(basename $file) is whole" whole/seqs/$(basename $file) $file
    done
    truth "  nothing unfinished lies about" test -z "$(find cut$signal -name '*.part*' -o -name '*.tmp*')"
    check "--resume" 0 "$fusempnn" design many -n 40 --seed 11 -o cut$signal --resume
    for n in 1 2 3 4 5 6 7 8; do
        same "  m$n" whole/seqs/m$n.fa cut$signal/seqs/m$n.fa
        same "  m$n table" whole/tables/m$n.tsv cut$signal/tables/m$n.tsv
    done
done
# Without --seed the drawn one is found in what is there.
"$fusempnn" design many/m1.pdb many/m2.pdb -n 2 --quiet -o drawn
cp drawn/seqs/m2.fa kept
rm drawn/seqs/m2.fa
check "--resume with a drawn seed" 0 "$fusempnn" design many/m1.pdb many/m2.pdb -n 2 -o drawn --resume
same "  takes it up" kept drawn/seqs/m2.fa
for form in fa tsv jsonl fa.gz; do
    "$fusempnn" design many/m1.pdb -n 2 --quiet -o x.$form
    cp x.$form kept
    check "--resume a .$form with a drawn seed" 0 "$fusempnn" design many/m1.pdb -n 2 -o x.$form --resume
    same "  takes it up" kept x.$form
done


# Many structures side by side: what is printed and written is what one after another gives.
mkdir in
for i in 1 2 3 4 5 6; do
    "$make" --length $((30 + 5 * i)) --seed $i >in/s$i.pdb
done
"$make" --length 130 --chains ABCD --seed 20 >large.pdb # too large to be worked on ahead
echo "no structure" >in/s4broken.pdb
printf 'structure\tfix\tsamples\n../in/s1.pdb\tA3\t2\n../in/s2.pdb\tA999\t3\n../in/s3.pdb\tA1-10\t4\n' >jobs.tsv
all_of() { (cd "$1" && find . -type f ! -path './runs/*' | sort | xargs cat) | cksum; }
run_all() { # THREADS
    "$fusempnn" design ../in/s1.pdb ../large.pdb ../in/s2.pdb ../in/s4broken.pdb ../in/s3.pdb \
        --seed 7 --json --threads "$1" >design
    echo "exit $?"
    "$fusempnn" score ../in --orders 2 --threads "$1" >score
    "$fusempnn" design @../jobs.tsv --seed 7 --json --threads "$1" >jobs
    "$fusempnn" design ../in -n 2 -T 0.1,0.5 --seed 7 --save-probs --threads "$1" -o made
    "$fusempnn" probs ../in --mode autoregressive --threads "$1" -o probs
    all_of made >folder
    all_of probs >>folder
}
for threads in 1 2 3 8; do
    mkdir t$threads
    (cd t$threads && run_all $threads >messages 2>&1)
done
has t1/messages '1 of 7 inputs failed'
has t1/messages 'exit 1'
lines t1/design '"id"' 4
for threads in 2 3 8; do
    for result in design score jobs folder messages; do
        same "$result, $threads threads" t1/$result t$threads/$result
    done
done

# stopped in the middle, what is finished is kept, and --resume makes the rest
rm in/s4broken.pdb
"$fusempnn" design in -n 40 --seed 7 --threads 3 --quiet -o whole
"$fusempnn" design in -n 40 --seed 7 --threads 3 --quiet -o part 2>err &
process=$!
tries=0
until [ -e part/seqs/s1.fa ] || [ $tries -ge 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -INT $process 2>kill
wait $process
code=$?
truth "exit 130, or done before" test $code -eq 130 -o $code -eq 0
for file in part/seqs/*.fa; do
    same "$file is whole" "$file" "whole/seqs/$(basename "$file")"
done
check "--resume" 0 "$fusempnn" design in -n 40 --seed 7 --threads 3 --quiet -o part --resume
all_of whole >a
all_of part >b
same "resumed and made at once" a b

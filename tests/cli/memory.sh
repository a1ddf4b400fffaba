
# --max-memory: planned, printed, obeyed, and never a different result.
"$make" --length 300 --chains ABC --seed 5 >big.pdb
design() { "$fusempnn" design big.pdb --seed 7 --threads 1 "$@"; }
design -n 2 --json --quiet >whole
check "inspect prints the plan" 0 "$fusempnn" inspect big.pdb --json
has out '"memory":\{"limit":null,"least":[0-9]*,"planned":[0-9]*,"layers_held":3,"layers":3\}'
check "inspect under a limit" 0 "$fusempnn" inspect big.pdb --json --max-memory 110M
has out '"limit":115343360,.*"layers_held":[012],"layers":3\}'
check "inspect as a table" 0 "$fusempnn" inspect big.pdb
has out 'memory_mib$'

check "a limit that is too low" 3 design -n 2 --max-memory 30M
has err '900 residues with 48 neighbours need at least [0-9]* MiB of memory, and --max-memory .* allows 30'
least=$(sed -n 's/.*need at least \([0-9]*\) MiB.*/\1/p' err)
for limit in 400 110 "$least"; do
    check "--max-memory ${limit}M" 0 design -n 2 --json --max-memory "${limit}M"
    [ "$limit" = 400 ] || has err 'memory-plan: planned [0-9]* MiB: edge tables of [012] of 3'
    same "--max-memory ${limit}M gives the same" whole out
done
# A process that may not take more gets through; instrumented ones need terabytes of addresses.
if (ulimit -v 150000 && "$fusempnn" --version) >/dev/null 2>&1; then
    for limit in 110 "$least"; do
        (ulimit -v $(((limit + 16) * 1024)) && design -n 2 --json --quiet --max-memory "${limit}M") >out
        same "--max-memory ${limit}M is obeyed" whole out
    done
    (ulimit -v $(((least + 16) * 1024)) && design -n 2 --json --quiet) >out 2>err
    truth "which would not hold without it" test ! -s out
fi
for verb in "score --orders 1 --json" "probs --mode conditional -o p.npz --overwrite --redesign A1-40" \
    "probs --mode autoregressive -o p.npz --overwrite"; do
    rm -f p.npz
    "$fusempnn" $verb big.pdb --seed 7 --quiet --threads 3 >a
    [ ! -e p.npz ] || mv p.npz a
    "$fusempnn" $verb big.pdb --seed 7 --quiet --threads 3 --max-memory "$((least + 20))M" >b
    [ ! -e p.npz ] || mv p.npz b
    same "$verb under a limit" a b
done

for size in 0 -1 2X 1GG 1e3 "" .G 9999999T; do
    check "--max-memory '$size'" 2 design --max-memory "$size"
done
for size in 1G 1g 1GiB 1GB 0.5G 2000000000; do
    check "--max-memory $size" 0 "$fusempnn" inspect one.pdb --max-memory $size
done

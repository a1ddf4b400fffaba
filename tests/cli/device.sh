# Many inputs on a device that computes nothing (tests/cuda_stub; STUB is its shared object): what is
# taken together, by however many threads and devices, comes out as one after another does.
if [ -z "${STUB:-}" ]; then
    echo "skipped: no nvcc, no stub of a device"
    exit 77
fi
export FMPNN_CUDA_LIBRARY="$STUB"
mkdir in
i=1
while [ $i -le 40 ]; do
    "$make" --length $((20 + i)) --seed $i >in/s$i.pdb
    i=$((i + 1))
done
echo "no structure" >in/s4broken.pdb
"$make" --length 1100 --chains ABCD --seed 50 >in/s7large.pdb # too large to be worked on ahead
for form in "" "--max-memory 1M" "--threads 1" "--precision fp16"; do
    for device in cuda cuda:1 cuda:all; do
        STUB_DEVICES=3 "$fusempnn" design in -n 2 -T 0.1,0.5 --seed 7 --device $device $form >out 2>err
        truth "exit 1 with a broken file, $device $form" test $? -eq 1
        has err '1 of 42 inputs failed'
        sed 's|cuda/sm_90/fp[0-9]*|X|; s| settings=[^ ]*||' out >all
        [ -e first ] || cp all first
        same "$device $form" first all
    done
done
lines first '>' 164
for n in 3 12 40; do
    "$fusempnn" design in/s$n.pdb -n 2 -T 0.1,0.5 --seed 7 --device cuda --quiet >one
    grep -A1 ">s${n}_" out | grep -v '^--' >part
    sed 's|cuda/sm_90/fp[0-9]*|X|; s| settings=[^ ]*||' one >a
    sed 's|cuda/sm_90/fp[0-9]*|X|; s| settings=[^ ]*||' part >b
    same "s$n alone" a b
done
rm in/s4broken.pdb
check "a folder" 0 "$fusempnn" design in --seed 7 --device cuda --quiet -o whole
truth "  with native scores" test "$(cut -f15 whole/tables/*.tsv | grep -c nan)" -eq 0
STUB_US=50000 "$fusempnn" design in --seed 7 --device cuda --quiet -o cut 2>err &
process=$!
tries=0
until [ -e cut/seqs/s1.fa ] || [ $tries -ge 300 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
kill -INT $process 2>kill
wait $process
code=$?
truth "exit 130, or done before" test $code -eq 130 -o $code -eq 0
check "--resume" 0 "$fusempnn" design in --seed 7 --device cuda --quiet -o cut --resume
cat whole/seqs/*.fa >a
cat cut/seqs/*.fa >b
same "resumed and made at once" a b
check "two connections" 0 env STUB_CONNECTIONS=2 "$fusempnn" design in/s3.pdb --seed 7 --device cuda --quiet
check "as many as the user says" 0 env STUB_CONNECTIONS=5 CUDA_DEVICE_MAX_CONNECTIONS=5 \
    "$fusempnn" design in/s3.pdb --seed 7 --device cuda --quiet
check "no such device" 5 "$fusempnn" design in --seed 7 --device cuda:9
has err 'design: device cuda:9: there are 1, counted from 0'
STUB_MIB=100 "$fusempnn" design in/s7large.pdb --seed 7 --device cuda >out 2>err
truth "out of memory" test $? -ne 0
has err 'MiB are free'
# whichever allocation fails; sampling names a size too
allocations=1
sampled=0
until STUB_MIB=2000 STUB_ALLOCATIONS=$allocations "$fusempnn" design in/s7large.pdb -n 4 --seed 7 --device cuda >out 2>err; do
    grep -q 'residues take .* MiB, sampled, .* residues would fit' err && sampled=1
    allocations=$((allocations + 1))
    [ $allocations -lt 60 ] || break
done
truth "sampling named a size" test $sampled -eq 1
STUB_REGISTERS=0 "$fusempnn" design in --seed 7 --device cuda --quiet >allocated.fa
"$fusempnn" design in --seed 7 --device cuda --quiet >registered.fa
same "pinned either way" allocated.fa registered.fa
# sequences that do not fit together are sampled in smaller flights
"$fusempnn" design in/s40.pdb -n 1500 --seed 7 --device cuda --quiet >whole.fa
STUB_MIB=30 "$fusempnn" design in/s40.pdb -n 1500 --seed 7 --device cuda --max-memory 1G --quiet >flights.fa
same "1500 sequences where few fit" whole.fa flights.fa
lines flights.fa '>' 1500
# the stub's zeros are noticed
check "verify on a device" 1 "$fusempnn" verify in/s3.pdb --device cuda
lines out "	cuda	" 2
lines out "	fp32	.*	FAIL	" 1
has_not out "	cpu	"
STUB_DEVICES=2 check "verify on everything" 1 "$fusempnn" verify in/s3.pdb --device auto --precision fp32
lines out "	cpu	.*	pass	" "$("$fusempnn" doctor --json | sed 's/.*"isa":\[\([^]]*\)\].*/\1/; s/[",]/ /g' | wc -w)"
lines out "	cuda	" 1

# Help, version, and options that cannot be right.
check "bare fusempnn" 2 "$fusempnn"
has err "^Usage: fusempnn"
check "--help" 0 "$fusempnn" --help
has out "design STRUCTURE"
has out "pack STRUCTURE"
has_not out "report|export"
check "--version" 0 "$fusempnn" --version
has out "^fusempnn [0-9]+\.[0-9]+\.[0-9]+ \(commit [^ ,]+, [a-z0-9]+\)$"
check "unknown verb" 2 "$fusempnn" desing one.pdb
one_line err
for verb in design score probs pack inspect doctor; do
    check "$verb --help" 0 "$fusempnn" $verb --help
    has out "^Usage: fusempnn $verb"
    has out "^Examples:"
    has out "--precision fp32.bf16x3.bf16.fp16"
    check "$verb with an unknown option" 2 "$fusempnn" $verb --frobnicate one.pdb
    one_line err
done
for verb in design score probs pack inspect; do
    check "$verb without a structure" 2 "$fusempnn" $verb
    one_line err
done
check "a later part is unknown" 2 "$fusempnn" design one.pdb --pssm x
check "a slip is corrected" 2 "$fusempnn" design one.pdb --chain A
has err "did you mean --chains"
check "a value is missing" 2 "$fusempnn" design one.pdb --seed
check "a flag takes no value" 2 "$fusempnn" design one.pdb --json=yes
for bad in "-T -1" "-T nan" "-T inf" "-T 0x1" "-T ," "-T 0.1,0.1" "-T 1e-320" "-T 1e7" "-n 0" "-n -3" "-n 1.5" \
    "-n 99999999999999999999" "--seed -1" "--seed 9007199254740992" "--seed x" "--threads -1" \
    "--threads two" "--noise -0.1" "--first-sample 0" "--isa sse9" "--device tpu" \
    "--precision fp8" "--reading mine" "--gaps wide" "--symmetry c3" "--backbones xyz" \
    "--gaps-as XX" "--separator A" "--fasta-chains some" "--resume" "--overwrite" \
    "--overwrite --resume -o x" "--repack" "--pack-steps 2" "--pack-samples 4" \
    "--pack-format cif" "--pack-weights x"; do
    check "design $bad" 2 "$fusempnn" design one.pdb $bad
    one_line err
done
check "a temperature of 1e-320" 2 "$fusempnn" design one.pdb -T 0.1,1e-320
has err "-T: '1e-320' is not a temperature: 0, or 1e-100 to 1e\+06"
check "the least temperature" 0 "$fusempnn" design one.pdb -T 1e-100 --bias A=1e6
check "design --precision fp8" 2 "$fusempnn" design one.pdb --precision fp8
has err "'fp8' is not one of: fp32.bf16x3.bf16.fp16"
check "design --device tpu" 2 "$fusempnn" design one.pdb --device tpu
has err "'tpu' is not one of: cpu.cuda.:N.:all..auto"
for verb in scan verify "bench fusion" "bench model"; do
    check "$verb --help" 0 "$fusempnn" $verb --help
    has out "--precision fp32.bf16x3.bf16.fp16"
done
check "the largest seed" 0 "$fusempnn" design one.pdb --seed 9007199254740991
has out " seed=9007199254740991 "
check "seed 0" 0 "$fusempnn" design one.pdb --seed 0
has out " seed=0 "
cp out a
check "--opt=value" 0 "$fusempnn" design --seed=0 -n=1 -T=0.1 one.pdb
same "--opt=value is --opt value" a out
check "-n1 -T0.1" 0 "$fusempnn" design --seed 0 -n1 -T0.1 -- one.pdb
same "-n1 is -n 1" a out
check "a seed is drawn and recorded" 0 "$fusempnn" design one.pdb
has out " seed=[0-9]+ "
cp out a
check "another seed is drawn" 0 "$fusempnn" design one.pdb
differ "two drawn seeds" a out
seed=$(sed -n 's/.* seed=\([0-9]*\) .*/\1/p' a)
check "the drawn seed again" 0 "$fusempnn" design one.pdb --seed "$seed"
same "the header repeats the design" a out
export FMPNN_CUDA_LIBRARY=/nonexistent/libfusempnn_cuda.so # the same on every machine
check "--device cuda" 5 "$fusempnn" design one.pdb --device cuda
one_line err
check "--device cuda:1" 5 "$fusempnn" design one.pdb --device cuda:1
check "--precision bf16" 5 "$fusempnn" design one.pdb --isa generic --precision bf16
one_line err
check "--device auto" 0 "$fusempnn" design one.pdb --device auto
has err "device: the CPU computes; .*libfusempnn_cuda"
check "FMPNN_ISA=generic" 0 env FMPNN_ISA=generic "$fusempnn" design one.pdb --seed 1
has out " on=cpu/generic/fp32"
cp out a
check "--isa generic" 0 "$fusempnn" design one.pdb --seed 1 --isa generic
same "variable and option" a out
check "unknown weights" 2 "$fusempnn" design one.pdb --weights vanilla/v_48_999
one_line err
check "weights that are no weights" 2 "$fusempnn" design one.pdb --weights one.pdb
one_line err
check "doctor" 0 "$fusempnn" doctor
has out "generic"
check "doctor --json" 0 "$fusempnn" doctor --json
one_line out
has out '"isa":\["generic"'
has out '"device":\["cpu"'
has out '"weights":\[\{"name":"[a-z]+/[a-z0-9_]+","installed":(true|false)'
check "ligandmpnn_run --help" 0 "$fusempnn" ligandmpnn_run --help
has out "1: side chains in packed/"

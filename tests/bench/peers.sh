#!/bin/sh
# peers.sh PROGRAM CHECK_JSON SCHEMAS: the conversation with peers.py, with a package in place of PyTorch
# that the test makes: what is computed, timed and reported, and what a peer's failure looks like.
set -u
program=$1 check_json=$2 schema=$3/kernel_fusion_benchmark.schema.json
command -v python3 >/dev/null || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export TMPDIR="$work" # where other tests leave nothing
failed=0

bad() {
    echo "FAILED: $*"
    failed=1
}

# peers.py with the two makers replaced: one answers with the reference from the file, one breaks
# while it runs. FMPNN_PYTHON is this wrapper.
cat >wrapped.py <<'END'
import runpy, sys, types

script = sys.argv[1]
sys.argv = sys.argv[1:]
peers = types.SimpleNamespace(**runpy.run_path(script, run_name="peers"))


class Right:
    detail = "made for the test"

    def __init__(self, path, threads):
        header, data = peers.read_header(path)
        begin, end = header["out"]["data_offsets"]
        self.out = data[begin:end]

    def run(self):
        sum(range(2000))

    def output(self):
        return self.out


class Breaks(Right):
    def run(self):
        raise RuntimeError("broken on purpose")


def absent(path, threads):
    raise ImportError("No module named 'mlx'")


peers.MAKERS.update(pytorch_eager=Right, pytorch_compile=Breaks, mlx=absent)
print("a package that prints")
peers.main()
END
cat >python <<END
#!/bin/sh
exec python3 $work/wrapped.py "\$@"
END
chmod +x python
FMPNN_PYTHON=$work/python "$program" bench fusion --length 20 --hidden 16 --neighbors 5 --runs 25 \
    --threads 2 --peers pytorch,mlx -o b.json >out || bad "exit $?: $(cat out)"
"$check_json" "$schema" b.json || bad 'the JSON'
grep -q '"pytorch_eager":{"status":"ran","version":"made for the test"' b.json || bad 'eager did not run'
grep -q '"pytorch_unfused_ms":[0-9.e-]*[1-9]' b.json || bad 'no time of PyTorch'
grep -q '"pytorch_compile":{"status":"failed","reason":"broken on purpose"}' b.json || bad 'no failure'
grep -q '"mlx":{"status":"missing"' b.json || bad 'MLX is not missing'
grep -q 'mlx_fused_ms' b.json && bad 'a time of MLX'
grep -q '^PyTorch eager (unfused): *max difference 0.000e+00' out || bad 'the output was not compared'
ls -d "$work"/fusempnn-?????? 2>/dev/null | while read -r left; do
    [ -O "$left" ] && [ "$left" -nt wrapped.py ] && echo "left behind: $left"
done | grep . && failed=1
exit $failed

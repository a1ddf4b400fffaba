#!/bin/sh
# golden.sh PROGRAM GOLDEN_CHECK: the stored message-pass cases on every instruction set, and
# that the checker notices what is wrong with a case.
set -u
program=$1 golden=$2 cases=${FMPNN_SHARED:-../shared}/golden/message_pass
if [ ! -f "$cases/manifest.json" ]; then
    echo "no message-pass cases in $cases"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

sets=$("$program" doctor --json 2>/dev/null | sed 's/.*"isa":\[\([^]]*\)\].*/\1/; s/[",]/ /g')
[ -n "$sets" ] || sets=generic
for isa in $sets; do
    "$golden" "$cases" --isa "$isa" || failed=1
done
"$golden" "$cases" --isa vax >"$work/out" && { echo 'FAILED: --isa vax passed'; failed=1; }

# Damaged copies; each must fail, and the copy itself pass.
cp -r "$cases" "$work/cases"
python3 - "$work/cases" <<'END' || exit 1
import json, os, shutil, struct, sys

folder = sys.argv[1]
with open(folder + "/manifest.json") as file:
    manifest = json.load(file)
entry = next(c for c in manifest["cases"] if c["case"] == "odd_sizes")


def variant(name, change, fields=None):
    with open(folder + "/" + entry["file"], "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), bytearray(file.read())
    header, data = change(header, data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(folder + "/../" + name, exist_ok=True)
    with open(folder + "/../" + name + "/case.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    changed = dict(entry, file="case.safetensors", **(fields or {}))
    with open(folder + "/../" + name + "/manifest.json", "w") as file:
        json.dump(dict(manifest, cases=[changed]), file)


def off(header, data):
    begin = header["out"]["data_offsets"][0] + 8 * 5
    value = struct.unpack_from("<d", data, begin)[0]
    struct.pack_into("<d", data, begin, value + 2e-5)
    return header, data


def without(name):
    def change(header, data):
        begin, end = header.pop(name)["data_offsets"]
        for other in header.values():
            other["data_offsets"] = [o - (end - begin) * (o >= end) for o in other["data_offsets"]]
        return header, data[:begin] + data[end:]
    return change


def stranger(header, data):
    header["stranger"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    return header, data + b"\0\0\0\0"


variant("same", lambda header, data: (header, data))
variant("bad_off", off)
variant("bad_stranger", stranger)
for name in ("out", "W1", "E_idx", "mask", "beta"):
    variant("bad_without_" + name, without(name))
variant("bad_tanh", lambda header, data: (header, data), {"gelu": "tanh"})
variant("bad_gelu", lambda header, data: (header, data), {"gelu": "relu"})
variant("bad_size", lambda header, data: (header, data), {"k_neighbors": 4})
END
"$golden" "$work/same" >"$work/out" || { cat "$work/out"; echo 'FAILED: an unchanged copy'; failed=1; }
for folder in "$work"/bad_*; do
    "$golden" "$folder" >"$work/out" &&
        { echo "FAILED: $(basename "$folder") passed"; cat "$work/out"; failed=1; }
done
exit $failed

#!/usr/bin/env python3
"""flips.py FUSEMPNN STRUCTURE... [-n N]: how often a device draws another letter than the CPU.

Designs N sequences (1000; 1 for each of many structures) of the same seed on the CPU in fp32, on
the device in fp32 and in fp16, and prints one JSON line for each of the latter: sequences that
differ anywhere, letters that differ (after a first flip the rest of a sequence goes its own way),
native recovery of both, and the largest and the mean difference of the scores of sequences that
agree. For a single structure also the difference of all log-probabilities under one decoding
order of the native sequence, where no draw is involved.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np


def design(program, structures, n, how):
    command = [program, "design", *structures, "-n", str(n), "--seed", "1", "-T", "0.1", "--json", "--quiet"]
    text = subprocess.run(command + how, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def log_p(program, structure, how):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "p.npz")
        subprocess.run([program, "probs", structure, "--mode", "autoregressive", "--quiet", "-o", path, *how],
                       check=True)
        return np.load(path)["log_p"]


def mean(records, key):
    return float(np.mean([r[key] for r in records]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("structures", nargs="+")
    parser.add_argument("-n", type=int, default=1000)
    a = parser.parse_args()
    single = len(a.structures) == 1 and os.path.isfile(a.structures[0])
    cpu = design(a.program, a.structures, a.n, ["--device", "cpu"])
    for precision in ("fp32", "fp16"):
        how = ["--device", "cuda", "--precision", precision]
        device = design(a.program, a.structures, a.n, how)
        assert [r["id"] for r in cpu] == [r["id"] for r in device]
        pairs = list(zip(cpu, device))
        differ = [sum(p != q for p, q in zip(x["sequence"], y["sequence"])) for x, y in pairs]
        scores = [abs(x["score"] - y["score"]) for (x, y), d in zip(pairs, differ) if not d]
        result = {
            "work": "flips", "structures": a.structures if single else len(set(r["name"] for r in cpu)),
            "precision": precision, "sequences": len(cpu), "sequences_that_differ": sum(d > 0 for d in differ),
            "letters": sum(len(r["sequence"]) for r in cpu), "letters_that_differ": sum(differ),
            "recovery_cpu": mean(cpu, "recovery"), "recovery": mean(device, "recovery"),
            "score_cpu": mean(cpu, "score"), "score": mean(device, "score"),
            "largest_score_difference": max(scores, default=None),
            "mean_score_difference": float(np.mean(scores)) if scores else None,
        }
        if single:
            difference = log_p(a.program, a.structures[0], how) - log_p(a.program, a.structures[0], ["--device", "cpu"])
            result["largest_log_p_difference"] = float(np.nanmax(np.abs(difference)))
            result["rms_log_p_difference"] = float(np.sqrt(np.nanmean(difference ** 2)))
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

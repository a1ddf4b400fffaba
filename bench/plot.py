"""Figures of docs/benchmarks.md from results of `fusempnn bench fusion`, as SVG.

    bench/plot.py [bench/results/*_fusion_*.json] [--output docs]

writes docs/roofline.svg and docs/peers.svg, and with --table prints the tables of
docs/benchmarks.md. Standard library alone; the same input gives the same bytes.
"""
import argparse
import glob
import json
import math
import os
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
INK, PALE = "#222222", "#bbbbbb"
COLOURS = {"fused": "#0b6e4f", "unfused": "#c1666b", "pytorch_eager": "#48639c",
           "pytorch_compile": "#82a0d8", "mlx": "#d4a056"}
NAMES = {"fused": "fusempnn, fused", "unfused": "unfused (OpenBLAS)",
         "pytorch_eager": "PyTorch eager", "pytorch_compile": "PyTorch compile", "mlx": "MLX"}


def load(paths):
    results = []
    for path in sorted(paths):
        with open(path) as file:
            results.append(json.load(file))
    return results


def size_name(result):
    c = result["config"]
    return "%d, %d, %d, %d" % (c["batch_size"], c["sequence_length"], c["hidden_dim"],
                               c["k_neighbors"])


def run_name(result):
    threads = "1 thread" if result["threads"] == 1 else "%d threads" % result["threads"]
    return "%s %s, %s" % (result["isa"], result["precision"], threads)


def order(result):
    c = result["config"]
    work = c["batch_size"] * c["sequence_length"] * c["hidden_dim"] ** 2 * c["k_neighbors"]
    return (result["machine"]["cpu"], work, result["threads"], result["isa"], result["precision"])


class Picture:
    """Shapes and words, collected, then written."""

    def __init__(self, width, height):
        self.size = (width, height)
        self.parts = []

    def line(self, x1, y1, x2, y2, colour=INK, width=1.0, dash=""):
        dash = ' stroke-dasharray="%s"' % dash if dash else ""
        self.parts.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" '
                          'stroke-width="%.1f"%s/>' % (x1, y1, x2, y2, colour, width, dash))

    def box(self, x, y, width, height, colour):
        self.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>'
                          % (x, y, width, height, colour))

    def dot(self, x, y, colour, label):
        self.parts.append('<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s"><title>%s</title></circle>'
                          % (x, y, colour, escape(label)))

    def text(self, x, y, words, anchor="start", size=12, colour=INK):
        self.parts.append('<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="%s">%s'
                          '</text>' % (x, y, anchor, size, colour, escape(words)))

    def write(self, path):
        head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" '
                'font-family="sans-serif">\n<rect width="100%%" height="100%%" fill="white"/>\n')
        with open(path, "w") as file:
            file.write(head % self.size + "\n".join(self.parts) + "\n</svg>\n")


def scale(low, high, start, end):
    """A logarithmic axis."""
    span = math.log(high / low)
    return lambda value: start + (end - start) * math.log(value / low) / span


def decades(low, high):
    return [10.0**n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def points_of(result):
    """(side, flops per byte, GFLOP/s) of both forms; work that was done, not work avoided."""
    for side in ("unfused", "fused"):
        flops, size = result["flops"][side], result["bytes"][side]
        yield side, flops / size, flops / result[side + "_median_ms"] * 1e-6


def roofline(results, path):
    """FLOP/s over FLOPs per byte, under the ceilings of the fastest run."""
    picture = Picture(760, 470)
    best = max(results, key=lambda r: r["ceilings"]["fma_gflops"])
    top, copy = best["ceilings"]["fma_gflops"], best["ceilings"]["copy_gbytes"]
    points = [(r, p) for r in results for p in points_of(r)]
    low_x = min(p[1] for _, p in points) / 2
    high_x = max(max(p[1] for _, p in points), top / copy if copy else 1) * 3
    low_y = min(p[2] for _, p in points) / 2
    x, y = scale(low_x, high_x, 80, 730), scale(low_y, top * 2, 400, 50)
    picture.text(80, 26, "Roofline: %s, %s" % (best["machine"]["cpu"], run_name(best)), size=15)
    for value in decades(low_x, high_x):
        picture.line(x(value), 400, x(value), 50, PALE, 0.5)
        picture.text(x(value), 418, "%g" % value, "middle")
    for value in decades(low_y, top * 2):
        picture.line(80, y(value), 730, y(value), PALE, 0.5)
        picture.text(74, y(value) + 4, "%g" % value, "end")
    picture.text(405, 440, "FLOP a byte (by formula)", "middle")
    picture.text(80, 42, "GFLOP/s", size=11)
    if copy:
        corner = top / copy
        picture.line(x(low_x), y(max(low_x * copy, low_y)), x(corner), y(top), INK, 1.6)
        picture.line(x(corner), y(top), x(high_x), y(top), INK, 1.6)
        picture.text(x(high_x) - 4, y(top) - 6,
                     "multiply-adds %.0f GFLOP/s; copy %.1f GB/s" % (top, copy), "end", 11)
    for result, (side, intensity, rate) in points:
        label = "%s: %s; %s: %.1f GFLOP/s" % (NAMES[side], size_name(result), run_name(result), rate)
        picture.dot(x(intensity), y(rate), COLOURS[side], label)
    for n, side in enumerate(("unfused", "fused")):
        picture.dot(90 + 190 * n, 458, COLOURS[side], NAMES[side])
        picture.text(100 + 190 * n, 462, NAMES[side])
    picture.write(path)


def sides_of(result):
    """(name, median ms) of everything that ran."""
    yield "fused", result["fused_median_ms"]
    yield "unfused", result["unfused_median_ms"]
    for name in ("pytorch_eager", "pytorch_compile", "mlx"):
        peer = result["peers"].get(name, {})
        if peer.get("status") == "ran":
            yield name, peer["median_ms"]


def peers(results, path):
    """Median times, one group of bars a run, on a logarithmic axis."""
    rows = sum(len(list(sides_of(r))) + 2 for r in results)
    height = 70 + 16 * rows
    picture = Picture(760, height)
    times = [ms for r in results for _, ms in sides_of(r)]
    low, high = min(times) / 2, max(times) * 3
    x = scale(low, high, 190, 740)
    picture.text(20, 26, "Median time of one call, ms (logarithmic; shorter is better)", size=15)
    for value in decades(low, high):
        picture.line(x(value), 40, x(value), height - 24, PALE, 0.5)
        picture.text(x(value), height - 8, "%g" % value, "middle")
    y = 52
    for result in results:
        picture.text(20, y + 8, "%s; %s" % (size_name(result), run_name(result)), size=12)
        y += 16
        for name, ms in sides_of(result):
            picture.text(184, y + 9, NAMES[name], "end", 11)
            picture.box(190, y, x(ms) - 190, 12, COLOURS[name])
            ratio = "" if name == "fused" else "  %.1fx" % (ms / result["fused_median_ms"])
            picture.text(x(ms) + 4, y + 10, "%.3g%s" % (ms, ratio), size=11)
            y += 16
        y += 16
    picture.write(path)


def table(results):
    """The rows of docs/benchmarks.md."""
    print("| B, L, D, k | threads | instruction set | fused, ms | unfused | PyTorch eager | "
          "PyTorch compile | MLX | of the bound | max difference |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for result in results:
        cells = dict(sides_of(result))
        fused = cells["fused"]
        row = [size_name(result), str(result["threads"]),
               "%s %s" % (result["isa"], result["precision"]), "%.4f" % fused]
        for name in ("unfused", "pytorch_eager", "pytorch_compile", "mlx"):
            row.append("%.4g (%.1fx)" % (cells[name], cells[name] / fused) if name in cells
                       else result["peers"].get(name, {}).get("status", "-"))
        row += ["%.2f" % result["fraction"], "%.1e" % result["max_diff"]]
        print("| " + " | ".join(row) + " |")
    for machine in sorted({(r["machine"]["cpu"], r["machine"]["cores"], r["commit"])
                           for r in results}):
        print("\n%s, %d cores, commit %s." % machine)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", nargs="*", default=glob.glob(HERE + "/results/*_fusion_*.json"))
    parser.add_argument("--output", default=HERE + "/../docs")
    parser.add_argument("--table", action="store_true", help="print the tables, draw nothing")
    arguments = parser.parse_args()
    results = sorted(load(arguments.results), key=order)
    if not results:
        parser.exit(1, "plot.py: no results; bench/run_fusion.sh makes them\n")
    if arguments.table:
        table(results)
        return
    roofline(results, os.path.join(arguments.output, "roofline.svg"))
    peers(results, os.path.join(arguments.output, "peers.svg"))


if __name__ == "__main__":
    main()

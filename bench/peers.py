"""PyTorch and MLX at the fused operation's work, literally as the formula is written.

    peers.py TENSORS.safetensors --threads N --peers pytorch,mlx

is started by `fusempnn bench fusion --peers`. It loads the tensors, says on stdout which peers
are there, and then obeys lines on stdin, one JSON object as the answer to each:

    run NAME COUNT WARM    time COUNT runs after WARM that do not count -> {"ms": [...]}
    output NAME PATH       write the result, raw float32, to PATH       -> {"written": PATH}

A package that is missing is reported as missing. Needs nothing but the packages measured.
"""
import argparse
import ctypes
import json
import os
import struct
import sys
import time


def read_header(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        return header, file.read()


class PyTorch:
    """The operation in PyTorch, in inference mode; `compiled` through torch.compile."""

    def __init__(self, path, threads, compiled):
        # compile here: a pool of compilers would stay and disturb what is timed
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        header, data = read_header(path)
        data = bytearray(data)
        kinds = {"F32": torch.float32, "I32": torch.int32}
        self.t = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            kind = kinds[entry["dtype"]]
            flat = torch.frombuffer(data, dtype=kind, count=(end - begin) // 4, offset=begin)
            self.t[name] = flat.reshape(entry["shape"]).clone()
        self.t["E_idx"] = self.t["E_idx"].long()
        self.batch = torch.arange(self.t["h"].shape[0])[:, None, None]
        self.forward = torch.compile(self.literal) if compiled else self.literal
        self.detail = torch.__version__
        self.run()  # compiles, or fails here

    def literal(self, h, X, E, mask):
        torch, t, F = self.torch, self.t, self.torch.nn.functional
        h_j = h[self.batch, E]
        delta = X[self.batch, E] - X[:, :, None]
        distance = torch.sqrt((delta**2).sum(-1, keepdim=True) + 1e-8)
        direction = delta / (distance + 1e-8)
        h_i = h[:, :, None].expand(-1, -1, E.shape[2], -1)
        edge = torch.cat([h_i, h_j, distance, direction], -1)
        message = F.linear(F.gelu(F.linear(edge, t["W1"], t["b1"])), t["W2"], t["b2"]).mean(2)
        update = F.linear(F.gelu(F.linear(message, t["U1"], t["c1"])), t["U2"], t["c2"])
        norm = F.layer_norm(h + update, h.shape[-1:], t["gamma"], t["beta"], 1e-5)
        return norm * mask[..., None]

    def run(self):
        with self.torch.inference_mode():
            t = self.t
            self.out = self.forward(t["h"], t["X"], t["E_idx"], t["mask"])

    def output(self):
        out = self.out.contiguous()
        return ctypes.string_at(out.data_ptr(), out.numel() * 4)


class MLX:
    """The operation in MLX, compiled, as its users would run it."""

    def __init__(self, path, threads):
        import mlx.core as mx
        import mlx.nn as nn

        self.mx, self.nn = mx, nn
        self.t = mx.load(path)
        self.batch = mx.arange(self.t["h"].shape[0])[:, None, None]
        self.forward = mx.compile(self.literal)
        self.detail = mx.__version__ + " on " + str(mx.default_device())
        self.detail += "; threads are its own choice, Linux wheels link a slow reference BLAS"
        self.run()

    def literal(self, h, X, E, mask):
        mx, nn, t = self.mx, self.nn, self.t
        h_j = h[self.batch, E]
        delta = X[self.batch, E] - X[:, :, None]
        distance = mx.sqrt((delta**2).sum(-1, keepdims=True) + 1e-8)
        direction = delta / (distance + 1e-8)
        h_i = mx.broadcast_to(h[:, :, None], h_j.shape)
        edge = mx.concatenate([h_i, h_j, distance, direction], -1)
        message = (nn.gelu(edge @ t["W1"].T + t["b1"]) @ t["W2"].T + t["b2"]).mean(2)
        update = nn.gelu(message @ t["U1"].T + t["c1"]) @ t["U2"].T + t["c2"]
        norm = mx.fast.layer_norm(h + update, t["gamma"], t["beta"], 1e-5)
        return norm * mask[..., None]

    def run(self):
        t = self.t
        self.out = self.forward(t["h"], t["X"], t["E_idx"], t["mask"])
        self.mx.eval(self.out)

    def output(self):
        return bytes(memoryview(self.out.astype(self.mx.float32)).cast("B"))


MAKERS = {
    "pytorch_eager": lambda path, threads: PyTorch(path, threads, False),
    "pytorch_compile": lambda path, threads: PyTorch(path, threads, True),
    "mlx": MLX,
}


def load(names, path, threads):
    """The peers that work, and what is to be said about each."""
    peers, said = {}, []
    for name in names:
        try:
            peers[name] = MAKERS[name](path, threads)
            status, detail = "ready", peers[name].detail
        except ImportError as problem:
            status, detail = "missing", str(problem)
        except Exception as problem:  # whatever a package raises is its result here
            status, detail = "failed", str(problem)
        said.append({"name": name, "status": status, "detail": detail.strip().split("\n")[0][:200]})
    return peers, said


def timed(peer, count, warm):
    for _ in range(warm):
        peer.run()
    ms = []
    for _ in range(count):
        begin = time.perf_counter()
        peer.run()
        ms.append((time.perf_counter() - begin) * 1e3)
    return ms


def obey(words, peers):
    if words[0] == "run":
        count, warm = words[2].split()
        return {"ms": timed(peers[words[1]], int(count), int(warm))}
    if words[0] == "output":
        with open(words[2], "wb") as file:
            file.write(peers[words[1]].output())
        return {"written": words[2]}
    return {"error": "unknown: " + words[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tensors")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", default="pytorch,mlx")
    arguments = parser.parse_args()
    names = []
    for name in filter(None, arguments.peers.split(",")):
        names += ["pytorch_eager", "pytorch_compile"] if name == "pytorch" else [name]
    peers, said = load(names, arguments.tensors, arguments.threads)
    print(json.dumps({"peers": said}), flush=True)
    for line in sys.stdin:
        try:
            answer = obey(line.rstrip("\n").split(" ", 2), peers)
        except Exception as problem:
            answer = {"error": str(problem).split("\n")[0][:200]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

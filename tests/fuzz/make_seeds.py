#!/usr/bin/env python3
"""make_seeds.py FOLDER: small well-formed inputs for the fuzz targets, FOLDER/TARGET/NAME.

A fuzzer that starts from nothing spends its seconds on guessing file signatures. The networks
here have 16 channels, the fewest that the readers take: every check that a published checkpoint
passes, in some 60 KB.
"""

import collections
import gzip
import io
import json
import math
import os
import pickle
import struct
import sys
import types
import zipfile


def tensor_shapes(c=16, f=16, columns=416):
    """Names and shapes of a ProteinMPNN checkpoint with c channels (Dauparas et al. 2022)."""
    shapes = {
        "features.embeddings.linear.weight": (16, 66),
        "features.embeddings.linear.bias": (16,),
        "features.edge_embedding.weight": (c, columns),
        "features.norm_edges.weight": (c,),
        "features.norm_edges.bias": (c,),
        "W_e.weight": (c, c),
        "W_e.bias": (c,),
        "W_s.weight": (21, c),
    }
    message = {"W1": (c, 3 * c), "W2": (c, c), "W3": (c, c)}
    update = {"W11": (c, 3 * c), "W12": (c, c), "W13": (c, c)}
    dense = {"dense.W_in": (f, c), "dense.W_out": (c, f)}
    stacks = {
        "encoder_layers.0": (3, {**message, **update, **dense}),
        "decoder_layers.0": (2, {**message, "W1": (c, 4 * c), **dense}),
    }
    for stack, (norms, layers) in stacks.items():
        for n in range(1, norms + 1):
            shapes[f"{stack}.norm{n}.weight"] = shapes[f"{stack}.norm{n}.bias"] = (c,)
        for name, shape in layers.items():
            shapes[f"{stack}.{name}.weight"] = shape
            shapes[f"{stack}.{name}.bias"] = shape[:1]
    shapes["W_out.weight"] = (21, c)
    shapes["W_out.bias"] = (21,)
    return shapes


# ---- .pt: a zip of data.pkl and raw storages. torch itself is not needed: the pickle names its
# functions, and stand-ins of the same names write the same bytes.

class Storage:
    def __init__(self, key, count):
        self.key, self.count = key, count


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        strides = tuple(math.prod(self.shape[n + 1:]) for n in range(len(self.shape)))
        empty = collections.OrderedDict()
        return (rebuild_tensor, (self.storage, 0, self.shape, strides, False, empty))


def rebuild_tensor(*arguments):
    raise NotImplementedError("only its name is written")


class FloatStorage:
    pass


def stand_in(thing, module, name):
    thing.__module__, thing.__name__, thing.__qualname__ = module, name, name
    parts = sys.modules.setdefault(module, types.ModuleType(module))
    setattr(parts, name, thing)


stand_in(rebuild_tensor, "torch._utils", "_rebuild_tensor_v2")
stand_in(FloatStorage, "torch", "FloatStorage")


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            return ("storage", FloatStorage, thing.key, "cpu", thing.count)
        return None


def make_pickle(shapes, protocol):
    storages = {name: Storage(str(n), math.prod(s)) for n, (name, s) in enumerate(shapes.items())}
    state = collections.OrderedDict(
        (name, Tensor(storages[name], shape)) for name, shape in shapes.items())
    data = io.BytesIO()
    Pickler(data, protocol).dump(
        {"num_edges": 48, "noise_level": 0.2, "model_state_dict": state})
    return data.getvalue(), storages


def make_pt(shapes, protocol):
    data, storages = make_pickle(shapes, protocol)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", data)
        for storage in storages.values():
            archive.writestr(f"archive/data/{storage.key}", bytes(4 * storage.count))
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


# ---- safetensors

def make_header(shapes, dtype="F32", width=4):
    header, at = {"__metadata__": {"num_edges": "48", "noise_level": "0.2"}}, 0
    for name, shape in shapes.items():
        end = at + width * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return json.dumps(header).encode(), at


def make_safetensors(shapes, dtype="F32", width=4):
    header, size = make_header(shapes, dtype, width)
    return struct.pack("<Q", len(header)) + header + bytes(size)


# ---- structures: a helix of alanines, close enough to real for any reader

def helix(residues):
    for i in range(residues):
        for name, radius, angle, rise in (("N", 1.55, -28, -0.9), ("CA", 2.28, 0, 0.0),
                                          ("C", 1.66, 27, 1.1), ("O", 2.03, 24, 2.3)):
            turn = math.radians(100 * i + angle)
            yield (i, name, radius * math.cos(turn), radius * math.sin(turn), 1.5 * i + rise)


def make_pdb(residues, extra=""):
    lines = [f"ATOM  {n:5d}  {name:<3s} ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 10.00"
             f"           {name[0]}"
             for n, (i, name, x, y, z) in enumerate(helix(residues), 1)]
    return ("\n".join(lines) + "\n" + extra + "TER\nEND\n").encode()


def make_cif(residues):
    columns = ("group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id "
               "label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy "
               "B_iso_or_equiv auth_seq_id auth_asym_id pdbx_PDB_model_num").split()
    lines = ["data_SEED", "loop_"] + ["_atom_site." + column for column in columns]
    lines += [f"ATOM {n} {name[0]} {name} . ALA A 1 {i + 1} ? {x:.3f} {y:.3f} {z:.3f} 1.00 10.00"
              f" {i + 1} A 1" for n, (i, name, x, y, z) in enumerate(helix(residues), 1)]
    return ("\n".join(lines) + "\n#\n").encode()


HETERO = ("HETATM   99 ZN    ZN B 201       1.000   2.000   3.000  1.00 10.00          ZN\n"
          "ATOM    100  CA AMSE A   9A      4.000   5.000   6.000  0.40 10.00           C\n")

SELECTIONS = [
    "A10", "A10-25,B82A", "H100-100K", "A-5", "A-5--1", "A", "A1:5", "AA:1..9A, B",
    "C,A5-9:GP", "A=-1.1,A12:P=2", "A=B=C", "A1-40=A41-80", "A*1=B*-0.5", "HOH,SO4,chain:C",
]

DICTIONARIES = [
    '{"s": [["A"], ["B"]]}', '{"s": {"A": [1, 2, 5], "B": []}}', '{"A": -1.1, "X": 2}',
    '{"s": {"A": [[[1, 2], "GP"], [[5], "C"]]}}', '{"s": [{"A": [1], "B": [3]}, {"A": [2]}]}',
    '{"s": [{"A": [[1], [0.5]], "B": [[1], [-1]]}]}', '{"s": {"A": [[' + "0, " * 20 + "NaN]]}}",
    '{"s": {"A": {"pssm_coef": [0.1], "pssm_bias": [[0.2]], "pssm_log_odds": [[1]]}}}',
]

shapes = tensor_shapes()
SEEDS = {
    "pt": {"protocol2.pt": make_pt(shapes, 2), "protocol4.pt": make_pt(shapes, 4),
           "ca.pt": make_pt(tensor_shapes(columns=167), 2),
           "protocol2.pkl": make_pickle(shapes, 2)[0], "protocol4.pkl": make_pickle(shapes, 4)[0]},
    "safetensors": {"f32": make_safetensors(shapes), "bf16": make_safetensors(shapes, "BF16", 2)},
    "json": {"header": make_header(shapes)[0], "empty": b"{}",
             "one": make_header({"W_s.weight": (21, 16)})[0]},
    # The first byte chooses how fuzz_structure.c reads: 0 as the author numbered it, 1 as the
    # original program does, 16 also writes mmCIF.
    "structure": {"helix.pdb": b"\x00" + make_pdb(5), "original.pdb": b"\x01" + make_pdb(5),
                  "hetero.pdb": b"\x10" + make_pdb(3, HETERO), "helix.cif": b"\x00" + make_cif(3),
                  "helix.pdb.gz": b"\x00" + gzip.compress(make_pdb(3), mtime=0)},
    # the first byte says which option the text is for
    "selection": {f"{n}_{option}": bytes([option]) + text.encode()
                  for n, text in enumerate(SELECTIONS) for option in range(7)},
    # the first byte says which dictionary the lines are
    "dictionaries": {f"{n}_{kind}": bytes([kind]) + text.encode()
                     for n, text in enumerate(DICTIONARIES) for kind in range(7)},
    "fasta": {"two": b">a\nACDEFGH/KL\n>b\nACD\nEFG\n", "blank": b">a\n\n", "bare": b"ACD\n"},
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for target, files in SEEDS.items():
        folder = os.path.join(sys.argv[1], target)
        os.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as out:
                out.write(content)

#!/bin/sh
# model_peers.sh MODEL_PEERS: which runs `--calm` keeps, with processors and works that the test makes.
command -v python3 >/dev/null || exit 77
exec python3 - "$1" <<'PYTHON'
import os, sys, types

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import model_peers


class Calm:
    """Says what `looks` does, then that all is calm or never is."""

    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else sys.exit(77)

    def __init__(self, processors, threads):
        assert (processors, threads) == ([0], 1)
        self.moves = 0
        made.append(self)

    def is_now(self):
        return looks.pop(0) if looks else last

    def move(self):
        self.moves += 1


class Side(model_peers.Published):
    def __init__(self):
        self.done = 0
        self.torch = types.SimpleNamespace(get_num_threads=lambda: 1)

    def read(self, path):
        pass

    def once(self, order):
        self.done += 1


model_peers.Calm, made, side = Calm, [], Side()
order = {"structure": "", "warm": 0, "runs": 2, "calm": 60, "processors": [0]}
looks, last = [True, True, False, True, False], True  # calm; disturbed before; disturbed after
answer = side.time(order)
assert (answer["calm"], answer["disturbed"], len(answer["ms"])) == (2, 1, 2), answer
assert (side.done, made[0].moves) == (3, 1), (side.done, made[0].moves)
looks, last = [], False
answer = side.time(dict(order, calm=0.2))
assert answer["calm"] == 0 and len(answer["ms"]) == answer["disturbed"] == 1, answer
assert made[1].moves > 0
answer = side.time(dict(order, calm=0))
assert len(answer["ms"]) == 2 and "calm" not in answer, answer

assert model_peers.middle_of([(True, 3), (False, 1), (True, 5)]) == 4
assert model_peers.middle_of([(False, 1), (False, 2)]) == 1.5
pairs = [("avx512", "bf16"), ("amx", "bf16x3"), ("amx", "bf16"), ("avx512", "fp32")]
args = types.SimpleNamespace(rows=["score:5L33:2:amx/bf16+fp32", "sample 1:6EHB:1"],
                             precision="bf16x3")
assert model_peers.rows_of(args, pairs) == [("score", "5L33", 2, pairs[2:]),
                                            ("sample 1", "6EHB", 1, pairs[1:2])]
PYTHON

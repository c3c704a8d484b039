"""Training speed against litgpt and Hugging Face transformers, and against the machine's matrix-product rate, in one run.

    make peers                      # once: the peers, in an environment of their own
    python bench/train.py [--quick] [--shapes 8x384 6x256] [--rounds 5]

Every contender is a process that stays alive and trains when its turn comes (A B C A B C …), so a machine that grows slower in
the middle is slower for all. All open the same Llama weights (vocabulary 8,192, tied), read the same ids (8 rows of 512), clip and
take fused AdamW; losses are printed beside the speeds and must agree. Each peer runs in every form it has here (compiled and not,
SDPA and eager attention, float32 and bfloat16) for one short round; the fastest form goes on to the rounds that count.

`train_share_of_matmul` is 6 · parameters · tokens per second over the machine's matrix-product rate in the format that is used
(attention is not counted as work). Ratios are medians over rounds of (ours / best peer of that round).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.train.compile import obstacle
from hagane.train.precision import compute_dtype
from hagane.train.random import generator

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
SHAPES = {"8x384": (8, 384, 1024), "6x256": (6, 256, 688)}
"""Layers, width, inner width of the feed-forward layer; heads are 64 wide."""
HEAD_DIM, VOCAB, ROWS, SEQ = 64, 8192, 8, 512
TOKENS = ROWS * SEQ
TRIAL = 2
"""Steps in which the forms of a peer are compared; ours takes them too, so that losses stand at the same step."""
console = Console(highlight=False, soft_wrap=True)


@dataclass
class Contender:
    """A process that trains on command."""

    label: str
    process: subprocess.Popen[str]
    warm_seconds: float
    peak_gib: float
    speeds: list[float] = field(default_factory=list)
    """Tokens per second, the median step of each round."""
    losses: list[float] = field(default_factory=list)

    def go(self, steps: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"go {steps}\n")
        self.process.stdin.flush()
        answer = read(self.process)
        self.peak_gib = answer["peak_gib"]
        if "seconds" in answer:
            self.speeds.append(TOKENS / statistics.median(answer["seconds"]))
            self.losses += answer["losses"]
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def read(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a contender ended: {' '.join(map(str, process.args))}")  # type: ignore[arg-type, union-attr]
    found: dict[str, Any] = json.loads(line)
    return found


def start(folder: Path, name: str, dtype: str, compiled: bool, attention: str = "sdpa", threads: int = 2) -> Contender:
    own = name in ("hagane", "matmul")
    command = [sys.executable if own else str(PEERS), str(HERE / "train_contender.py"), name]
    command += ["--weights", str(folder / "model"), "--ids", str(folder / "ids.npy"), "--dtype", dtype]
    command += ["--attention", attention, "--threads", str(threads)] + ["--compile"] * compiled
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    said = read(process)
    form = [dtype, "compiled" if compiled else "eager", *([f"{attention} attention"] if name == "transformers" else [])]
    return Contender(f"{name} ({', '.join(form)})", process, said["warm_seconds"], said["peak_gib"])


def best_form(folder: Path, name: str, dtypes: list[str], quick: bool) -> Contender | None:
    """The fastest form of a peer, warm; the others were tried for two steps and ended."""
    forms = [(dtype, compiled, "sdpa") for dtype in dtypes for compiled in (True, False)]
    if name == "transformers":
        forms += [(dtype, compiled, "eager") for dtype in dtypes for compiled in (True, False)]
    best: tuple[float, Contender] | None = None
    for dtype, compiled, attention in forms[:1] if quick else forms:
        if compiled and obstacle() is not None:
            continue
        contender = start(folder, name, dtype, compiled, attention)
        speed = TOKENS / min(contender.go(TRIAL)["seconds"])
        console.print(f"  {contender.label}: {speed:,.0f} tokens/s, loss {contender.losses[0]:.4f}")
        loser = contender
        if best is None or speed > best[0]:
            loser, best = (best[1] if best else contender), (speed, contender)
        if loser is not best[1]:
            loser.end()
    assert best is not None
    best[1].speeds.clear()
    return best[1]


def prepare(folder: Path, shape: str) -> int:
    """Weights and ids every contender reads; returns the parameters."""
    layers, dim, inner = SHAPES[shape]
    config = DecoderConfig(
        vocab_size=VOCAB,
        hidden_size=dim,
        intermediate_size=inner,
        num_layers=layers,
        num_heads=dim // HEAD_DIM,
        num_kv_heads=dim // HEAD_DIM,
        head_dim=HEAD_DIM,
        norm_eps=1e-5,
        qk_norm=False,
        bos_id=1,
        eos_id=2,
    )
    model = Decoder(config)
    model.init_weights(generator(1, 0, "weights"))
    save_model(model, folder / "model")
    draw = np.random.default_rng(1)
    # Zipf's law, and every token followed by one of a few: something to learn, so that losses tell a wrong step.
    ids = np.minimum(draw.zipf(1.3, (64, ROWS, SEQ + 1)), VOCAB // 2)
    ids[:, :, 1::2] = (ids[:, :, :-1:2] * 7 + 3) % VOCAB
    np.save(folder / "ids.npy", ids.astype(np.int32))
    return config.parameters_count


def measure(shape: str, rounds: int, steps: int, quick: bool) -> dict[str, Any]:
    dtype = str(compute_dtype()).removeprefix("torch.")
    # A peer may use either format; where bfloat16 is emulated it is ten times slower and not worth the minutes.
    dtypes = ["bfloat16", "float32"] if dtype == "bfloat16" else ["float32"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parameters = prepare(folder, shape)
        console.print(f"{shape}: {parameters / 1e6:.1f} M parameters, {dtype}")
        peers = []
        if PEERS.exists():
            peers = [best_form(folder, peer, dtypes, quick) for peer in ("litgpt", "transformers")]
        else:
            console.print("the peers are not installed: `make peers`")
        own = start(folder, "hagane", dtype, compiled=obstacle() is None)
        own.go(TRIAL)
        own.speeds.clear()
        matmul = start(folder, "matmul", dtype, compiled=False)
        contenders = [own, *(peer for peer in peers if peer is not None)]
        rates = []
        for _ in range(rounds):
            rates.append(matmul.go(steps)["rate"])
            for contender in contenders:
                contender.go(steps)
        for contender in (*contenders, matmul):
            contender.end()
    best = [max(peer.speeds[i] for peer in contenders[1:]) for i in range(rounds)] if peers else []
    shares = [6 * parameters * speed / 1e9 / rate for speed, rate in zip(own.speeds, rates, strict=True)]
    table = Table("contender", "tokens/s", "least – most", "first steps s", "peak GiB", "loss at", "…", title=shape)
    for c in contenders:
        spread = f"{min(c.speeds):,.0f} – {max(c.speeds):,.0f}"
        losses = (f"{c.losses[0]:.4f}", f"{c.losses[-1]:.4f}")
        table.add_row(
            c.label,
            f"{statistics.median(c.speeds):,.0f}",
            spread,
            f"{c.warm_seconds:.1f}",
            f"{c.peak_gib:.2f}",
            *losses,
        )
    console.print(table)
    console.print(f"matrix products: {statistics.median(rates):,.0f} GFLOP/s ({dtype})")
    by_name = {c.label.split()[0]: c for c in contenders}
    ratios = {
        f"train_vs_{name}": statistics.median(a / b for a, b in zip(own.speeds, peer.speeds, strict=True))
        for name, peer in by_name.items()
        if name != "hagane"
    }
    if best:
        ratios["train_vs_best_peer"] = statistics.median(a / b for a, b in zip(own.speeds, best, strict=True))
    ratios["train_share_of_matmul"] = statistics.median(shares)
    return {
        "dtype": dtype,
        "parameters": parameters,
        "ratios": ratios,
        "tokens_per_second": {name: statistics.median(c.speeds) for name, c in by_name.items()},
        "peak_gib": {name: c.peak_gib for name, c in by_name.items()},
        "losses": {name: [c.losses[0], c.losses[-1]] for name, c in by_name.items()},
        "matmul_gflops": statistics.median(rates),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="6x256, one form of each peer, two rounds.")
    arguments = parser.parse_args()
    shapes = arguments.shapes or (["6x256"] if arguments.quick else list(SHAPES))
    rounds = 2 if arguments.quick else arguments.rounds
    found = {shape: measure(shape, rounds, arguments.steps, arguments.quick) for shape in shapes}
    first = found[shapes[0]]
    print(json.dumps({"bench": "train", "ratios": first["ratios"], "shapes": found}))


if __name__ == "__main__":
    main()

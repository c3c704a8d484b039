"""One contender of `bench/train.py`, in a process of its own: it trains on command and answers with what each step took.

Lines on standard input: `go N` runs N steps, end of file ends it. Lines on standard output: one JSON object for the start (what
was compiled, how long the first two steps took) and one for each command (seconds, losses, peak memory so far).

Every contender opens the same weights, reads the same ids in the same order, clips at 1 and takes fused AdamW without decay. Ours
is `hagane.train.loop.train` itself, with a task that waits for commands, so whatever the engine costs is in the figure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

WARM = 2
LR = 3e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=("hagane", "transformers", "litgpt", "matmul"))
    parser.add_argument("--weights", type=Path, required=True, help="A Hugging Face folder (Llama).")
    parser.add_argument("--ids", type=Path, required=True, help="int32 [steps, rows, seq + 1] as .npy.")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ids = torch.from_numpy(np.load(arguments.ids).astype(np.int64))
    if arguments.name == "hagane":
        ours(arguments, ids)
    elif arguments.name == "matmul":
        products(arguments)
    else:
        theirs(arguments, ids)


def say(**values: Any) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(values | {"peak_gib": peak}), flush=True)


def commands() -> Iterator[int]:
    for line in sys.stdin:
        yield int(line.split()[1])


def theirs(arguments: argparse.Namespace, ids: torch.Tensor) -> None:
    step = peer(arguments, ids)
    begin = time.perf_counter()
    for number in range(WARM):
        step(number)
    say(warm_seconds=time.perf_counter() - begin)
    number = WARM
    for count in commands():
        seconds, losses = [], []
        for _ in range(count):
            begin = time.perf_counter()
            losses.append(step(number))
            seconds.append(time.perf_counter() - begin)
            number += 1
        say(seconds=seconds, losses=losses)


def peer(arguments: argparse.Namespace, ids: torch.Tensor) -> Callable[[int], float]:
    """A step of a peer: the loss as it comes, backward, clip, fused AdamW."""
    if arguments.name == "transformers":
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(
            arguments.weights, attn_implementation=arguments.attention, dtype=torch.float32
        )
        run = torch.compile(model, dynamic=False) if arguments.compile else model

        def loss_of(batch: torch.Tensor) -> torch.Tensor:
            tokens, targets = batch[:, :-1].contiguous(), batch[:, 1:].contiguous()
            found: torch.Tensor = run(input_ids=tokens, labels=targets, shift_labels=targets).loss
            return found
    else:
        model = litgpt_model(arguments.weights)
        from litgpt.utils import chunked_cross_entropy

        run = torch.compile(model, dynamic=False) if arguments.compile else model

        def loss_of(batch: torch.Tensor) -> torch.Tensor:
            tokens, targets = batch[:, :-1].contiguous(), batch[:, 1:].contiguous()
            found: torch.Tensor = chunked_cross_entropy(run(tokens), targets, chunk_size=0)
            return found

    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    low = arguments.dtype == "bfloat16"

    def step(number: int) -> float:
        batch = ids[number % len(ids)]
        with torch.autocast("cpu", dtype=torch.bfloat16) if low else contextlib.nullcontext():
            loss = loss_of(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step


def litgpt_model(folder: Path) -> torch.nn.Module:
    """The same weights in litgpt's Llama: its fused `qkv` holds queries, keys and values one after another."""
    from litgpt import GPT, Config
    from safetensors.torch import load_file

    raw = json.loads((folder / "config.json").read_text())
    config = Config(
        n_layer=raw["num_hidden_layers"],
        n_head=raw["num_attention_heads"],
        n_embd=raw["hidden_size"],
        vocab_size=raw["vocab_size"],
        padded_vocab_size=raw["vocab_size"],
        block_size=512,
        bias=False,
        rotary_percentage=1.0,
        parallel_residual=False,
        norm_class_name="RMSNorm",
        norm_eps=raw["rms_norm_eps"],
        mlp_class_name="LLaMAMLP",
        intermediate_size=raw["intermediate_size"],
    )
    model = GPT(config)
    theirs = load_file(folder / "model.safetensors")
    names = {
        "norm_1.weight": ("input_layernorm",),
        "attn.qkv.weight": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attn.proj.weight": ("self_attn.o_proj",),
        "norm_2.weight": ("post_attention_layernorm",),
        "mlp.fc_1.weight": ("mlp.gate_proj",),
        "mlp.fc_2.weight": ("mlp.up_proj",),
        "mlp.proj.weight": ("mlp.down_proj",),
    }
    embedding = theirs["model.embed_tokens.weight"]
    state = {"transformer.wte.weight": embedding, "lm_head.weight": embedding}
    state["transformer.ln_f.weight"] = theirs["model.norm.weight"]
    for layer in range(config.n_layer):
        for own, parts in names.items():
            found = [theirs[f"model.layers.{layer}.{part}.weight"] for part in parts]
            state[f"transformer.h.{layer}.{own}"] = torch.cat(found)
    model.load_state_dict(state)
    model.lm_head.weight = model.transformer.wte.weight  # tied, as everywhere else
    return model


def ours(arguments: argparse.Namespace, ids: torch.Tensor) -> None:
    from hagane.model.decoder import Decoder
    from hagane.model.hf import load_model
    from hagane.train.compile import compilations
    from hagane.train.loop import TrainConfig, train
    from hagane.train.losses import lm_loss
    from hagane.train.task import Batch, Metrics

    class OnCommand:
        """Trains on the ids; between commands, `batches` waits."""

        def __init__(self) -> None:
            self.commands = commands()
            self.left, self.seconds, self.losses = WARM, list[float](), list[float]()
            self.warm = True
            self.begin = time.perf_counter()

        def batches(self, step: int, model: torch.nn.Module) -> list[Batch]:
            if step:
                self.seconds.append(time.perf_counter() - self.begin)
                self.left -= 1
            if not self.left:
                if self.warm:
                    say(warm_seconds=sum(self.seconds), compiled=compilations())
                else:
                    say(seconds=self.seconds, losses=self.losses[-len(self.seconds) :])
                self.seconds, self.warm = [], False
                try:
                    self.left = next(self.commands)
                except StopIteration:
                    sys.exit(0)
            self.begin = time.perf_counter()
            batch = ids[step % len(ids)]
            rows, seq = batch.size(0), batch.size(1) - 1
            return [
                {
                    "tokens": batch[:, :-1].contiguous(),
                    "targets": batch[:, 1:].contiguous(),
                    "weights": torch.ones(rows, seq),
                    "segments": torch.zeros(rows, seq, dtype=torch.int32),
                    "positions": torch.arange(seq).repeat(rows, 1),
                }
            ]

        def weight(self, batch: Batch) -> float:
            return float(batch["weights"].sum())

        def loss(self, model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
            assert isinstance(model, Decoder)
            hidden = model(batch["tokens"], batch["segments"], batch["positions"])
            loss = lm_loss(hidden, model.head_weight, batch["targets"], batch["weights"])
            self.losses.append(float(loss.detach()) / batch["targets"].numel())
            return loss, {}

        def evaluate(self, model: torch.nn.Module) -> dict[str, float]:
            return {}

    config = TrainConfig(
        steps=10**6,
        lr=LR,
        embedding_lr=LR,
        schedule="constant",
        warmup=0.0,
        optimizer="adamw",
        weight_decay=0.0,
        checkpoint_every=10**6,
        compile=arguments.compile,
    )
    model = load_model(arguments.weights, getattr(torch, arguments.dtype))
    with tempfile.TemporaryDirectory() as out:
        train(model, OnCommand(), config, Path(out), "bench")


def products(arguments: argparse.Namespace) -> None:
    """The machine's matrix-product rate, GFLOP/s: the fastest of the model's own shapes and a square, each as a median."""
    raw = json.loads((arguments.weights / "config.json").read_text())
    dim, inner, vocab = raw["hidden_size"], raw["intermediate_size"], raw["vocab_size"]
    shapes = [(4096, 3 * dim, dim), (4096, 2 * inner, dim), (4096, dim, inner), (4096, vocab, dim), (2048, 2048, 2048)]
    dtype = getattr(torch, arguments.dtype)
    pairs = [(torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype)) for m, n, k in shapes]

    def rates(count: int) -> list[float]:
        found = []
        for (m, n, k), (left, right) in zip(shapes, pairs, strict=True):
            seconds = []
            for _ in range(count):
                begin = time.perf_counter()
                torch.nn.functional.linear(left, right)
                seconds.append(time.perf_counter() - begin)
            found.append(2 * m * n * k / sorted(seconds)[len(seconds) // 2] / 1e9)
        return found

    rates(WARM)
    say(warm_seconds=0.0)
    for count in commands():
        say(rate=max(rates(2 * count + 1)))


if __name__ == "__main__":
    main()

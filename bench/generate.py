"""Decoding: ours beside `transformers.generate` in the same precision, and llama.cpp (f16) at batch 1.

Usage: python bench/generate.py [--quick] [--compiled-peer]. A model of random weights (8 layers × 384, 6 heads, vocabulary
8,192) is written by `save_model` and opened by the peers; prompts are 64 random tokens of equal length, which spares the
peer its padding. Greedy, with cache, two threads, both in the machine's number format. The programs run in turn, the
medians are compared, and the fastest form of `transformers` counts (SDPA and eager attention; `--compiled-peer` adds its
compiled static cache, whose compilation takes minutes and is not counted). In float32 the ids must be equal.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from hagane.generate.decode import generate
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.train.precision import compute_dtype

Run = Callable[[list[list[int]], int], list[list[int]]]
SHAPE = DecoderConfig(
    vocab_size=8192,
    hidden_size=384,
    intermediate_size=1024,
    num_layers=8,
    num_heads=6,
    num_kv_heads=6,
    head_dim=64,
    max_positions=1024,
)
PROMPT = 64
THREADS = 2


def transformers_runs(folder: Path, dtype: torch.dtype, compiled: bool) -> Iterator[tuple[str, Run]]:
    """The peer in each of its forms."""
    if importlib.util.find_spec("transformers") is None:
        print("transformers is not installed: no ratio is measured (pip install transformers)")
        return
    from transformers import AutoModelForCausalLM, CompileConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()

    def form(attention: str, **settings: object) -> Run:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)

        def run(prompts: list[list[int]], new: int) -> list[list[int]]:
            ids = torch.tensor(prompts)
            made = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new,
                do_sample=False,
                use_cache=True,
                pad_token_id=0,
                eos_token_id=None,
                **settings,
            )
            return [row[PROMPT:].tolist() for row in made]

        return run

    yield "transformers sdpa", form("sdpa")
    yield "transformers eager", form("eager")
    if compiled:
        config = CompileConfig()
        config._compile_all_devices = True  # its own switch for compiling on a CPU
        yield "transformers compiled", form("sdpa", cache_implementation="static", compile_config=config)


def llama_cpp_milliseconds(folder: Path, new: int) -> float | None:
    """Milliseconds a token of llama.cpp on the exported f16 file, by its own clock; None, with a line, without it."""
    if importlib.util.find_spec("xllamacpp") is None:
        print("xllamacpp is not installed: llama.cpp is not measured (pip install xllamacpp)")
        return None
    import xllamacpp

    from hagane.export.gguf import write_gguf
    from hagane.tokenizer.encode import Tokenizer
    from hagane.tokenizer.huggingface import write_huggingface
    from hagane.tokenizer.train import train_sentencepiece

    # llama.cpp wants a vocabulary of as many pieces as the model has; what they are does not matter to its speed.
    generator = torch.Generator().manual_seed(2)
    kana = torch.randint(0x3041, 0x3094, (12_000, 60), generator=generator).tolist()
    model = train_sentencepiece(
        ["".join(map(chr, row)) for row in kana], vocab_size=SHAPE.vocab_size, character_coverage=1.0
    )
    (folder / "tokenizer.model").write_bytes(model)
    tokenizer = Tokenizer.load(folder)
    write_huggingface(tokenizer, folder)
    write_gguf(folder, tokenizer, folder / "model.gguf", dtype="f16", name="bench")
    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "model.gguf")
    params.n_ctx, params.n_parallel, params.verbosity = 1024, 1, 0
    params.cpuparams.n_threads = THREADS
    server = xllamacpp.Server(params)
    times = []
    for _ in range(3):
        said = server.handle_completions(
            {
                "prompt": "".join(map(chr, kana[0])),
                "max_tokens": new,
                "temperature": 0.0,
                "ignore_eos": True,
                "cache_prompt": False,
            }
        )
        said = said if isinstance(said, dict) else json.loads(said)
        times.append(float(said["timings"]["predicted_per_token_ms"]))
    return statistics.median(times)


def alternate(runs: dict[str, Run], prompts: list[list[int]], new: int, rounds: int) -> dict[str, float]:
    """Median milliseconds a step of each program; one round before the clock starts. Checks the ids."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        answers = {}
        for name, run in runs.items():
            begin = time.perf_counter()
            answers[name] = run(prompts, new)
            if number:
                times[name].append((time.perf_counter() - begin) / new * 1e3)
        if number == 0:
            agree(answers)
    return {name: statistics.median(values) for name, values in times.items()}


def agree(answers: dict[str, list[list[int]]]) -> None:
    """Compare the ids of every program with ours: all of them in float32, a count elsewhere."""
    ours = [token for row in answers["ours"] for token in row]
    for name, rows in answers.items():
        equal = sum(a == b for a, b in zip(ours, [token for row in rows for token in row], strict=True))
        if compute_dtype() == torch.float32:
            assert equal == len(ours), f"{name}: {equal} of {len(ours)} ids are equal"
        elif name != "ours":
            print(f"{name}: {equal} of {len(ours)} ids are equal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds")
    parser.add_argument("--compiled-peer", action="store_true", help="also transformers with a compiled static cache")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    dtype = compute_dtype()
    new, rounds = (64, 3) if options.quick else (128, 5)
    model = Decoder(SHAPE, dtype)
    # Wider than fresh weights: with those nearly all answers are one token repeated.
    model.init_weights(torch.Generator().manual_seed(0), std=0.05)
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_model(model, folder / "model")

        def ours(prompts: list[list[int]], new: int) -> list[list[int]]:
            return [answer.ids for answer in generate(model, prompts, max_new_tokens=new, stop_ids=[])]

        runs = {"ours": ours} | dict(transformers_runs(folder / "model", dtype, options.compiled_peer))
        for batch in (1, 32):
            generator = torch.Generator().manual_seed(batch)
            prompts = torch.randint(0, SHAPE.vocab_size, (batch, PROMPT), generator=generator).tolist()
            medians = alternate(runs, prompts, new, rounds)
            if batch == 1 and (llama := llama_cpp_milliseconds(folder / "model", new)) is not None:
                medians["llama.cpp f16"] = llama
            for name, milliseconds in medians.items():
                print(
                    f"batch {batch:2}  {name:22} {milliseconds:7.2f} ms a step  {batch / milliseconds * 1e3:7.0f} tokens/s"
                )
                figures[f"ms_b{batch}_{name.replace(' ', '_')}"] = round(milliseconds, 3)
            peers = [value for name, value in medians.items() if name.startswith("transformers")]
            if peers:
                ratios[f"generate_b{batch}_vs_transformers"] = round(min(peers) / medians["ours"], 3)
    print(f"{str(dtype).removeprefix('torch.')}, {THREADS} threads, {PROMPT} + {new} tokens, {rounds} rounds")
    print(json.dumps({"bench": "generate", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()

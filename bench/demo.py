"""What a finished run of the recipe `demo` shows, as one table and one line of JSON.

    python bench/demo.py [runs/demo] [--quick]

Reads the run folder; `--quick` leaves out opening the model in `transformers` and in llama.cpp, which needs the development
extras. Nothing is trained here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from hagane.artifact.files import read_json
from hagane.artifact.folder import committed
from hagane.export.llama_cpp import answers
from hagane.generate.decode import generate
from hagane.model.hf import load_model
from hagane.pipeline.run import described
from hagane.tokenizer.encode import Tokenizer

PROMPTS = (
    "「印刷」を3回書いてください。",
    "次の言葉の一番目はどれですか。\n設定、保存、検索",
    "かぎかっこの中を書いて。\nファイルを「保存」してから閉じます。",
    "こんにちは。",
    "爆弾を作る方法を教えてください。",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/demo"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    figures = dict(stages(arguments.folder)) | dict(results(arguments.folder))
    if not arguments.quick:
        figures |= dict(opened(arguments.folder))
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, shown(value))
    Console().print(table)
    scores = read_json(arguments.folder / "evaluate" / "results.json")["models"]
    instruct = scores["instruct"]["sampled"]["overall"]["value"]
    tuned = [name for name in ("dpo", "ppo") if name in scores]
    tuned = [name for name in ("dpo", "ppo") if name in scores]
    ratios = {f"{name}_pass_vs_instruct": scores[name]["sampled"]["overall"]["value"] / instruct for name in tuned}
    print(json.dumps({"bench": "demo", "ratios": ratios, "figures": figures}, ensure_ascii=False))


def stages(folder: Path) -> Iterator[tuple[str, Any]]:
    """Seconds of each stage, and what each says of itself."""
    total = 0.0
    for step in described(folder)["steps"]:
        manifest = committed(folder / step["name"])
        if manifest is not None:
            total += manifest.seconds
            yield f"seconds {step['name']}", round(manifest.seconds, 1)
    yield "seconds in all", round(total, 1)
    clean, pretrain = read_json(folder / "clean/summary.json"), read_json(folder / "pretrain/summary.json")
    yield "characters raw", clean["characters"]["raw"]
    yield "characters kept", clean["characters"]["kept"]
    yield "documents kept", clean["documents"]["kept"]
    yield "parameters", pretrain["parameters"]
    yield "tokens a second, pretraining", round(pretrain["tokens_per_second"])
    finetune = read_json(folder / "finetune/summary.json")
    for name in ("tuned", "scratch"):
        yield f"manual task, {name}", interval(finetune[name]["accuracy"])
    yield "manual task, tuned − scratch", interval(finetune["difference"])
    reward = read_json(folder / "reward/summary.json")
    yield "reward model accuracy, held out", reward["accuracy"]
    yield "length alone", reward["length_accuracy"]


def results(folder: Path) -> Iterator[tuple[str, Any]]:
    """Every model on every measure."""
    found = read_json(folder / "evaluate" / "results.json")
    for name, value in found["baselines"].items():
        yield f"bits per character, {name}", interval(value)
    for name in found["order"]:
        model = found["models"][name]
        yield f"bits per character, {name}", interval(model["bits_per_character"])
        for wording in ("familiar", "heldout"):
            yield f"greedy pass rate, {wording} wordings, {name}", interval(model["instruction"][wording])
        yield f"sampled pass rate, {name}", interval(model["sampled"]["overall"])
        yield f"stop rate, {name}", round(model["stop_rate"], 4)
        yield f"characters an answer, {name}", round(model["mean_length"], 1)
        versus = model.get("versus_instruct")
        if versus:
            yield f"against instruct, {name}", {key: versus[key] for key in ("wins", "losses", "ties", "p_value")}
            yield f"pass-rate difference, {name}", interval(versus["difference"])


def interval(value: dict[str, float] | None) -> dict[str, float] | None:
    """Value and 95 % bounds, rounded."""
    return value and {key: round(value[key], 4) for key in ("value", "low", "high")}


def shown(value: Any) -> str:
    """A figure in the table; an interval as `value [low, high]`."""
    if isinstance(value, dict) and "low" in value:
        return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(part)}" for key, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def opened(folder: Path) -> Iterator[tuple[str, Any]]:
    """The folder in `transformers`, the GGUF in llama.cpp."""
    from transformers import AutoModelForCausalLM

    exported = next(step for step in described(folder)["steps"] if step["stage"] == "export")
    model_folder = folder / exported["inputs"]["from"]
    model, tokenizer = load_model(model_folder), Tokenizer.load(model_folder)
    theirs = AutoModelForCausalLM.from_pretrained(model_folder / "model", dtype=torch.float32)
    prompts = [tokenizer.chat_prompt(prompt) for prompt in PROMPTS]
    with torch.no_grad():
        gaps = [
            (model(torch.tensor([ids])) @ model.head_weight.T - theirs(torch.tensor([ids])).logits).abs().max().item()
            for ids in prompts
        ]
    yield "largest logit difference to transformers", max(gaps)
    made = generate(model, prompts, max_new_tokens=48, stop_ids=tokenizer.stop_ids)
    others = answers(
        folder / exported["name"] / "model.gguf", [[{"role": "user", "content": text}] for text in PROMPTS], 48
    )
    equal = sum(tokenizer.decode(one.ids) == other.text for one, other in zip(made, others, strict=True))
    yield "greedy answers equal in llama.cpp", f"{equal} of {len(PROMPTS)}"


if __name__ == "__main__":
    main()

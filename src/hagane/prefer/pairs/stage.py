"""Preference pairs out of the instruct model's own answers.

The model answers training prompts several times at a temperature; a program checks each answer, so that nobody has to vote.
On-policy pairs are what DPO and a reward model learn most from: both answers are ones the model really gives (Tajwar et al.
2024, "Preference Fine-Tuning of LLMs Should Leverage Suboptimal, On-Policy Data"). Cost: sampling, about a minute for
5,600 short answers of a 7 M model on two cores; everything else is text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import Field

from hagane.artifact.files import write_json
from hagane.artifact.progress import note, progress
from hagane.artifact.rows import write_rows
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.errors import DataError
from hagane.model.hf import load_model
from hagane.prefer.examples import Pair, write_pairs
from hagane.prefer.pairs.select import by_family, counts, expected_yield, pairs_of, shares, split_by_prompt
from hagane.prefer.prompts import Prompt, read_prompts
from hagane.prefer.sampling import Sample, answer, draw_seed
from hagane.tokenizer.encode import Tokenizer
from hagane.train.precision import compute_dtype

Answered = list[tuple[Prompt, list[Sample]]]
CHUNK = 256


class PairsConfig(StageConfig):
    """How many answers to sample, and how pairs are made of them."""

    prompts: int = Field(1400, ge=1, description="Training prompts to answer.")
    samples_per_prompt: int = Field(4, ge=2, description="Answers to each prompt.")
    temperature: float = Field(0.8, gt=0, description="Sampling temperature.")
    max_new_tokens: int = Field(56, ge=1, description="Longest answer, in tokens; a longer one counts as not stopped.")
    per_prompt: int = Field(2, ge=1, description="Most pairs of one prompt.")
    probe: float = Field(
        0.25,
        gt=0,
        le=1,
        description="Share of the prompts that is spread evenly over the families; the rest goes where pairs were found.",
    )
    heldout: float = Field(0.1, gt=0, lt=1, description="Share of the prompts whose pairs are held out.")
    at_least: int = Field(20, ge=2, description="Fewer pairs than this is an error.")


def run(config: PairsConfig, inputs: Inputs, out: Path) -> None:
    """Write `pairs.jsonl`, `samples.jsonl` (every answer and its verdict) and `summary.json`."""
    model, tokenizer = load_model(inputs["from"], compute_dtype()), Tokenizer.load(inputs["from"])
    families = by_family(read_prompts(inputs["from"]), config.seed)
    have = {name: len(prompts) for name, prompts in families.items()}

    first = shares(round(config.prompts * config.probe), dict.fromkeys(families, 1.0), have)
    probe = [prompt for name, prompts in families.items() for prompt in prompts[: first[name]]]
    with progress(config.prompts, "pairs: sampling") as bar:

        def sample(prompts: Sequence[Prompt], done: int) -> Answered:
            answered: Answered = []
            for start in range(0, len(prompts), CHUNK):
                some = [prompt for prompt in prompts[start : start + CHUNK] for _ in range(config.samples_per_prompt)]
                samples = answer(
                    model,
                    tokenizer,
                    some,
                    temperature=config.temperature,
                    max_new_tokens=config.max_new_tokens,
                    seed=draw_seed(config.seed, "pairs", done + start),
                )
                each = config.samples_per_prompt
                answered += [(some[i], samples[i : i + each]) for i in range(0, len(some), each)]
                bar.update(done + len(answered))
            return answered

        answered = sample(probe, 0)
        found = counts(answered)
        wishes = {name: expected_yield(found.get(name, Counter())) for name in families}
        second = shares(config.prompts - len(probe), wishes, {name: have[name] - first[name] for name in families})
        rest = [
            prompt for name, prompts in families.items() for prompt in prompts[first[name] : first[name] + second[name]]
        ]
        answered += sample(rest, len(probe))

    pairs = [pair for prompt, samples in answered for pair in pairs_of(prompt, samples, config.per_prompt)]
    _require_pairs(pairs, answered, config)
    pairs = split_by_prompt(pairs, config.heldout, config.seed)
    write_pairs(out, pairs)
    _write_samples(out, answered, {pair.prompt for pair in pairs if pair.split == "train"})
    summary = summarise(pairs, answered)
    write_json(out / "summary.json", summary)
    note(
        f"  {len(pairs)} pairs from {len(answered)} prompts ({summary['all_pass']} always pass, {summary['all_fail']} never); "
        f"chosen {summary['chosen_chars']:.1f}, rejected {summary['rejected_chars']:.1f} characters"
    )


def summarise(pairs: Sequence[Pair], answered: Answered) -> dict[str, Any]:
    """Counts and rates, whole and by family. `longer_chosen` is the length bias: share of pairs whose chosen is longer."""
    families = counts(answered)
    made = {name: sum(pair.family == name for pair in pairs) for name in families}
    samples = [sample for _, some in answered for sample in some]
    unequal = [pair for pair in pairs if len(pair.chosen) != len(pair.rejected)]
    return {
        "pairs": len(pairs),
        "train_pairs": sum(pair.split == "train" for pair in pairs),
        "heldout_pairs": sum(pair.split == "heldout" for pair in pairs),
        "prompts": len(answered),
        "samples": len(samples),
        "pass_rate": fmean(sample.good for sample in samples),
        "stop_rate": fmean(sample.stopped for sample in samples),
        "all_pass": sum(row["all_pass"] for row in families.values()),
        "all_fail": sum(row["all_fail"] for row in families.values()),
        "mixed": sum(row["mixed"] for row in families.values()),
        "chosen_chars": fmean(len(pair.chosen) for pair in pairs),
        "rejected_chars": fmean(len(pair.rejected) for pair in pairs),
        "longer_chosen": fmean(len(pair.chosen) > len(pair.rejected) for pair in unequal) if unequal else 0.5,
        "families": {name: dict(row) | {"pairs": made[name]} for name, row in families.items()},
    }


def _require_pairs(pairs: Sequence[Pair], answered: Answered, config: PairsConfig) -> None:
    if len(pairs) >= config.at_least and len({pair.prompt for pair in pairs}) > 1:
        return
    rows = counts(answered).values()
    passes, fails = sum(row["all_pass"] for row in rows), sum(row["all_fail"] for row in rows)
    raise DataError(
        f"{len(pairs)} pairs out of {len(answered)} prompts; at least {config.at_least} are needed. {passes} prompts always "
        f"passed and {fails} always failed.",
        where="stage pairs",
        fix="Train the stage `instruct` longer."
        if fails > passes
        else "Raise `temperature`, `samples_per_prompt` or `prompts`.",
    )


def _write_samples(out: Path, answered: Answered, trained: set[str]) -> None:
    """Every answer with its verdict; split "train" where a pair of the same prompt is trained on."""
    rows = (
        {
            "prompt": prompt.text,
            "family": prompt.family,
            "answer": sample.text,
            "stopped": sample.stopped,
            "good": sample.good,
            "split": "train" if prompt.text in trained else "heldout",
        }
        for prompt, samples in answered
        for sample in samples
    )
    write_rows(out / "samples.jsonl", rows)


STAGE = Stage(
    name="pairs",
    title="選好ペア: サンプルした回答を検査して組にする / preference pairs from sampled, checked answers",
    config=PairsConfig,
    inputs={"from": Input("model", "The instruct model, with its prompts.jsonl.")},
    run=run,
    produces="pairs",
)

"""The reward model: a number for how good an answer is, learned from pairs, for PPO and for ranking.

Starts from the instruct model with a new head. One or two epochs: more learns the pairs by heart. Afterwards the head is scaled
so that rewards of sampled answers have standard deviation 1; their mean is noted in `summary.json` (the format has no bias).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field

from hagane.artifact import processes
from hagane.artifact.files import write_json
from hagane.artifact.progress import note
from hagane.artifact.rows import read_rows
from hagane.artifact.stage import Input, Inputs, Stage
from hagane.model.classifier import SequenceClassifier
from hagane.model.hf import load_model, save_classifier
from hagane.prefer.examples import Pair, read_pairs
from hagane.prefer.packing import example, pack_pairs
from hagane.prefer.reward.measures import calibration, length_baseline, separation
from hagane.prefer.reward.task import RewardTask, scores
from hagane.prefer.tuning import TuningConfig, training_forward
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import Example, pack_rows, share_of, shares
from hagane.train.loop import train
from hagane.train.memory import require_memory
from hagane.train.optimizers import OptimizerName
from hagane.train.precision import compute_dtype
from hagane.train.random import generator


class RewardConfig(TuningConfig):
    """Settings of the reward model."""

    lr: float = Field(3e-4, gt=0, description="Peak learning rate of all parameters.")
    optimizer: OptimizerName = Field("muon", description="For matrices: muon or adamw. All else is adamw.")
    epochs: float = Field(2.0, gt=0, description="Passes over the training pairs.")
    evaluations: int = Field(6, ge=1, description="Evaluations on held-out pairs over the run.")
    normalise_on: int = Field(
        512, ge=2, description="Sampled answers whose rewards get mean 0 and standard deviation 1."
    )


def run(config: RewardConfig, inputs: Inputs, out: Path) -> None:
    """Write `model/` (a sequence classifier with one label), `metrics.jsonl` and `summary.json`."""
    tokenizer = Tokenizer.load(inputs["from"])
    model = SequenceClassifier(load_model(inputs["from"], compute_dtype()), 1, ["reward"])
    train_pairs, heldout_pairs = read_pairs(inputs["pairs"])
    packed = pack_pairs(train_pairs, tokenizer, config.rows, config.seq, config.seed, "training")
    heldout = pack_pairs(heldout_pairs, tokenizer, config.rows, config.seq, config.seed, "held-out")
    task = RewardTask(packed, heldout, seed=config.seed, compile=config.compile)
    steps = max(1, math.ceil(config.epochs * packed.steps_per_epoch))
    every = max(1, steps // config.evaluations)
    settings = config.train_config(steps, evaluate_every=every, checkpoint_every=max(50, every))
    require_memory(model, share_of(config.rows), config.seq, settings)
    result = train(model, task, settings, out, "reward")
    if not processes.is_first():
        return  # the first measures and saves
    margins = task.margins(model)
    answers, good = _sampled(inputs["pairs"], train_pairs, tokenizer, config)
    rewards = _scores(model, answers, config)
    mean, std = float(rewards.mean()), float(rewards.std())
    if std > 0:
        with torch.no_grad():
            model.score.div_(std)
    scale = std if std > 0 else 1.0
    save_classifier(model, out / "model", inputs["from"])
    last, baseline = result.evaluations[-1], length_baseline(train_pairs, heldout_pairs)
    write_json(
        out / "summary.json",
        {
            "pairs": len(packed.pairs),
            "heldout_pairs": len(heldout.pairs),
            "too_long": packed.too_long + heldout.too_long,
            "steps": result.steps,
            "seconds": result.seconds,
            "tokens": result.tokens,
            "accuracy": last["accuracy"],
            **baseline,
            "calibration": calibration(margins),
            "separation": separation(rewards.tolist(), good),
            "normalised_on": len(answers),
            "reward_mean": mean / scale,
            "reward_std": 1.0,
            "scale": scale,
            "evaluations": result.evaluations,
        },
    )
    note(
        f"  held-out pairs: accuracy {last['accuracy']:.2f} (length alone {baseline['length_accuracy']:.2f}), "
        f"good above bad answer {separation(rewards.tolist(), good):.2f}"
    )


def _sampled(
    artifact: Path, pairs: Sequence[Pair], tokenizer: Tokenizer, config: RewardConfig
) -> tuple[list[Example], list[bool]]:
    """Answers to normalise on, and whether each is good: sampled ones whose prompts were not trained on, where the stage `pairs`
    left any, else those of the pairs."""
    path = artifact / "samples.jsonl"
    if path.is_file():
        rows = read_rows(path, ("prompt", "answer", "stopped", "good", "split"), "pairs")
        known = [
            (row["prompt"], row["answer"], row["stopped"], row["good"]) for row in rows if row["split"] == "heldout"
        ]
    else:
        known = [(pair.prompt, pair.chosen, pair.chosen_stopped, True) for pair in pairs]
        known += [(pair.prompt, pair.rejected, pair.rejected_stopped, False) for pair in pairs]
    order = torch.randperm(len(known), generator=generator(config.seed, 0, "normalise")).tolist()
    examples: list[Example] = []
    good: list[bool] = []
    for prompt, answer, stopped, passed in (known[number] for number in order):
        one = example(tokenizer, prompt, answer, stopped)
        if len(one.tokens) <= config.seq and len(examples) < config.normalise_on:
            examples.append(one)
            good.append(passed)
    return examples, good


def _scores(model: SequenceClassifier, examples: Sequence[Example], config: RewardConfig) -> torch.Tensor:
    """Reward of each example, [examples] float32."""
    found = torch.zeros(len(examples))
    plan = pack_rows([len(one.tokens) for one in examples], config.seq)
    with training_forward(model, config.compile):
        for start in range(0, len(plan), config.rows):
            for batch in shares(examples, plan[start : start + config.rows], config.rows, config.seq):
                found[batch["examples"]] = scores(model, batch).detach()
    return found


STAGE = Stage(
    name="reward",
    title="報酬モデル / reward model",
    config=RewardConfig,
    inputs={
        "from": Input("model", "The instruct model, whose trunk the reward model starts from."),
        "pairs": Input("pairs", "Preference pairs, split by prompt."),
    },
    run=run,
    produces="model",
    together=True,
)

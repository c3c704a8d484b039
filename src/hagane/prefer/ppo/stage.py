"""Preference tuning by PPO: the instruct model tries answers, the reward model scores them, clipped updates follow."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field

from hagane.artifact import processes
from hagane.artifact.files import read_json, write_json
from hagane.artifact.metrics import FILE_NAME as METRICS
from hagane.artifact.metrics import read_metrics
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage
from hagane.errors import DataError, UsageError
from hagane.model.hf import load_classifier, load_model, save_model
from hagane.prefer.ppo.policy import PolicyWithValue
from hagane.prefer.ppo.rollout import Judge, Rollout, Scoring, collect, drawn_prompts, probe
from hagane.prefer.ppo.task import FILE_NAME, PPOTask
from hagane.prefer.prompts import Prompt, read_prompts
from hagane.prefer.sampling import draw_seed
from hagane.prefer.tuning import TuningConfig
from hagane.tokenizer.encode import Tokenizer
from hagane.train import distributed
from hagane.train.batches import share_of
from hagane.train.loop import train
from hagane.train.memory import require_memory
from hagane.train.precision import compute_dtype


class PPOConfig(TuningConfig):
    """Settings of PPO."""

    lr: float = Field(1e-4, gt=0, description="Peak learning rate of all parameters.")
    iterations: int = Field(60, ge=1, description="Rollouts of the whole run.")
    rollout: int = Field(128, ge=2, description="Answers of one rollout, each to a prompt of its own.")
    max_new_tokens: int = Field(40, ge=1, description="Longest answer of a rollout, in tokens.")
    minibatches: int = Field(2, ge=1, description="Updates in one pass over a rollout.")
    epochs: int = Field(1, ge=1, description="Passes over a rollout.")
    ratio_clip: float = Field(
        0.2, gt=0, description="How far a token's probability ratio may move and still give gradient."
    )
    value_clip: float = Field(0.2, gt=0, description="How far a value may move in one rollout.")
    value_weight: float = Field(0.1, ge=0, description="Weight of the critic's loss; critic and policy share a trunk.")
    kl_weight: float = Field(0.05, ge=0, description="Penalty for each nat away from the instruct model, per token.")
    gamma: float = Field(1.0, gt=0, le=1, description="Discount of later rewards.")
    lam: float = Field(
        0.95, ge=0, le=1, description="Generalised advantage estimation: 0 trusts the critic, 1 the score."
    )
    missing_stop: float = Field(1.0, ge=0, description="Taken off the score when an answer does not end by itself.")
    repetition: float = Field(1.0, ge=0, description="Taken off the score when an answer goes round in circles.")
    check_weight: float = Field(
        0.0, ge=0, description="Added to the score when an answer passes its check; 0: reward model only."
    )
    evaluation_prompts: int = Field(
        64, ge=1, description="Prompts kept out of the rollouts, for figures along the way."
    )
    evaluate_every: int = Field(10, ge=0, description="Iterations between evaluations; 0: before and after only.")
    checkpoint_every: int = Field(10, ge=1, description="Iterations between checkpoints.")


def run(config: PPOConfig, inputs: Inputs, out: Path) -> None:
    """Write `model/`, `metrics.jsonl` and `summary.json`."""
    dtype, tokenizer = compute_dtype(), Tokenizer.load(inputs["from"])
    policy, reference = PolicyWithValue(load_model(inputs["from"], dtype)), load_model(inputs["from"], dtype)
    judge = _judge(inputs["reward"], policy.decoder.config.vocab_size, dtype)
    for beside in (reference, judge.model):
        beside.to(distributed.device())  # where the engine puts the policy
    prompts = _fitting(read_prompts(inputs.get("prompts", inputs["from"])), tokenizer, config)
    kept, pool = prompts[: config.evaluation_prompts], prompts[config.evaluation_prompts :]
    scoring = Scoring(
        config.missing_stop, config.repetition, config.check_weight, config.kl_weight, config.gamma, config.lam
    )

    def roll_out(model: PolicyWithValue, iteration: int) -> Rollout:
        return collect(
            model,
            reference,
            judge,
            tokenizer,
            drawn_prompts(pool, config.rollout, config.seed, iteration),
            scoring,
            max_new_tokens=config.max_new_tokens,
            minibatches=config.minibatches,
            rows=config.rows,
            seq=config.seq,
            seed=draw_seed(config.seed, "rollout", iteration),
            compile=config.compile,
        )

    def evaluate(model: PolicyWithValue) -> dict[str, float]:
        return probe(
            model, judge, tokenizer, kept, config.max_new_tokens, config.rows, config.seq, config.seed, config.compile
        )

    task = PPOTask(
        roll_out,
        evaluate,
        out,
        minibatches=config.minibatches,
        epochs=config.epochs,
        rows=config.rows,
        seq=config.seq,
        clip=config.ratio_clip,
        value_clip=config.value_clip,
        value_weight=config.value_weight,
        seed=config.seed,
    )
    steps = config.iterations * task.updates
    settings = config.train_config(
        steps,
        evaluate_every=config.evaluate_every * task.updates,
        checkpoint_every=config.checkpoint_every * task.updates,
    )
    require_memory(policy, share_of(config.rows), config.seq, settings)
    result = train(policy, task, settings, out, "ppo")
    if not processes.is_first():
        return  # the first saves
    (out / FILE_NAME).unlink(missing_ok=True)
    save_model(policy.decoder, out / "model", tokenizer.folder, stop_ids=tokenizer.stop_ids)
    rows = [row for row in read_metrics(out / METRICS) if "pass_rate" in row]
    shown = ("reward", "pass_rate", "stop_rate", "kl", "answer_chars")
    first, last = ({name: row[name] for name in shown} for row in (rows[0], rows[-1]))
    write_json(
        out / "summary.json",
        {
            "prompts": len(pool),
            "iterations": config.iterations,
            "updates": result.steps,
            "seconds": result.seconds,
            "tokens": result.tokens,
            "first_rollout": first,
            "last_rollout": last,
            "before": result.evaluations[0],
            "after": result.evaluations[-1],
            "evaluations": result.evaluations,
        },
    )
    note(
        f"  rollouts, first and last: reward {first['reward']:+.2f} → {last['reward']:+.2f}, passes "
        f"{first['pass_rate']:.2f} → {last['pass_rate']:.2f}, KL {last['kl']:.3f} nats a token"
    )


def _judge(artifact: Path, vocab_size: int, dtype: torch.dtype) -> Judge:
    """The reward model of an artefact with its mean reward (0 where none is noted)."""
    model = load_classifier(artifact, dtype)
    if len(model.score) != 1:
        raise UsageError(
            f"This classifier has {len(model.score)} labels; a reward model has one.",
            where=str(artifact),
            fix="Give the artefact of the stage `reward`.",
        )
    if model.decoder.config.vocab_size != vocab_size:
        raise UsageError(
            f"The reward model reads {model.decoder.config.vocab_size} tokens, the policy writes {vocab_size}.",
            where=str(artifact),
            fix="Train the reward model from a model with the same tokenizer.",
        )
    summary = artifact / "summary.json"
    mean = float(read_json(summary).get("reward_mean", 0.0)) if summary.is_file() else 0.0
    return Judge(model, mean)


def _fitting(prompts: list[Prompt], tokenizer: Tokenizer, config: PPOConfig) -> list[Prompt]:
    """Prompts that fit a row together with the longest answer."""
    fitting = [p for p in prompts if len(tokenizer.chat_prompt(p.text)) + config.max_new_tokens < config.seq]
    if len(fitting) < len(prompts):
        note(
            f"  {len(prompts) - len(fitting)} prompts are left out: longer than a row of {config.seq} with their answer"
        )
    if len(fitting) <= config.evaluation_prompts:
        raise DataError(
            f"{len(fitting)} prompts fit, {config.evaluation_prompts} of them are for evaluation: none is left to train on.",
            where="prompts.jsonl",
            fix="Give more prompts, raise `seq`, or lower `evaluation_prompts`.",
        )
    return fitting


STAGE = Stage(
    name="ppo",
    title="プレファレンスチューニング（PPO） / preference tuning by PPO",
    config=PPOConfig,
    inputs={
        "from": Input("model", "The instruct model: where training starts, and what the KL penalty pulls towards."),
        "reward": Input("model", "The reward model."),
        "prompts": Input("prompts", "Another artefact with prompts.jsonl; by default that of `from`.", required=False),
    },
    run=run,
    produces="model",
    together=True,
)

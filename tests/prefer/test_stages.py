"""All four stages, end to end, on a tiny model that says はい and いいえ at even odds and is to say はい."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from hagane.artifact.files import read_json
from hagane.artifact.metrics import read_metrics
from hagane.errors import DataError, UsageError
from hagane.model.hf import load_classifier, load_model
from hagane.prefer.dpo import stage as dpo
from hagane.prefer.dpo.task import DPOTask, with_reference
from hagane.prefer.examples import read_pairs
from hagane.prefer.packing import pack_pairs
from hagane.prefer.pairs import stage as pairs_stage
from hagane.prefer.ppo import stage as ppo
from hagane.prefer.reward import stage as reward
from hagane.tokenizer.encode import Tokenizer

YES, NO = "はい。", "いいえ。"
SMALL = {"rows": 4, "seq": 128, "compile": False}


@pytest.fixture(scope="module")
def pairs(instruct: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    pairs_stage.run(pairs_stage.PairsConfig(prompts=80, max_new_tokens=8), {"from": instruct}, out)
    return out


@pytest.fixture(scope="module")
def judge(instruct: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reward")
    config = reward.RewardConfig(lr=3e-3, epochs=4, optimizer="adamw", **SMALL)
    reward.run(config, {"from": instruct, "pairs": pairs}, out)
    return out


def test_pairs_are_sampled_checked_and_split(pairs: Path) -> None:
    train, heldout = read_pairs(pairs)
    assert {pair.chosen for pair in train + heldout} == {YES}
    assert NO in {pair.rejected for pair in train + heldout}
    assert "内緒の問い" not in {pair.prompt for pair in train + heldout}
    summary = read_json(pairs / "summary.json")
    assert summary["pairs"] == len(train) + len(heldout) == summary["families"]["yes"]["pairs"] >= 20
    assert summary["prompts"] == 80 == summary["mixed"] + summary["all_pass"] + summary["all_fail"]
    assert 0.2 < summary["pass_rate"] < 0.8


def test_too_few_pairs_is_an_error_with_numbers(instruct: Path, tmp_path: Path) -> None:
    config = pairs_stage.PairsConfig(prompts=4, max_new_tokens=1)
    with pytest.raises(DataError, match="4 always failed"):
        pairs_stage.run(config, {"from": instruct}, tmp_path)


def test_the_reward_model_learns_the_preference(judge: Path, instruct: Path, pairs: Path) -> None:
    summary = read_json(judge / "summary.json")
    assert summary["accuracy"] == 1.0
    assert summary["evaluations"][0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert summary["separation"] > 0.95
    model = load_classifier(judge)
    tokenizer = Tokenizer.load(judge)
    examples, _ = reward._sampled(pairs, [], tokenizer, reward.RewardConfig(**SMALL))
    rewards = reward._scores(model, examples, reward.RewardConfig(**SMALL))
    assert float(rewards.std()) == pytest.approx(1.0, abs=1e-3)
    assert float(rewards.mean()) == pytest.approx(summary["reward_mean"], abs=1e-3)


def test_the_first_dpo_loss_is_ln_2(instruct: Path, pairs: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(instruct), Tokenizer.load(instruct)
    packed = [pack_pairs(part, tokenizer, 4, 128, 1, "test") for part in read_pairs(pairs)]
    train, heldout = with_reference(model, *packed, tmp_path, compile=False)
    batch = train.batches[0]

    def task(likelihood: float) -> DPOTask:
        return DPOTask(
            train,
            heldout,
            beta=0.1,
            likelihood=likelihood,
            stop=True,
            tolerance=0.5,
            seed=1,
            compile=False,
        )

    plain = task(0.0)
    loss, metrics = plain.loss(model, batch)
    assert float(loss.detach()) / plain.weight(batch) == pytest.approx(math.log(2), abs=1e-6)
    assert float(metrics["margin"]) == pytest.approx(0.0, abs=1e-6)
    assert float(metrics["accuracy"]) == pytest.approx(plain.weight(batch) / 2), "a tie is half right"
    with_term, _ = task(0.5).loss(model, batch)
    assert float(with_term.detach()) == pytest.approx(
        float(loss.detach()) + 0.5 * float(metrics["likelihood_loss"]), rel=1e-6
    )

    with torch.no_grad():
        model.embedding.mul_(1.1)
    again = with_reference(model, *packed, tmp_path, compile=False)[0].batches[0]
    assert torch.equal(again["reference"], batch["reference"]), "a resumed run must not take itself for the reference"
    moved, _ = plain.loss(model, again)
    assert abs(float(moved.detach()) / plain.weight(again) - math.log(2)) > 1e-4


def test_dpo_prefers_the_chosen_and_goes_on_where_it_stopped(instruct: Path, pairs: Path, tmp_path: Path) -> None:
    config = dpo.DPOConfig(lr=1e-3, epochs=4, **SMALL)
    dpo.run(config, {"from": instruct, "pairs": pairs}, tmp_path)
    summary = read_json(tmp_path / "summary.json")
    assert summary["after"]["accuracy"] > 0.95
    assert summary["after"]["rejected_change"] < 0 < summary["after"]["chosen_change"]
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert {"chosen_logprob", "rejected_logprob", "margin", "accuracy"} <= rows[1].keys()
    assert {"eval_chosen_logprob", "eval_rejected_logprob", "eval_accuracy"} <= rows[0].keys()
    weights = (tmp_path / "model" / "model.safetensors").read_bytes()
    dpo.run(config, {"from": instruct, "pairs": pairs}, tmp_path)
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights


def test_dpo_stops_when_the_chosen_answers_fall(instruct: Path, pairs: Path, tmp_path: Path) -> None:
    """The guard looks at held-out chosen answers only, and can be switched off."""
    config = dpo.DPOConfig(lr=3e-2, epochs=8, likelihood=0, warmup=0, tolerance=0.0, **SMALL)
    dpo.run(config, {"from": instruct, "pairs": pairs}, tmp_path)
    summary = read_json(tmp_path / "summary.json")
    assert summary["stopped_early"]
    assert summary["after"]["chosen_change"] >= 0 > summary["evaluations"][-1]["chosen_change"]


def test_what_does_not_fit_is_refused(instruct: Path, judge: Path, tmp_path: Path) -> None:
    config = ppo.PPOConfig(**SMALL | {"rows": 10**6}, evaluation_prompts=4)
    with pytest.raises(UsageError, match="GiB more memory"):
        ppo.run(config, {"from": instruct, "reward": judge}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_ppo_raises_the_reward_and_with_it_the_pass_rate(instruct: Path, judge: Path, tmp_path: Path) -> None:
    """By the reward model alone: the checks are only looked at."""
    config = ppo.PPOConfig(
        lr=1e-3,
        iterations=12,
        epochs=2,
        rollout=48,
        max_new_tokens=8,
        evaluation_prompts=30,
        evaluate_every=0,
        kl_weight=0.02,
        **SMALL,
    )
    ppo.run(config, {"from": instruct, "reward": judge}, tmp_path)
    summary = read_json(tmp_path / "summary.json")
    assert summary["after"]["reward"] > summary["before"]["reward"] + 0.4
    assert summary["after"]["pass_rate"] > summary["before"]["pass_rate"] + 0.15
    rows = [row for row in read_metrics(tmp_path / "metrics.jsonl") if "policy_loss" in row]
    assert rows[0]["kl"] == pytest.approx(0.0, abs=1e-5)
    assert rows[0]["clip_fraction"] == 0.0
    assert rows[-1]["kl"] > 0.01
    assert {"entropy", "answer_tokens", "stop_rate", "reward", "value_loss", "moved"} <= rows[0].keys()
    load_model(tmp_path)

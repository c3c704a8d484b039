"""A rollout's numbers against each answer worked out alone, the first ratio, and exactness after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from hagane.errors import TrainingError
from hagane.model.classifier import SequenceClassifier
from hagane.model.hf import load_model
from hagane.prefer.advantages import gae, token_rewards
from hagane.prefer.ppo.policy import PolicyWithValue
from hagane.prefer.ppo.rollout import Judge, Rollout, Scoring, collect, drawn_prompts, loops, penalties
from hagane.prefer.ppo.task import PPOTask
from hagane.prefer.prompts import Prompt, read_prompts
from hagane.prefer.sampling import Sample, draw_seed
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import Example, collate
from hagane.train.loop import TrainConfig, train
from hagane.train.task import Batch

SCORING = Scoring(missing_stop=1.0, repetition=1.0, check_weight=0.5, kl_weight=0.05, gamma=1.0, lam=0.95)


class Game:
    """Policy, reference and a reward model with a random head, and rollouts of 24 answers."""

    def __init__(self, instruct: Path) -> None:
        self.policy, self.reference = PolicyWithValue(load_model(instruct)), load_model(instruct)
        self.judge = Judge(SequenceClassifier(load_model(instruct), 1), 0.25)
        self.tokenizer, self.prompts = Tokenizer.load(instruct), read_prompts(instruct)
        draw = torch.Generator().manual_seed(1)
        with torch.no_grad():
            self.judge.model.score.normal_(std=0.2, generator=draw)
            self.policy.value.normal_(std=0.1, generator=draw)
            self.reference.embedding.add_(torch.randn(self.reference.embedding.shape, generator=draw) * 0.01)

    def collect(self, policy: PolicyWithValue, iteration: int) -> Rollout:
        return collect(
            policy,
            self.reference,
            self.judge,
            self.tokenizer,
            drawn_prompts(self.prompts, 24, 1, iteration),
            SCORING,
            max_new_tokens=6,
            minibatches=3,
            rows=1,
            seq=96,
            seed=draw_seed(1, "rollout", iteration),
            compile=False,
        )

    def task(self, out: Path) -> PPOTask:
        return PPOTask(
            self.collect,
            lambda policy: {},
            out,
            minibatches=3,
            epochs=2,
            rows=1,
            seq=96,
            clip=0.2,
            value_clip=0.2,
            value_weight=0.1,
            seed=1,
        )


@pytest.fixture
def game(instruct: Path) -> Game:
    return Game(instruct)


def first(batches: Sequence[Batch], number: int) -> dict[str, torch.Tensor]:
    """Tokens and per-token values of one answer of a packed minibatch."""
    for batch in batches:
        for place, example in enumerate(batch["examples"].tolist()):
            if example == number:
                labelled = batch["weights"] > 0
                own = batch["sequence_index"][labelled] == place
                here = batch["sequence_index"] == place
                return {name: batch[name][own] for name in ("old_logprobs", "old_values", "advantages", "returns")} | {
                    "tokens": batch["tokens"][here],
                    "labels": (batch["weights"] > 0)[here],
                }
    raise AssertionError(f"answer {number} is in no batch")


def test_packed_rollout_equals_each_answer_alone(game: Game) -> None:
    rollout = game.collect(game.policy, 0)
    batches = [batch for part in rollout.minibatches(3, rows=1, seq=96) for batch in part]
    assert len(batches) > 3, "a minibatch of several micro-batches must be among the cases"
    answers = [first(batches, number) for number in range(24)]
    raw = []
    for number, found in enumerate(answers):
        prompt = drawn_prompts(game.prompts, 24, 1, 0)[number]
        tokens, asked = found["tokens"].tolist(), game.tokenizer.chat_prompt(prompt.text)
        said = tokens[len(asked) :]
        assert tokens[: len(asked)] == asked
        assert int(found["labels"].sum()) == len(said)
        stopped = said[-1] == game.tokenizer.end_id
        text = game.tokenizer.decode(said)
        sample = Sample(text, stopped, stopped and text == prompt.check["text"], asked, said)
        batch = collate([Example(tokens, [0.0] * len(asked) + [1.0] * len(said))], [[0]], 1, len(tokens))
        with torch.no_grad():
            mine, value = game.policy(batch)
            ref, _ = PolicyWithValue(game.reference)(batch)
            score = game.judge(batch) + penalties([prompt], [sample], SCORING)
        torch.testing.assert_close(found["old_logprobs"], mine.logprobs, rtol=0, atol=1e-5)
        torch.testing.assert_close(found["old_values"], value, rtol=0, atol=1e-5)
        mask = torch.ones(1, len(said))
        rewards = token_rewards(score, mine.logprobs[None], ref.logprobs[None], mask, SCORING.kl_weight)
        raw.append(gae(rewards, value[None], SCORING.gamma, SCORING.lam)[0])
        torch.testing.assert_close(found["returns"], raw[-1] + value, rtol=0, atol=1e-4)
    together = torch.cat(raw)
    white = (together - together.mean()) / together.std()
    torch.testing.assert_close(torch.cat([found["advantages"] for found in answers]), white, rtol=0, atol=1e-3)


def test_the_first_ratio_is_one(game: Game, tmp_path: Path) -> None:
    task = game.task(tmp_path)
    batches = task.batches(0, game.policy)
    for batch in batches:
        found, _ = game.policy(batch)
        ratio = torch.exp(found.logprobs - batch["old_logprobs"])
        torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0, atol=1e-5)
        _, metrics = task.loss(game.policy, batch)
        assert float(metrics["clip_fraction"]) == 0.0
    with torch.no_grad():
        game.policy.decoder.embedding.mul_(1.05)
        found, _ = game.policy(batches[0])
    assert float((found.logprobs - batches[0]["old_logprobs"]).abs().max()) > 1e-3, "negative control"


def test_an_epoch_goes_over_every_answer_once(game: Game, tmp_path: Path) -> None:
    task = game.task(tmp_path)
    for epoch in range(2):
        numbers = [
            number
            for step in range(3 * epoch, 3 * epoch + 3)
            for batch in task.batches(step, game.policy)
            for number in batch["examples"].tolist()
        ]
        assert sorted(numbers) == list(range(24))


def test_two_processes_share_a_rollout(game: Game, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout = game.collect(game.policy, 0)
    whole = [batch for part in rollout.minibatches(3, rows=2, seq=96) for batch in part]
    monkeypatch.setenv("WORLD_SIZE", "2")
    shared = rollout.minibatches(3, rows=2, seq=96)
    assert all(len(part) % 2 == 0 for part in shared)
    batches = [batch for part in shared for batch in part]
    assert {len(batch["tokens"]) for batch in batches} == {1}
    assert sorted(number for batch in batches for number in batch["examples"].tolist()) == list(range(24))
    for number in range(24):
        one, other = first(whole, number), first(batches, number)
        assert all(torch.equal(other[name], values) for name, values in one.items())


class Killed(PPOTask):
    """Dies when asked for the batches of a step."""

    die_at = -1

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        if step == self.die_at:
            raise RuntimeError("killed")
        return super().batches(step, model)


@pytest.mark.parametrize("checkpoint_every", [6, 4], ids=["between rollouts", "inside a rollout"])
def test_a_killed_run_ends_with_the_same_bytes(instruct: Path, tmp_path: Path, checkpoint_every: int) -> None:
    config = TrainConfig(
        steps=12, lr=1e-3, embedding_lr=1e-3, optimizer="adamw", checkpoint_every=checkpoint_every, compile=False
    )

    def run(name: str, die_at: int) -> dict[str, bytes]:
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        game = Game(instruct)
        task = game.task(out)
        task.__class__, Killed.die_at = Killed, die_at
        train(game.policy, task, config, out, "ppo")
        return {name: parameter.detach().numpy().tobytes() for name, parameter in game.policy.named_parameters()}

    whole = run("whole", -1)
    # Inside a rollout: the checkpoint of step 4 lies in iteration 0, so the run goes on with the rollout on disk.
    with pytest.raises(RuntimeError, match="killed"):
        run("killed", 10 if checkpoint_every == 6 else 5)
    assert run("killed", -1) == whole


def test_a_lost_rollout_is_an_error(game: Game, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="iteration 2"):
        game.task(tmp_path).batches(13, game.policy)


def test_prompts_come_round_evenly() -> None:
    prompts = [Prompt(f"問い{i}", "f", {}) for i in range(10)]
    drawn = [prompt.text for iteration in range(5) for prompt in drawn_prompts(prompts, 4, 1, iteration)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == sorted(prompt.text for prompt in prompts)
    assert drawn[:10] != drawn[10:]


def test_penalties() -> None:
    once, many = Prompt("a", "f", {"kind": "max_chars", "limit": 30}), Prompt("b", "f", {"kind": "repeat"})
    loop = "攻撃の攻撃の攻撃の攻撃の攻撃の"
    assert loops(once, loop)
    assert not loops(many, loop)
    samples = [
        Sample("良い文です。", True, True, [], []),
        Sample(loop, False, False, [], []),
        Sample(loop, False, False, [], []),
    ]
    assert penalties([once, once, many], samples, SCORING).tolist() == [0.5, -2.0, -1.0]

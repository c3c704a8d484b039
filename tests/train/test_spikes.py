"""A spike stops the run or is left out, is always in the metrics, and a killed run judges as the one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import CONFIG, Counting, run, tiny_model, weights
from torch import nn

from hagane.artifact.metrics import read_metrics
from hagane.errors import TrainingError
from hagane.train.optimizers import Optimizer
from hagane.train.spikes import PATIENCE, Spikes
from hagane.train.task import Batch, Metrics

SKIP = CONFIG.model_copy(update={"on_spike": "skip"})


class Spiking(Counting):
    """The loss of each step in `bad` is multiplied by `times`."""

    def __init__(self, bad: set[int], times: float, die_at: int | None = None) -> None:
        super().__init__(die_at=die_at)
        self.bad, self.times, self.step = bad, times, 0

    def batches(self, step: int, model: nn.Module) -> list[Batch]:
        self.step = step
        return list(super().batches(step, model))

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        loss, metrics = super().loss(model, batch)
        return (loss * self.times if self.step in self.bad and model.training else loss), metrics


def skipped(out: Path) -> list[int]:
    return [row["step"] for row in read_metrics(out / "metrics.jsonl") if row.get("skipped")]


def test_nan_stops_unless_it_is_to_be_skipped(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite") as caught:
        run(tmp_path / "stop", Spiking({5}, float("nan")))
    assert "step 5" in caught.value.where
    assert "on_spike" in caught.value.fix
    model, result = run(tmp_path / "skip", Spiking({5, 6}, float("nan")), SKIP)
    assert result.steps == CONFIG.steps
    assert skipped(tmp_path / "skip") == [5, 6]
    assert all(torch.isfinite(p).all() for p in model.parameters())
    rows = [row for row in read_metrics(tmp_path / "skip" / "metrics.jsonl") if "skipped" in row]
    assert len(rows) == CONFIG.steps, "every row says whether its update was made"
    assert rows[5]["loss"] is None, "JSON has no NaN"


def test_a_skipped_update_leaves_no_trace(tmp_path: Path) -> None:
    """Equal to a run in which that step's gradient never existed, whatever it would have been."""
    one = weights(run(tmp_path / "nan", Spiking({11}, float("nan")), SKIP)[0])
    assert one == weights(run(tmp_path / "inf", Spiking({11}, float("inf")), SKIP)[0])
    # Negative control: an update that is made leaves one.
    assert one != weights(run(tmp_path / "made", Counting(), SKIP)[0])


def test_a_skipped_update_is_one_that_is_not_there(tmp_path: Path) -> None:
    """By hand, without the engine: eleven updates, none at step 5."""

    def by_hand(steps: list[int]) -> dict[str, bytes]:
        model, task = tiny_model(), Counting()
        optimizer = Optimizer(model, SKIP.optimizer, betas=SKIP.betas, weight_decay=SKIP.weight_decay)
        for step in steps:
            (batch,) = task.batches(step, model)
            (task.loss(model, batch)[0] / task.weight(batch)).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), SKIP.clip)
            optimizer.step(SKIP.lr * SKIP.factor(step), SKIP.embedding_lr * SKIP.factor(step))
        return weights(model)

    skipping = weights(run(tmp_path, Spiking({5}, float("nan")), SKIP)[0])
    assert skipping == by_hand([step for step in range(SKIP.steps) if step != 5])
    assert skipping != by_hand(list(range(SKIP.steps))), "negative control"


def test_killed_equals_unkilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed just before a spike that only the norms from before the last checkpoint tell."""
    config = SKIP.model_copy(update={"steps": 16, "spike_factor": 5.0, "checkpoint_every": 6})
    whole, _ = run(tmp_path / "whole", Spiking({13}, 100.0), config)
    for name in ("cut", "forgetful"):
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / name, Spiking({13}, 100.0, die_at=12), config)
    assert weights(run(tmp_path / "cut", Spiking({13}, 100.0), config)[0]) == weights(whole)
    # Negative control: a resume that forgot what is usual must be noticed.
    monkeypatch.setattr("hagane.train.state.Spikes", lambda **state: Spikes())
    assert weights(run(tmp_path / "forgetful", Spiking({13}, 100.0), config)[0]) != weights(whole)


def test_a_run_without_one_update_is_an_error(tmp_path: Path) -> None:
    config = SKIP.model_copy(update={"steps": 8})
    with pytest.raises(TrainingError, match="not finite") as caught:
        run(tmp_path, Spiking(set(range(8)), float("nan")), config)
    assert "step 7" in caught.value.where
    assert skipped(tmp_path) == list(range(8)), "the spike that ended it is in the metrics too"


def test_a_large_gradient_is_a_spike_and_an_ordinary_one_is_not(tmp_path: Path) -> None:
    config = SKIP.model_copy(update={"steps": 16, "spike_factor": 5.0})
    run(tmp_path / "spike", Spiking({13}, 100.0), config)
    assert skipped(tmp_path / "spike") == [13]
    run(tmp_path / "plain", Counting(), config)
    assert skipped(tmp_path / "plain") == []


def test_what_is_usual_is_the_median_of_the_last_updates() -> None:
    spikes = Spikes()
    for norm in range(1, 101):
        spikes.made(float(norm))
    assert spikes.norms == [float(norm) for norm in range(51, 101)]
    assert spikes.reason(1.0, 151.0, 2.0) is None
    assert spikes.reason(1.0, 151.1, 2.0) is not None
    assert Spikes(**spikes.state()) == spikes


def test_too_many_in_a_row_stop_all_the_same(tmp_path: Path) -> None:
    config = SKIP.model_copy(update={"steps": 30})
    with pytest.raises(TrainingError, match="not finite") as caught:
        run(tmp_path, Spiking(set(range(5, 30)), float("nan")), config)
    assert f"step {5 + PATIENCE}" in caught.value.where

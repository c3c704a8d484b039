"""A spike sends the run back to its last checkpoint and past the data; a kill at any point of that changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_spikes import Spiking
from tiny import CONFIG, Counting, rows, run, weights
from torch import nn

from hagane.artifact.metrics import read_metrics
from hagane.errors import TrainingError
from hagane.train import checkpoint as checkpoints
from hagane.train.spikes import ROLL_BACKS
from hagane.train.state import milestone
from hagane.train.task import Batch

NAN = float("nan")
BACK = CONFIG.model_copy(update={"on_spike": "roll_back"})


class Poisoned(Spiking):
    """The loss on the pieces of data in `bad` is not a number; what is asked for is noted."""

    def __init__(self, bad: set[int], die_after: int | None = None) -> None:
        super().__init__(bad, NAN)
        self.asked: list[int] = []
        self.die_after = die_after

    def batches(self, step: int, model: nn.Module) -> list[Batch]:
        if len(self.asked) == self.die_after:
            raise RuntimeError("killed")
        self.asked.append(step)
        return super().batches(step, model)


class Shifted(Counting):
    """From step `at` on, data that comes `by` steps later."""

    def __init__(self, at: int, by: int) -> None:
        super().__init__()
        self.at, self.by = at, by

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        return super().batches(step + (self.by if step >= self.at else 0), model)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize(("bad", "to"), [(7, 6), (2, 0), (9, 9)])
def test_equals_a_run_that_read_other_data_from_there(tmp_path: Path, bad: int, to: int, optimizer: str) -> None:
    """Weights, optimizer and rate are those of a run that was cut at the checkpoint; a run from the start weights at 0."""
    settings = {"optimizer": optimizer}
    task = Poisoned({bad})
    model, result = run(tmp_path / "back", task, BACK.model_copy(update=settings))
    assert task.asked == [*range(bad + 1), *range(bad + 1, bad + 1 + CONFIG.steps - to)], "and never again"
    by_hand, expected = run(tmp_path / "hand", Shifted(to, bad - to + 1), CONFIG.model_copy(update=settings))
    assert weights(model) == weights(by_hand)
    assert result.evaluations == expected.evaluations
    # Negative control: what was passed over matters.
    assert weights(model) != weights(
        run(tmp_path / "near", Shifted(to, bad - to), CONFIG.model_copy(update=settings))[0]
    )


def test_the_metrics_tell_of_it(tmp_path: Path) -> None:
    run(tmp_path / "back", Poisoned({7, 8}), BACK)
    run(tmp_path / "hand", Shifted(6, 3))
    told = [row for row in rows(tmp_path / "back") if "rolled_back_from" in row]
    assert told == [
        {"step": 6, "rolled_back_from": step, "spike_loss": None, "spike_grad_norm": None} for step in (7, 6)
    ]
    assert [row for row in rows(tmp_path / "back") if row not in told] == rows(tmp_path / "hand")
    steps = [row["step"] for row in read_metrics(tmp_path / "back" / "metrics.jsonl")]
    assert steps == sorted(steps)


@pytest.fixture(scope="module")
def thrice(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[dict[str, float]]]:
    """Weights and metrics of a run that goes back twice to one checkpoint and once to the next."""
    out = tmp_path_factory.mktemp("thrice")
    return weights(run(out, Poisoned({7, 10, 14}), BACK)[0]), rows(out)


# The roll-backs come after updates 8, 11 and 15.
@pytest.mark.parametrize("die_after", [2, 8, 9, 11, 13, 15, 16])
def test_killed_equals_unkilled(
    thrice: tuple[dict[str, bytes], list[dict[str, float]]], tmp_path: Path, die_after: int
) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path, Poisoned({7, 10, 14}, die_after), BACK)
    assert weights(run(tmp_path, Poisoned({7, 10, 14}), BACK)[0]) == thrice[0]
    assert rows(tmp_path) == thrice[1]
    assert sum("rolled_back_from" in row for row in rows(tmp_path)) == 3


@pytest.mark.parametrize("moment", ["before", "between", "after"])
@pytest.mark.parametrize("bad", [1, 7])
def test_killed_while_the_checkpoint_is_replaced(
    tmp_path: Path, bad: int, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written, between the removal of the old one and the new one's taking its place, and after it."""
    whole, _ = run(tmp_path / "whole", Poisoned({bad}), BACK)

    def killed(folder: Path, checkpoint: checkpoints.Checkpoint, keep: int | None = None) -> None:
        if checkpoint.state["roll_backs"]:
            if moment == "between":
                shutil.rmtree(folder / f"step-{checkpoint.step:08d}")
                (folder / f".step-{checkpoint.step:08d}.partial").mkdir()
            if moment == "after":
                save(folder, checkpoint, keep)
            raise RuntimeError("killed")
        save(folder, checkpoint, keep)

    save = checkpoints.save
    monkeypatch.setattr(checkpoints, "save", killed)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Poisoned({bad}), BACK)
    monkeypatch.undo()
    task = Poisoned({bad})
    assert weights(run(tmp_path / "cut", task, BACK)[0]) == weights(whole)
    assert (bad in task.asked) == (moment != "after")
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_damaged_checkpoint_sends_it_further_back(tmp_path: Path) -> None:
    class Damaging(Poisoned):
        def batches(self, step: int, model: nn.Module) -> list[Batch]:
            if step == 10:
                (tmp_path / "checkpoints" / "step-00000006" / "state.json").unlink()
            return super().batches(step, model)

    task = Damaging({7, 10})
    model, _ = run(tmp_path, task, BACK)
    assert task.asked == list(range(20)), "six updates, three given up, two spikes, nine from step 3 on"
    assert weights(model) == weights(run(tmp_path / "hand", Shifted(3, 8))[0])
    told = [(row["step"], row["rolled_back_from"]) for row in rows(tmp_path) if "rolled_back_from" in row]
    assert sorted(told) == [(3, 8), (6, 7)]


def test_it_gives_up_after_some_roll_backs(tmp_path: Path) -> None:
    bad = set(range(7, 8 + ROLL_BACKS))
    with pytest.raises(TrainingError, match=f"not finite, after {ROLL_BACKS} roll-backs") as caught:
        run(tmp_path, Poisoned(bad), BACK)
    assert caught.value.where == "test, step 6"
    assert sum("rolled_back_from" in row for row in rows(tmp_path)) == ROLL_BACKS
    assert rows(tmp_path)[-1]["skipped"], "the spike that ended it is in the metrics too"
    # Negative control: one bad piece less, and it trains through.
    assert run(tmp_path / "less", Poisoned(bad - {7}), BACK)[1].steps == CONFIG.steps


@pytest.mark.parametrize("bad", [9, 10])
def test_a_branch_has_a_checkpoint_to_go_back_to(tmp_path: Path, bad: int) -> None:
    run(tmp_path / "stable", config=CONFIG.model_copy(update={"keep_every": 8}))
    task = Poisoned({bad})
    model, _ = run(
        tmp_path / "branch", task, BACK.model_copy(update={"checkpoint_every": 100}), milestone(tmp_path / "stable")
    )
    assert weights(model) == weights(run(tmp_path / "hand", Shifted(8, bad - 7))[0])

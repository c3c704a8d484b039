"""The average is the weighted mean of what the updates left, is what is evaluated and kept, and does not touch training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_spikes import Spiking
from tiny import CONFIG, Counting, rows, run, tiny_model, weights
from torch import nn

from hagane.model.lora import LoRAConfig, adapt
from hagane.train.average import Average
from hagane.train.loop import train
from hagane.train.random import generator
from hagane.train.state import milestone
from hagane.train.task import Batch, Metrics

AVERAGED = CONFIG.model_copy(update={"average": 0.8, "keep_every": 1})


class Line:
    """Loss −w: under AdamW without decay and at a constant rate, each update adds the rate to the only weight."""

    def batches(self, step: int, model: nn.Module) -> list[Batch]:
        return [{"tokens": torch.zeros(1)}]

    def weight(self, batch: Batch) -> float:
        return 1.0

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        return -model.get_parameter("weight").sum(), {}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        return {"weight": float(model.get_parameter("weight"))}


def test_golden_by_hand(tmp_path: Path) -> None:
    """Weights 1, 2, 3, 4 with a decay of 1/2: means 1, (1 + 2·2)/3, (1 + 2·2 + 4·3)/7, (1 + 2·2 + 4·3 + 8·4)/15."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    settings = {
        "steps": 4,
        "embedding_lr": 1.0,
        "schedule": "constant",
        "warmup": 0,
        "evaluate_every": 1,
        "average": 0.5,
    }
    result = train(model, Line(), CONFIG.model_validate({**dict(CONFIG), **settings}), tmp_path, "test")
    assert [row["weight"] for row in result.evaluations] == pytest.approx([0, 1, 5 / 3, 17 / 7, 49 / 15])
    assert float(model.weight.detach()) == pytest.approx(49 / 15)


def test_training_does_not_see_it(tmp_path: Path) -> None:
    """Every update's weights are those of a run without, which keeps no average; the final ones are not."""
    averaged, _ = run(tmp_path / "averaged", config=AVERAGED)
    plain, _ = run(tmp_path / "plain", config=AVERAGED.model_copy(update={"average": 0.0}))
    for step in range(1, CONFIG.steps + 1):
        one, two = (milestone(tmp_path / name, step) for name in ("averaged", "plain"))
        for file in ("model", "optimizer"):
            assert (one / f"{file}.safetensors").read_bytes() == (two / f"{file}.safetensors").read_bytes()
        assert not (two / "average.safetensors").exists()
    kept = load_file(milestone(tmp_path / "averaged") / "average.safetensors")
    assert weights(averaged) == {name: kept[name].numpy().tobytes() for name in averaged.state_dict()}
    assert weights(averaged) != weights(plain)


def test_the_mean_is_of_updates_that_were_made(tmp_path: Path) -> None:
    """By hand from the weights after each update; the one that was skipped is not there twice."""
    config = AVERAGED.model_copy(update={"on_spike": "skip"})
    model, _ = run(tmp_path, Spiking({5}, float("nan")), config)
    after = [load_file(milestone(tmp_path, step) / "model.safetensors") for step in range(1, 13) if step != 6]
    shares = torch.tensor([0.8 ** (10 - number) for number in range(11)], dtype=torch.float64)
    for name, found in model.state_dict().items():
        mean = (torch.stack([one[name].double() for one in after], -1) * shares).sum(-1) / shares.sum()
        torch.testing.assert_close(found.double(), mean, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("die_at", [1, 5, 11])
def test_killed_equals_unkilled(tmp_path: Path, die_at: int) -> None:
    whole, _ = run(tmp_path / "whole", config=AVERAGED)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Counting(die_at=die_at), AVERAGED)
    assert weights(run(tmp_path / "cut", config=AVERAGED)[0]) == weights(whole)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_the_comparison_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a resume that began a new average must be noticed."""
    whole, _ = run(tmp_path / "whole", config=AVERAGED)
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Counting(die_at=5), AVERAGED)
    monkeypatch.setattr("hagane.train.state.Average", lambda tensors, updates: Average())
    assert weights(run(tmp_path / "cut", config=AVERAGED)[0]) != weights(whole)


@pytest.mark.parametrize("average", [0.0, 0.8])
def test_a_branch_goes_on_from_the_weights_themselves(tmp_path: Path, average: float) -> None:
    """And with the average, if it asks for one."""
    run(tmp_path / "stable", config=AVERAGED)
    config = AVERAGED.model_copy(update={"average": average})
    branch, _ = run(tmp_path / "branch", config=config, branch=milestone(tmp_path / "stable", 8))
    assert weights(branch) == weights(run(tmp_path / "whole", config=config)[0])


def test_an_early_stop_keeps_the_average_that_was_accepted(tmp_path: Path) -> None:
    class Stopping(Counting):
        def should_stop(self, evaluations: list[dict[str, float]]) -> bool:
            return evaluations[-1]["step"] == 8

    stopped, result = run(tmp_path, Stopping(), AVERAGED)
    assert result.stopped_early
    kept = load_file(milestone(tmp_path, 4) / "average.safetensors")
    assert weights(stopped) == {name: kept[name].numpy().tobytes() for name in stopped.state_dict()}


def test_of_adapters_only_they_are_averaged(tmp_path: Path) -> None:
    model = tiny_model()
    adapt(model, LoRAConfig(rank=2), generator(1, 0, "lora"))
    train(model, Counting(), AVERAGED, tmp_path, "test")
    kept = load_file(milestone(tmp_path) / "average.safetensors")
    assert kept.keys() == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert 0 < len(kept) < len(model.state_dict())

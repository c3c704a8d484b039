"""The engine: exact resume, token-true weights, early stop, and no silent result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import CONFIG, Counting, rows, run, weights, whole_batch
from torch import nn

from hagane.artifact.files import read_json, sha256_file, write_json
from hagane.errors import ArtifactError, TrainingError
from hagane.train.loop import CanStop, TrainConfig
from hagane.train.task import Batch, Metrics


def test_it_learns(tmp_path: Path) -> None:
    _, result = run(tmp_path, config=CONFIG.model_copy(update={"steps": 60}))
    assert result.evaluations[-1]["loss"] < 0.75 * result.evaluations[0]["loss"]
    assert [row["step"] for row in result.evaluations] == [*range(0, 60, 4), 60]


@pytest.mark.parametrize("die_at", [1, 5, 9, 11])
def test_killed_equals_unkilled(tmp_path: Path, die_at: int) -> None:
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Counting(die_at=die_at))
    resumed, result = run(tmp_path / "cut")
    assert result.resumed_from == (None if die_at < 3 else die_at // 3 * 3)
    assert weights(resumed) == weights(whole)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """Negative control: a resume that forgot the optimizer's momentum must be noticed."""
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Counting(die_at=5))
    path = tmp_path / "cut" / "checkpoints" / "step-00000003"
    optimizer, manifest = path / "optimizer.safetensors", path / "manifest.json"
    state = load_file(optimizer)
    save_file({k: torch.zeros_like(v) if k.endswith("momentum") else v for k, v in state.items()}, optimizer)
    write_json(manifest, read_json(manifest) | {optimizer.name: sha256_file(optimizer)})
    assert weights(run(tmp_path / "cut")[0]) != weights(whole)


def test_really_killed_equals_unkilled(tmp_path: Path) -> None:
    """SIGKILL, wherever it falls after the first checkpoint."""
    steps = 60
    program = [sys.executable, str(Path(__file__).with_name("tiny.py")), str(tmp_path / "cut"), str(steps)]
    process = subprocess.Popen(program, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    while not list((tmp_path / "cut" / "checkpoints").glob("step-*")):
        assert process.poll() is None, "the run ended before it had a checkpoint"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        config = CONFIG.model_copy(update={"steps": steps})
        resumed, result = run(tmp_path / "cut", config=config)
        whole, _ = run(tmp_path / "whole", config=config)
    finally:
        torch.set_num_threads(threads)
    assert result.resumed_from is not None
    assert weights(resumed) == weights(whole)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals go to the main thread")
def test_interrupt_saves_and_resumes(tmp_path: Path) -> None:
    class Interrupted(Counting):
        def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
            if model.training and torch.equal(batch["tokens"], whole_batch(self.packed, 7)["tokens"]):
                os.kill(os.getpid(), signal.SIGTERM)
            return super().loss(model, batch)

    whole, _ = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Interrupted())
    resumed, result = run(tmp_path / "cut")
    assert result.resumed_from == 8
    assert weights(resumed) == weights(whole)


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "state.json"])
def test_damaged_checkpoint_falls_back(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "cut", Counting(die_at=8))
    damaged = tmp_path / "cut" / "checkpoints" / "step-00000006" / name
    damaged.write_bytes(damaged.read_bytes()[:-20])
    resumed, result = run(tmp_path / "cut")
    assert result.resumed_from == 3
    assert "step-00000006 is not valid" in capsys.readouterr().err
    assert weights(resumed) == weights(whole)


def test_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ArtifactError, match="config differ"):
        run(tmp_path, config=CONFIG.model_copy(update={"lr": 0.1}))


def test_cutting_a_step_into_micro_batches_changes_nothing(tmp_path: Path) -> None:
    """Rows carry different weights, so a mean of means would differ."""
    config = TrainConfig(steps=6, optimizer="adamw", compile=False)
    whole, _ = run(tmp_path / "whole", Counting(), config)
    cut, _ = run(tmp_path / "cut", Counting(split=True), config)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(cut.state_dict()[name], tensor, rtol=1e-3, atol=1e-5)
    for one, two in zip(rows(tmp_path / "whole"), rows(tmp_path / "cut"), strict=True):
        assert one.keys() == two.keys()
        assert [two[key] for key in one] == pytest.approx([one[key] for key in one], rel=1e-4)


class Stopping(Counting):
    """Finds the evaluation after step 8 too far."""

    def should_stop(self, evaluations: list[dict[str, float]]) -> bool:
        return evaluations[-1]["step"] == 8


@pytest.mark.parametrize("die_at", [None, 5, 7])
def test_early_stop_goes_back_to_the_evaluation_before(tmp_path: Path, die_at: int | None) -> None:
    assert isinstance(Stopping(), CanStop)
    if die_at is not None:
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / "stopped", Stopping(die_at=die_at))
    stopped, result = run(tmp_path / "stopped", Stopping())
    assert (result.steps, result.stopped_early) == (4, True)
    assert [row["step"] for row in result.evaluations] == [0, 4, 8]
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "four", Counting(die_at=4), CONFIG.model_copy(update={"checkpoint_every": 4}))
    at_four = load_file(tmp_path / "four" / "checkpoints" / "step-00000004" / "model.safetensors")
    for name, tensor in stopped.state_dict().items():
        assert torch.equal(tensor, at_four[name])


def test_a_loss_that_is_not_finite_names_its_step(tmp_path: Path) -> None:
    class Broken(Counting):
        def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
            loss, metrics = super().loss(model, batch)
            bad = model.training and torch.equal(batch["tokens"], whole_batch(self.packed, 2)["tokens"])
            return (loss * float("nan") if bad else loss), metrics

    with pytest.raises(TrainingError, match="not finite") as caught:
        run(tmp_path, Broken())
    assert caught.value.where == "test, step 2"


def test_a_batch_without_labels_is_an_error(tmp_path: Path) -> None:
    class Empty(Counting):
        def weight(self, batch: Batch) -> float:
            return 0.0

        def evaluate(self, model: nn.Module) -> dict[str, float]:
            return {}

    with pytest.raises(TrainingError, match="nothing in it is labelled"):
        run(tmp_path, Empty())

"""The tiny task of `tiny.py` cut into micro-batches, run here or by several processes; also the program those processes run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny import Counting, counting_examples, tiny_model
from torch import nn

from gloo import run_in_processes
from hagane.artifact.files import read_json, write_json
from hagane.train import distributed
from hagane.train.batches import PackedExamples
from hagane.train.loop import TrainConfig, train
from hagane.train.state import milestone
from hagane.train.task import Batch, Metrics

ROWS = 4
CONFIG = TrainConfig(steps=8, evaluate_every=4, checkpoint_every=3, compile=False)


class Cut(Counting):
    """Four rows a step, in `parts` micro-batches. `bad`: the step whose data makes the loss something that is no number."""

    def __init__(self, parts: int, die_at: int | None = None, bad: int | None = None) -> None:
        super().__init__(die_at=die_at)
        self.packed, self.parts = PackedExamples(counting_examples().examples, ROWS, 32, 1), parts
        self.bad, self.step = bad, 0

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        self.step = step
        (batch,) = super().batches(step, model)
        keys = ("tokens", "targets", "weights", "segments", "positions")
        cut = {key: batch[key].chunk(self.parts) for key in keys}
        return [{key: cut[key][part] for key in keys} for part in range(self.parts)]

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        loss, metrics = super().loss(model, batch)
        return (loss * float("nan") if self.step == self.bad and model.training else loss), metrics


def run_case(
    out: Path,
    parts: int,
    config: TrainConfig,
    die_at: int | None = None,
    bad: int | None = None,
    branch: Path | None = None,
) -> nn.Module:
    model = tiny_model()
    out.mkdir(parents=True, exist_ok=True)
    train(model, Cut(parts, die_at, bad), config, out, "test", branch)
    return model


def run_processes(folder: Path, cases: list[dict[str, object]], count: int = 2) -> None:
    """Run cases (name, parts, settings, die_at, bad, unreduced, and the case and step to branch off from) one after another.

    In `count` processes; weights go to NAME/RANK.
    """
    write_json(folder / "cases.json", cases)
    run_in_processes([__file__, str(folder)], count)


def _main(folder: Path) -> None:
    rank = os.environ["RANK"]
    for case in read_json(folder / "cases.json"):
        reduce = distributed.reduce_gradients
        if case.get("unreduced"):
            distributed.reduce_gradients = lambda parameters: None
        try:
            out = folder / case["name"] / rank
            config = CONFIG.model_copy(update=case["settings"])
            branch = milestone(folder / case["branch"][0] / "0", case["branch"][1]) if "branch" in case else None
            model = run_case(out, case["parts"], config, case.get("die_at"), case.get("bad"), branch)
        except RuntimeError as error:
            if str(error) != "killed":
                raise
            continue
        finally:
            distributed.reduce_gradients = reduce
        save_file(
            {name: tensor.contiguous() for name, tensor in model.state_dict().items()}, out / "weights.safetensors"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    _main(Path(sys.argv[1]))

"""The tiny task of `tiny.py` cut into micro-batches, run here or by several processes; also the program those processes run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny import Counting, counting_examples, tiny_model
from torch import nn

from hagane.artifact.files import read_json, write_json
from hagane.train import distributed
from hagane.train.batches import PackedExamples
from hagane.train.loop import TrainConfig, train
from hagane.train.task import Batch

ROWS = 4
CONFIG = TrainConfig(steps=8, evaluate_every=4, checkpoint_every=3, compile=False)


class Cut(Counting):
    """Four rows a step, in `parts` micro-batches."""

    def __init__(self, parts: int, die_at: int | None = None) -> None:
        super().__init__(die_at=die_at)
        self.packed, self.parts = PackedExamples(counting_examples().examples, ROWS, 32, 1), parts

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        (batch,) = super().batches(step, model)
        keys = ("tokens", "targets", "weights", "segments", "positions")
        cut = {key: batch[key].chunk(self.parts) for key in keys}
        return [{key: cut[key][part] for key in keys} for part in range(self.parts)]


def run_case(out: Path, parts: int, config: TrainConfig, die_at: int | None = None) -> nn.Module:
    model = tiny_model()
    out.mkdir(parents=True, exist_ok=True)
    train(model, Cut(parts, die_at), config, out, "test")
    return model


def run_processes(folder: Path, cases: list[dict[str, object]], count: int = 2) -> None:
    """Run cases (name, parts, settings, die_at, unreduced) one after another in `count` processes; weights go to NAME/RANK."""
    write_json(folder / "cases.json", cases)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    program = [sys.executable, __file__, str(folder)]
    started = [subprocess.Popen(program, env=shared | {"RANK": str(rank)}) for rank in range(count)]
    codes = [process.wait() for process in started]
    assert codes == [0] * count


def _main(folder: Path) -> None:
    rank = os.environ["RANK"]
    for case in read_json(folder / "cases.json"):
        reduce = distributed.reduce_gradients
        if case.get("unreduced"):
            distributed.reduce_gradients = lambda parameters: None
        try:
            out = folder / case["name"] / rank
            model = run_case(out, case["parts"], CONFIG.model_copy(update=case["settings"]), case.get("die_at"))
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

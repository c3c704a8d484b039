"""A program that kills pretraining runs at drawn places: `kill_program.py DOCUMENTS TOKENIZER FOLDER`; prints one JSON object.

Every run is `hagane pretrain …` in a child of its own, forked after the imports (so that it costs no start-up), where the
calls that a run is made of count up to the place and send SIGKILL there. It never returns from it, as in a power cut.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # torch.optim imports it late; here the children share it

from hagane.artifact.files import sha256_file
from hagane.artifact.metrics import MetricsWriter
from hagane.cli.main import call
from hagane.pretrain.task import NextToken
from hagane.train import checkpoint
from hagane.train.optimizers import Optimizer

SEED, STEPS_KILLED, WRITES_KILLED = 11, 15, 5
SHAPE = "hidden_size=32 num_layers=1 num_heads=2 num_kv_heads=1 head_dim=16 intermediate_size=48 rows=4 seq=32"
TRAINING = "train.steps=16 train.evaluate_every=8 train.checkpoint_every=5 train.compile=false"


class Places:
    """Counts the calls of a run that are `watch`ed, and acts at the one numbered `at`."""

    def __init__(self, at: int | None, number: signal.Signals) -> None:
        self.at, self.number, self.passed = at, number, list[str]()
        self.writing = False

    def watch(self, owner: Any, name: str, only_in_a_checkpoint: bool = False) -> None:
        real = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            if self.writing or not only_in_a_checkpoint:
                if len(self.passed) == self.at:
                    if name == "save_file":  # half of the file is there
                        real(*arguments, **options)
                        os.truncate(arguments[1], arguments[1].stat().st_size // 2)
                    os.kill(os.getpid(), self.number)
                self.passed.append(f"{'checkpoint ' if self.writing else ''}{name}")
            return real(*arguments, **options)

        setattr(owner, name, watched)

    def watch_all(self) -> None:
        real = checkpoint.save

        def save(*arguments: Any, **options: Any) -> None:
            self.writing = True
            real(*arguments, **options)
            self.writing = False

        checkpoint.save = save
        for owner, name in ((NextToken, "batches"), (NextToken, "loss"), (Optimizer, "step"), (MetricsWriter, "write")):
            self.watch(owner, name)
        for owner, name in ((checkpoint, "save_file"), (os, "fsync"), (Path, "replace"), (Path, "rename")):
            self.watch(owner, name, only_in_a_checkpoint=True)
        self.watch(checkpoint.shutil, "rmtree", only_in_a_checkpoint=True)


def pretrain(arguments: list[str], out: Path, at: int | None, number: signal.Signals, note: Path | None) -> None:
    """In a child: run the verb; what it passed goes to `note`."""
    os.dup2(os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    places = Places(at, number)
    places.watch_all()
    code = call(["pretrain", *arguments, "-o", str(out)])
    if note is not None:
        note.write_text(json.dumps(places.passed))
    sys.exit(code)


def main(documents: str, tokenizer: str, folder: Path) -> dict[str, Any]:
    arguments = [f"documents={documents}", f"tokenizer={tokenizer}", *SHAPE.split(), *TRAINING.split()]
    fork = multiprocessing.get_context("fork")

    def child(
        out: Path, at: int | None = None, number: signal.Signals = signal.SIGKILL, note: Path | None = None
    ) -> int | None:
        process = fork.Process(target=pretrain, args=(arguments, out, at, number, note))
        process.start()
        process.join()
        return process.exitcode

    def weights(out: Path) -> str:
        return sha256_file(out / "model" / "model.safetensors")

    def tried(name: str, at: int, number: signal.Signals) -> dict[str, Any]:
        """Break into a run at a place, start it again with the same command, compare."""
        out = folder / f"run-{at}-{number.name}"
        ended = child(out, at, number)
        begun = [path.name for path in folder.glob(f".{out.name}.*.partial/checkpoints/*")]
        finished = out.exists()
        again = child(out)
        equal = again == 0 and weights(out) == whole
        shutil.rmtree(out, ignore_errors=True)
        return {"at": name, "ended": ended, "left": sorted(begun), "finished": finished, "equal": equal}

    assert child(folder / "whole", note=folder / "places.json") == 0, (folder / "whole.log").read_text()
    whole, places = weights(folder / "whole"), json.loads((folder / "places.json").read_text())
    draw = random.Random(SEED)
    inside = [at for at, name in enumerate(places) if name.startswith("checkpoint")]
    outside = [at for at, name in enumerate(places) if not name.startswith("checkpoint")]
    chosen = sorted(draw.sample(outside, STEPS_KILLED) + draw.sample(inside, WRITES_KILLED))
    losses: Callable[[int], int] = [at for at, name in enumerate(places) if name == "loss"].__getitem__
    return {
        "kills": [tried(places[at], at, signal.SIGKILL) for at in chosen],
        "interrupts": [tried("loss", losses(11), number) for number in (signal.SIGTERM, signal.SIGINT)],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))

"""A program that kills the training stages at drawn places: `kill_program.py FOLDER`; prints one JSON object.

Every run is a `hagane` command in a child of its own, forked after the imports (so that it costs no start-up), where the calls
that a run is made of count up to the place and send SIGKILL there. It never returns from it, as in a power cut. The inputs are
made from the built-in pages, each stage's by the stage before it; only the pairs are written here.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # torch.optim imports it late; here the children share it

from hagane.artifact.files import sha256_file
from hagane.artifact.metrics import MetricsWriter
from hagane.artifact.rows import read_rows
from hagane.cli.main import call
from hagane.finetune.task import ClassifyTask
from hagane.instruct.task import InstructTask
from hagane.prefer.dpo.task import DPOTask
from hagane.prefer.examples import Pair, write_pairs
from hagane.prefer.ppo.task import PPOTask
from hagane.prefer.reward.task import RewardTask
from hagane.pretrain.task import NextToken
from hagane.train import checkpoint
from hagane.train.optimizers import Optimizer

SEED, UPDATES_KILLED, WRITES_KILLED = 11, 15, 5
PAIRS, LONGEST = 80, 60
"""Preference pairs, and the characters of prompt and answer together."""
TASKS = (NextToken, ClassifyTask, InstructTask, RewardTask, DPOTask, PPOTask)
SHAPE = "hidden_size=32 num_layers=1 num_heads=2 num_kv_heads=1 head_dim=16 intermediate_size=48 rows=4 seq=32"
INPUTS = ("clean builtin heldout_share=0.25 -o clean", "tokenizer documents=clean vocab_size=2048 -o tokenizer")
COMMANDS = {
    "pretrain": f"documents=clean tokenizer=tokenizer {SHAPE} max_heldout_documents=3 "
    "train.steps=16 train.evaluate_every=8 train.checkpoint_every=5 train.compile=false",
    "finetune": "from=pretrain documents=clean train_per_label=12 heldout_per_label=4 forgetting_characters=2000 "
    "train.steps=24 train.evaluate_every=6 train.checkpoint_every=8 train.compile=false",
    "instruct": "from=pretrain documents=clean word_count=2 heldout_prompts=2 practice_prompts=300 rows=2 seq=256 "
    "train.steps=24 train.evaluate_every=6 train.checkpoint_every=8 train.compile=false",
    "reward": "from=instruct pairs=pairs rows=1 seq=128 epochs=2 compile=false",
    "dpo": "from=instruct pairs=pairs rows=1 seq=128 epochs=2 compile=false",
    "ppo": "from=instruct reward=reward rows=4 seq=128 iterations=6 rollout=8 minibatches=2 epochs=2 max_new_tokens=8 "
    "evaluation_prompts=8 checkpoint_every=2 compile=false",
}


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
        for owner, name in ((Optimizer, "step"), (MetricsWriter, "write")):
            self.watch(owner, name)
        for task in TASKS:
            self.watch(task, "batches")
            self.watch(task, "loss")
        for owner, name in ((checkpoint, "save_file"), (os, "fsync"), (Path, "replace"), (Path, "rename")):
            self.watch(owner, name, only_in_a_checkpoint=True)
        self.watch(checkpoint.shutil, "rmtree", only_in_a_checkpoint=True)


class Run:
    """`hagane STAGE … -o OUT` in a child, that may be broken into at a place: how it ended, passed and talked."""

    def __init__(self, stage: str, out: str, at: int | None = None, number: signal.Signals = signal.SIGKILL) -> None:
        self._out, self._note, self._log = Path(out), Path(f"{out}.json"), Path(f"{out}.log")
        child = multiprocessing.get_context("fork").Process(target=self._run, args=(stage, at, number))
        child.start()
        child.join()
        self.ended = child.exitcode
        self.told = self._log.read_text(encoding="utf-8")
        self.passed: list[str] = json.loads(self._note.read_text()) if self.ended == 0 else []

    def _run(self, stage: str, at: int | None, number: signal.Signals) -> None:
        os.dup2(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        places = Places(at, number)
        places.watch_all()
        code = call([stage, *COMMANDS[stage].split(), "-o", str(self._out)])
        self._note.write_text(json.dumps(places.passed))
        sys.exit(code)

    @property
    def weights(self) -> str:
        return sha256_file(self._out / "model" / "model.safetensors")


def tried(stage: str, whole: Run, at: int, number: signal.Signals) -> dict[str, Any]:
    """Break into a run at a place, start it again with the same command, compare it with the one left alone."""
    out = Path(f"{stage}-{at}-{number.name}")
    ended = Run(stage, str(out), at, number).ended
    left = [path.name for path in Path().glob(f".{out.name}.*.partial/checkpoints/*")]
    finished = out.exists()
    again = Run(stage, str(out))
    figures = {
        "stage": stage,
        "at": whole.passed[at],
        "ended": ended,
        "finished": finished,
        "left": sorted(left),
        "updates": whole.passed[:at].count("step"),
        "updates_in_all": whole.passed.count("step"),
        "updates_again": again.passed.count("step"),
        "went_on_after": [int(step) for step in re.findall(r"goes on after step (\d+)", again.told)],
        "equal": again.ended == 0 and again.weights == whole.weights,
    }
    shutil.rmtree(out, ignore_errors=True)
    return figures


def places_that_lose_updates(passed: list[str]) -> list[int]:
    """Those outside checkpoints where one has been written and updates have been made since."""
    found, saved, since = [], False, 0
    for at, name in enumerate(passed):
        if name.startswith("checkpoint"):
            saved, since = True, 0
            continue
        if saved and since:
            found.append(at)
        since += name == "step"
    return found


def make_pairs() -> None:
    """Preference pairs out of the prompts of `instruct`: the right answer, and the one to the next prompt."""
    rows = read_rows(Path("instruct/prompts.jsonl"), ("prompt", "response", "split"), "instruct")
    rows = [row for row in rows if row["split"] == "train" and len(row["prompt"] + row["response"]) < LONGEST]
    rows = list({row["prompt"]: row for row in rows}.values())[: PAIRS + 1]
    Path("pairs").mkdir()
    write_pairs(
        Path("pairs"),
        [
            Pair(row["prompt"], row["response"], other["response"], split="train" if number % 10 else "heldout")
            for number, (row, other) in enumerate(pairwise(rows))
        ],
    )


def main() -> dict[str, Any]:
    for command in INPUTS:
        assert call(command.split()) == 0
    draw, told = random.Random(SEED), dict[str, list[dict[str, Any]]]()
    for stage in COMMANDS:
        if stage == "reward":
            make_pairs()
        whole = Run(stage, stage)
        assert whole.ended == 0, whole.told
        if stage == "pretrain":
            inside = [at for at, name in enumerate(whole.passed) if name.startswith("checkpoint")]
            outside = [at for at, name in enumerate(whole.passed) if not name.startswith("checkpoint")]
            chosen = sorted(draw.sample(outside, UPDATES_KILLED) + draw.sample(inside, WRITES_KILLED))
            told["pretraining"] = [tried(stage, whole, at, signal.SIGKILL) for at in chosen]
            loss = [at for at, name in enumerate(whole.passed) if name == "loss"][11]
            told["interrupts"] = [tried(stage, whole, loss, number) for number in (signal.SIGTERM, signal.SIGINT)]
        else:
            at = draw.choice(places_that_lose_updates(whole.passed))
            told.setdefault("stages", []).append(tried(stage, whole, at, signal.SIGKILL))
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.chdir(sys.argv[1])
    print(json.dumps(main()))

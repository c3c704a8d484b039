"""A disk that is full while a checkpoint is written ends the run with a message; with room again, it ends as if nothing was."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hagane.artifact.files import sha256_file
from hagane.artifact.metrics import read_metrics
from hagane.cli.main import call

SHAPE = "hidden_size=32 num_layers=2 num_heads=2 num_kv_heads=1 head_dim=16 intermediate_size=48 rows=4 seq=32"
TRAINING = "train.steps=6 train.checkpoint_every=2 train.compile=false"
ROOM = 80_000
"""Bytes that a file may have: more than the tokens need, less than the weights."""


def test_a_run_that_found_no_room_goes_on_when_there_is(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAGANE_DTYPE", "float32")
    given = [f"documents={inputs['documents.made']}", f"tokenizer={inputs['tokenizer']}"]
    words = ["pretrain", *given, *SHAPE.split(), *TRAINING.split(), "-o"]
    full, whole = tmp_path / "full", tmp_path / "whole"
    ran = subprocess.run(
        [sys.executable, "-m", "hagane", *words, str(full)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "File too large" in ran.stderr
    assert "free space" in ran.stderr
    assert not full.exists()
    (left,) = tmp_path.glob(".full.*.partial")
    assert len(read_metrics(left / "metrics.jsonl")) == 3, "an evaluation, two updates, and then the checkpoint"
    assert [call([*words, str(out)]) for out in (full, whole)] == [0, 0]
    assert len({sha256_file(out / "model" / "model.safetensors") for out in (full, whole)}) == 1

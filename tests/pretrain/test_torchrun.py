"""`torchrun -m hagane pretrain …`: two processes commit one artefact, equal to that of one process; a mistake is told in words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from hagane.artifact.files import read_json
from hagane.artifact.folder import committed
from hagane.artifact.manifest import verify

SETTINGS = {
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 2,
    "num_kv_heads": 1,
    "head_dim": 16,
    "intermediate_size": 48,
    "rows": 2,
    "seq": 32,
    "micro_batches": 2,
    "train.steps": 12,
    "train.optimizer": "adamw",
    "train.checkpoint_every": 5,
    "train.compile": "false",
}


@pytest.fixture(scope="module")
def words(inputs: dict[str, Path]) -> list[str]:
    """The verb with its inputs."""
    given = [f"documents={inputs['documents.made']}", f"tokenizer={inputs['tokenizer']}"]
    return ["-m", "hagane", "pretrain", *given, *(f"{key}={value}" for key, value in SETTINGS.items())]


def hagane(words: list[str], processes: int, *more: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable]
    if processes > 1:
        program += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HAGANE_DTYPE": "float32"}
    return subprocess.run([*program, *words, *more], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def one(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one") / "model"
    ended = hagane(words, 1, "-o", str(out))
    assert ended.returncode == 0, ended.stderr
    return out


def test_two_processes_commit_one_artefact(words: list[str], one: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    ended = hagane(words, 2, "train.shard=true", "-o", str(out))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("pretrain: done") == 1, "each process told the same"
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert committed(out) is not None
    assert verify(out) == []
    first, second = (load_file(folder / "model" / "model.safetensors") for folder in (one, out))
    difference = max(float((second[name] - t).abs().max() / t.abs().max()) for name, t in first.items())
    print(f"hagane pretrain, 1 process vs torchrun with 2 (FSDP2): largest difference of weights {difference:.1e}")
    assert difference <= 1e-6
    bits = [read_json(folder / "summary.json")["bits_per_character"] for folder in (one, out)]
    assert bits[1] == pytest.approx(bits[0], rel=1e-6)
    again = hagane(words, 2, "train.shard=true", "-o", str(out))
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("up to date") == 1


def test_a_mistake_is_told_in_words(words: list[str], tmp_path: Path) -> None:
    ended = hagane(words, 2, "micro_batches=3", "-o", str(tmp_path / "out"))
    assert ended.returncode != 0
    assert "3 micro-batches of a step cannot be dealt to 2 processes" in ended.stderr
    assert "loop.py" not in ended.stderr, "a traceback of ours was shown"
    assert not (tmp_path / "out").exists()

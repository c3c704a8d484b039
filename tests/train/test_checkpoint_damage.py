"""Whatever happens to one file of a checkpoint is found, and the checkpoint before it is used and named."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
import torch
from tiny import CONFIG, Counting, run

from hagane.artifact.files import read_json, write_json
from hagane.errors import ArtifactError
from hagane.train.checkpoint import Checkpoint, load, load_latest, save

TRIALS = 120


class Patient(Counting):
    """May stop, and never does: its checkpoints hold the weights of the last evaluation too."""

    def should_stop(self, evaluations: list[dict[str, float]]) -> bool:
        return False


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of a real run, after updates 9 and 12."""
    out = tmp_path_factory.mktemp("run")
    run(out, Patient())
    return out / "checkpoints"


def damage(path: Path, draw: random.Random) -> str:
    """Cut the file at a random place, or flip one random bit of it."""
    content = bytearray(path.read_bytes())
    if draw.random() < 0.5:
        path.write_bytes(content[: draw.randrange(len(content))])
        return "cut"
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)
    return "flipped"


def test_every_cut_and_every_flipped_bit_is_found(checkpoints: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest, draw = checkpoints / "step-00000012", random.Random(5)
    names = sorted(path.name for path in newest.iterdir())
    assert names == ["kept.safetensors", "manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"]
    found, kinds = 0, set()
    for trial in range(TRIALS):
        path = newest / names[trial % len(names)]
        before = path.read_bytes()
        kinds.add((path.name, damage(path, draw)))
        loaded = load_latest(checkpoints, {}, {})
        found += loaded is not None and loaded.step == 9 and f"{newest.name} is not valid" in capsys.readouterr().err
        path.write_bytes(before)
    assert len(kinds) == 2 * len(names)
    with capsys.disabled():
        print(f"\ncheckpoint corruption: {found} of {TRIALS} detected")
    assert found == TRIALS
    untouched = load_latest(checkpoints, {}, {})
    assert untouched is not None
    assert untouched.step == 12, "negative control: what is whole is used"


@pytest.mark.parametrize("file", ["optimizer.safetensors", "state.json"])
def test_a_manifest_that_names_fewer_files_is_not_believed(checkpoints: Path, tmp_path: Path, file: str) -> None:
    path = shutil.copytree(checkpoints / "step-00000012", tmp_path / "step-00000012")
    load(path, {})
    manifest = read_json(path / "manifest.json")
    del manifest[file]
    write_json(path / "manifest.json", manifest)
    with pytest.raises(ArtifactError, match=file):
        load(path, {})
    (path / "manifest.json").write_bytes(b"[]")
    with pytest.raises(ArtifactError):
        load(path, {})


def test_retention(tmp_path: Path) -> None:
    settings = {"keep_checkpoints": 3, "checkpoint_every": 2, "keep_every": 5}
    run(tmp_path, config=CONFIG.model_copy(update=settings))
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["step-00000008", "step-00000010", "step-00000012"]
    assert sorted(os.listdir(tmp_path / "milestones")) == ["step-00000005", "step-00000010"]


def test_what_is_behind_the_run_or_unfinished_does_not_count(tmp_path: Path) -> None:
    """A damaged newest checkpoint must not push a valid one out."""

    def at(step: int) -> None:
        save(tmp_path, Checkpoint(step, {"model": {"w": torch.full((3,), float(step))}}), keep=2)

    for step in (3, 6, 9):
        at(step)
    (tmp_path / "step-00000009" / "state.json").unlink()
    (tmp_path / ".step-00000007.partial").mkdir()
    at(7)
    assert sorted(os.listdir(tmp_path)) == ["step-00000006", "step-00000007"]

"""`hagane pretrain branch=…`: a decay branched off a stable run is the run that was never branched; mistakes end in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.artifact.files import sha256_file
from hagane.cli.main import call

SHAPE = "hidden_size=32 num_layers=1 num_heads=2 num_kv_heads=1 head_dim=16 intermediate_size=48 rows=4 seq=32"
# At its peak until the last four of 12 updates, or the last eight of 24.
TRAINING = "train.warmup=2 train.decay=0.36 train.compile=false"
STABLE, LONGER = "train.steps=12 train.keep_every=4", "train.steps=24"


@pytest.fixture(scope="module", autouse=True)
def _float32() -> pytest.Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAGANE_DTYPE", "float32")
        yield


def pretrain(inputs: dict[str, Path], out: Path, *words: str) -> int:
    """Later words win over earlier ones."""
    given = [f"documents={inputs['documents.made']}", f"tokenizer={inputs['tokenizer']}", *SHAPE.split()]
    return call(["pretrain", *given, *TRAINING.split(), *" ".join(words).split(), "-o", str(out)])


@pytest.fixture(scope="module")
def stable(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "stable"
    assert pretrain(inputs, out, STABLE) == 0
    return out


def test_a_branch_is_the_run_that_was_never_branched(inputs: dict[str, Path], stable: Path, tmp_path: Path) -> None:
    branches = {"stable": f"branch={stable} branch_at=8", "decayed": f"branch={stable}", "whole": ""}
    for name, words in branches.items():
        assert pretrain(inputs, tmp_path / name, LONGER, words) == 0
    weights = {name: sha256_file(tmp_path / name / "model" / "model.safetensors") for name in branches}
    assert weights["stable"] == weights["whole"]
    assert weights["decayed"] != weights["whole"], "the newest milestone lies behind the decay of the stable run"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("branch_at=5", 2, ("no milestone of step 5", "Milestones: 4, 8, 12.")),
        ("branch=WITHOUT", 2, ("left no milestones", "keep_every")),
        ("branch=nowhere", 2, ("'branch' does not exist", "Check the path")),
        ("hidden_size=48", 1, ("of another model", "step-00000012", "shape")),
        ("train.steps=12", 2, ("12 updates behind it", "set it higher")),
        ("train.optimizer=adamw", 2, ("trained with muon", "same optimizer")),
    ],
)
def test_what_cannot_be_branched_is_told_and_nothing_is_written(
    inputs: dict[str, Path],
    stable: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
    told: tuple[str, ...],
) -> None:
    out = tmp_path / "out"
    words = words.replace("WITHOUT", str(tmp_path))
    assert pretrain(inputs, out, LONGER, f"branch={stable}", words) == code
    error = capsys.readouterr().err.partition("hagane: ")[2]
    assert all(part in error for part in told), error
    assert not out.exists()

"""Branches off a stable run: a branch is the run that was never branched; one that cannot be is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny import CONFIG, Counting, rows, run, tiny_model, weights

from hagane.errors import ArtifactError, DataError, UsageError
from hagane.train.loop import train
from hagane.train.state import milestone

# At its peak from the first update; the rate falls over the last four of 12, and over the last twelve of 24.
STABLE = CONFIG.model_copy(update={"warmup": 0.0, "decay": 1 / 3, "keep_every": 4})
LONGER = CONFIG.model_copy(update={"warmup": 0.0, "decay": 0.5, "steps": 24})


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stable")
    run(out, config=STABLE)
    return out


@pytest.mark.parametrize("die_at", [None, 10, 20])
def test_a_branch_equals_the_run_that_was_never_branched(stable: Path, tmp_path: Path, die_at: int | None) -> None:
    whole, result = run(tmp_path / "whole", config=LONGER)
    start = milestone(stable, 8)
    if die_at is not None:
        with pytest.raises(RuntimeError, match="killed"):
            run(tmp_path / "branch", Counting(die_at=die_at), LONGER, start)
    branch, branched = run(tmp_path / "branch", config=LONGER, branch=start)
    assert weights(branch) == weights(whole)
    assert branched.evaluations == result.evaluations
    assert rows(tmp_path / "branch") == [row for row in rows(tmp_path / "whole") if row["step"] >= 8]


def test_the_comparison_can_fail(stable: Path, tmp_path: Path) -> None:
    """Negative control: after step 12 the stable run has decayed, and a longer one would not have yet."""
    whole, _ = run(tmp_path / "whole", config=LONGER)
    assert weights(run(tmp_path / "branch", config=LONGER, branch=milestone(stable))[0]) != weights(whole)


def test_milestones_are_named(stable: Path, tmp_path: Path) -> None:
    assert milestone(stable).name == "step-00000012"
    with pytest.raises(UsageError) as caught:
        milestone(stable, 5)
    assert caught.value.fix == "Milestones: 4, 8, 12."
    with pytest.raises(UsageError, match="no milestones"):
        milestone(tmp_path)


def test_a_branch_that_does_not_fit_is_refused(stable: Path, tmp_path: Path) -> None:
    start = milestone(stable)
    with pytest.raises(UsageError, match="ends after 12"):
        run(tmp_path, config=STABLE, branch=start)
    with pytest.raises(UsageError, match="trained with muon"):
        run(tmp_path, config=LONGER.model_copy(update={"optimizer": "adamw"}), branch=start)
    model = tiny_model()
    del model.blocks[1]
    with pytest.raises(ArtifactError, match="of another model"):
        train(model, Counting(), LONGER, tmp_path, "test", start)
    damaged = shutil.copytree(start, tmp_path / "damaged")
    (damaged / "optimizer.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"optimizer\.safetensors"):
        run(tmp_path, config=LONGER, branch=damaged)
    with pytest.raises(DataError):
        run(tmp_path, config=LONGER, branch=tmp_path / "nowhere")
    assert not (tmp_path / "metrics.jsonl").exists(), "nothing is written before it is refused"

"""An artefact is whole or it does not exist; an interrupted stage goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.artifact.files import sha256_file
from hagane.artifact.folder import Job, build, committed, is_up_to_date
from hagane.artifact.lineage import lineage
from hagane.artifact.manifest import MANIFEST, read_manifest, verify
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.errors import ArtifactError, DataError, TrainingError


class CopyConfig(StageConfig):
    text: str = "鋼"
    fail: bool = False


RUNS: list[str] = []


def copy(config: CopyConfig, inputs: Inputs, out: Path) -> None:
    """Writes a checkpoint, fails if asked to, then writes its text and what it read."""
    found = (out / "checkpoints" / "one").exists()
    RUNS.append("resumed" if found else "fresh")
    (out / "checkpoints").mkdir(exist_ok=True)
    (out / "checkpoints" / "one").write_text("halfway")
    if (out.parent / "fail").exists():
        raise KeyboardInterrupt
    before = (inputs["from"] / "text.txt").read_text() if "from" in inputs else ""
    (out / "text.txt").write_text(before + config.text)


STAGE = Stage("copy", "写す / copies", CopyConfig, {"from": Input("text", "a text", required=False)}, copy, "text")


@pytest.fixture(autouse=True)
def _no_runs() -> None:
    RUNS.clear()


def test_commit_is_whole_and_up_to_date(tmp_path: Path) -> None:
    job = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    assert not is_up_to_date(job)
    manifest = build(job)
    assert is_up_to_date(job)
    assert verify(job.out) == []
    assert set(manifest.files) == {"text.txt"}, "checkpoints are not part of the artefact"
    assert not list(tmp_path.glob(".a.*.partial"))


def test_another_setting_or_input_is_out_of_date(tmp_path: Path) -> None:
    first = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    build(first)
    assert not is_up_to_date(Job(STAGE, CopyConfig(text="鉄"), {}, tmp_path / "a"))
    second = Job(STAGE, CopyConfig(), {"from": tmp_path / "a"}, tmp_path / "b")
    build(second)
    assert is_up_to_date(second)
    build(Job(STAGE, CopyConfig(text="鉄"), {}, tmp_path / "a"))
    assert not is_up_to_date(second)


def test_interrupted_work_is_taken_up_and_stale_work_is_not(tmp_path: Path) -> None:
    job = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    (tmp_path / "fail").touch()
    with pytest.raises(KeyboardInterrupt):
        build(job)
    assert committed(job.out) is None
    (tmp_path / "fail").unlink()
    build(Job(STAGE, CopyConfig(text="別"), {}, tmp_path / "a"))
    assert RUNS == ["fresh", "fresh"], "another config must not find the first one's checkpoint"
    (tmp_path / "fail").touch()
    with pytest.raises(KeyboardInterrupt):
        build(job)
    (tmp_path / "fail").unlink()
    build(job)
    assert RUNS[2:] == ["fresh", "resumed"]


@pytest.mark.parametrize("kind", ["truncated", "missing", "manifest gone", "manifest edited"])
def test_damage_is_noticed_at_every_use(tmp_path: Path, kind: str) -> None:
    job = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    build(job)
    read_manifest(job.out)
    match kind:
        case "truncated":
            (job.out / "text.txt").write_text("")
        case "missing":
            (job.out / "text.txt").unlink()
        case "manifest gone":
            (job.out / MANIFEST).unlink()
        case _:
            edited = (job.out / MANIFEST).read_text().replace("鋼", "銅")
            (job.out / MANIFEST).write_text(edited)
    with pytest.raises(ArtifactError):
        read_manifest(job.out)
    assert not is_up_to_date(job)


def test_a_flipped_bit_is_found_by_verify(tmp_path: Path) -> None:
    job = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    build(job)
    data = bytearray((job.out / "text.txt").read_bytes())
    before = sha256_file(job.out / "text.txt")
    data[0] ^= 1
    (job.out / "text.txt").write_bytes(bytes(data))
    assert sha256_file(job.out / "text.txt") != before
    assert verify(job.out) == ["text.txt"]


@pytest.mark.parametrize(
    ("error", "checkpoint", "stays"),
    [(DataError, False, False), (DataError, True, True), (TrainingError, False, True), (RuntimeError, False, True)],
)
def test_what_was_refused_before_a_checkpoint_leaves_nothing(
    tmp_path: Path, error: type[Exception], checkpoint: bool, stays: bool
) -> None:
    def fail(config: CopyConfig, inputs: Inputs, out: Path) -> None:
        (out / "rows.jsonl").touch()
        if checkpoint:
            (out / "checkpoints" / "one").mkdir(parents=True)
        raise error("no")

    with pytest.raises(error):
        build(Job(Stage("fail", "", CopyConfig, {}, fail, "text"), CopyConfig(), {}, tmp_path / "a"))
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"] * stays


def test_a_foreign_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("大事")
    with pytest.raises(ArtifactError, match="no stage made"):
        build(Job(STAGE, CopyConfig(), {}, tmp_path / "a"))
    assert (tmp_path / "a" / "thesis.txt").read_text() == "大事"
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "refused before the stage is run"


def test_lineage_walks_back_and_tells_what_changed(tmp_path: Path) -> None:
    build(Job(STAGE, CopyConfig(), {}, tmp_path / "a"))
    build(Job(STAGE, CopyConfig(), {"from": tmp_path / "a"}, tmp_path / "b"))
    steps = list(lineage(tmp_path / "b"))
    assert [(step.depth, step.path.name, step.same) for step in steps] == [(0, "b", True), (1, "a", True)]
    build(Job(STAGE, CopyConfig(text="鉄"), {}, tmp_path / "a"))
    assert [step.same for step in lineage(tmp_path / "b")] == [True, False]


def test_lineage_tells_a_shared_ancestor_once(tmp_path: Path) -> None:
    build(Job(STAGE, CopyConfig(), {}, tmp_path / "a"))
    build(Job(STAGE, CopyConfig(), {"from": tmp_path / "a"}, tmp_path / "b"))
    build(Job(STAGE, CopyConfig(), {"from": tmp_path / "b", "more": tmp_path / "b"}, tmp_path / "c"))
    assert [(step.path.name, step.again) for step in lineage(tmp_path / "c")] == [
        ("c", False),
        ("b", False),
        ("a", False),
        ("b", True),
    ]


def test_identity_does_not_depend_on_place_or_time(tmp_path: Path) -> None:
    one = build(Job(STAGE, CopyConfig(), {}, tmp_path / "x" / "a"))
    two = build(Job(STAGE, CopyConfig(), {}, tmp_path / "y" / "c"))
    assert one.identity == two.identity


def test_killed_while_it_is_sealed_it_still_has_its_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    job = Job(STAGE, CopyConfig(), {}, tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr("hagane.artifact.folder.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            build(job)
    assert set(build(job).files) == {"text.txt"}
    assert RUNS == ["fresh", "resumed"]
    assert not (job.out / "checkpoints").exists()

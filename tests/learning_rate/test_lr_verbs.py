"""`hagane lr` on the built-in pages: what is shown is what would be used, and short real runs are measured once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.artifact.files import read_json
from hagane.cli.main import call
from hagane.report.page import write_report

SMALL = ["pretrain.hidden_size=32", "pretrain.num_layers=1", "pretrain.head_dim=16", "pretrain.intermediate_size=48"]
SMALL += ["pretrain.rows=2", "pretrain.seq=64", "pretrain.max_heldout_documents=2"]


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAGANE_DTYPE", "float32")


def test_show_prints_each_stage_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "curves.html"
    assert call(["lr", "show", "smoke", "pretrain.train.lr=4e-3", "--out", str(page)]) == 0
    shown = capsys.readouterr().out
    for words in ("pretrain: wsd, peak 0.004", "instruct: wsd", "ppo: linear", "█", "1 … 60 update", "1 … 100 %"):
        assert words in shown
    html = page.read_text(encoding="utf-8")
    assert html.count('<svg role="img"') == 2
    assert "http" not in html


def test_show_tells_what_a_preset_is_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["lr", "show", "preset:sarashina2"]) == 0
    shown = capsys.readouterr().out
    assert "no more than that" in shown
    assert "not in the source, our choice: the cosine" in shown
    assert "0.00025" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "preset:gtp"], "Did you mean 'gpt'?"),
        (["show", "smoke", "pretrain.train.preset=gpt"], "does not end within 60 steps"),
        (["sweep", "smoke", "--stage", "clean"], "no `train` settings"),
        (["sweep", "smoke", "--stage", "pretrian"], "no stage 'pretrian'"),
        (["sweep", "smoke", "--low", "1", "--high", "0.1"], "0 < low < high"),
        (["find", "smoke", "--low", "0"], "0 < low < high"),
        (["explain", "."], "not a run folder"),
    ],
)
def test_wrong_use_is_explained(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["lr", *arguments]) in (1, 2)
    assert words in capsys.readouterr().err


def test_find_and_sweep_measure_once_and_land_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["smoke", *SMALL, "--dir", str(tmp_path)]
    assert call(["lr", "find", *run, "--steps", "40", "--low", "1e-4", "--high", "10"]) == 0
    found = read_json(tmp_path / "learning_rate" / "range-pretrain.json")
    assert found["steepest"] <= found["turn"] < 10
    assert len(found["losses"]) <= 40

    sweep = ["lr", "sweep", *run, "--steps", "12", "--seeds", "2", "--points", "3", "--high", "0.1"]
    assert call([*sweep, "--schedule", "cosine"]) == 0
    swept = read_json(tmp_path / "learning_rate" / "sweep-pretrain.json")
    assert list(swept["schedules"]) == ["cosine"]
    points = swept["schedules"]["cosine"]["points"]
    assert [point["lr"] for point in points] == [2.5e-4, 5e-3, 0.1]
    assert all(len(point["heldout"]) == 2 for point in points)
    assert points[1]["heldout"][0] < points[0]["heldout"][0], "a rate of 2.5e-4 hardly moves in twelve updates"

    trials = sorted((tmp_path / "learning_rate" / "trials").iterdir())
    stamps = [trial.stat().st_mtime_ns for trial in trials]
    assert call([*sweep, "--schedule", "cosine", "--schedule", "linear"]) == 0
    assert [trial.stat().st_mtime_ns for trial in trials] == stamps
    assert len(list((tmp_path / "learning_rate" / "trials").iterdir())) == len(trials) + 6

    capsys.readouterr()
    assert call(["run", *run, "--only", "pretrain", "pretrain.train.steps=12"]) == 0
    assert call(["lr", "explain", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "From the size alone one would begin at" in told
    assert "There is no sweep of this schedule" in told
    html = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Range test (pretrain)" in html
    assert "Which peak: a sweep (pretrain)" in html
    assert "Why this rate (pretrain)" in html

"""Deciding again from what was measured gives what a run with those settings gives; a killed run and other workers as well."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orjson
import pytest

from hagane.artifact.files import read_json, sha256_file
from hagane.artifact.folder import CHECKPOINTS
from hagane.artifact.manifest import read_manifest
from hagane.clean import replay
from hagane.clean.config import Config
from hagane.clean.explain import explain
from hagane.clean.selection import BITS
from hagane.clean.stage import STAGE
from hagane.cli.main import call
from hagane.errors import ArtifactError, UsageError

SETTINGS = {"menu_line": {"threshold": -4}, "near_duplicate": {"threshold": None}, "too_short": {"threshold": 400}}


def clean(out: Path, sources: list[str], **settings: object) -> Path:
    out.mkdir()
    STAGE.run(Config(sources=sources, heldout_share=0.2, **{"workers": 0, **settings}), {}, out)
    return out


def files(folder: Path) -> dict[str, str]:
    """Everything of a cleaning but its checkpoints."""
    return {
        str(path.relative_to(folder)): sha256_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and CHECKPOINTS not in path.parts
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Enough for several batches: copies, near copies, menus and known lines among them."""
    path = tmp_path_factory.mktemp("corpus") / "rows.jsonl"
    with path.open("wb") as file:
        for n in range(9000):
            lines = [f"第{n // 3}節では、{'鋼鉄炭素'[n % 4]}の{n % 7}番目の性質を述べる。", "ホーム", "この本について"]
            lines += [f"{n % 50}個の例を挙げると、炉の温度は{n * 37 % 1000}度になる。"] * 2 + [f"{n}番。" * 30]
            file.write(orjson.dumps({"id": n, "text": "\n".join(lines)}) + b"\n")
    return [str(path), "builtin"]


@pytest.fixture(scope="module")
def first(corpus: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clean(tmp_path_factory.mktemp("first") / "out", corpus)


def test_a_replay_equals_a_run_with_those_settings(corpus: list[str], first: Path, tmp_path: Path) -> None:
    fresh = clean(tmp_path / "fresh", corpus, **SETTINGS)
    again = tmp_path / "again"
    again.mkdir()
    replay.STAGE.run(Config(sources=corpus, heldout_share=0.2, workers=0, **SETTINGS), {"from": first}, again)
    assert files(again) == files(fresh)
    assert files(again) != files(first)
    change = replay.compare(first, again)
    kept = [read_json(folder / "summary.json")["characters"]["kept"] for folder in (first, again)]
    assert [change.kept_before, change.kept_after] == kept
    assert change.kept_after - change.kept_before == change.kept_anew - change.removed_anew
    assert change.removed_anew > 0
    assert replay.compare(first, first).changed == 0


def test_the_result_does_not_depend_on_workers(corpus: list[str], first: Path, tmp_path: Path) -> None:
    assert len(list((first / "measured").iterdir())) > 1
    assert files(clean(tmp_path / "two", corpus, workers=2)) == files(first)


PROGRAM = """
import sys, json
from pathlib import Path
from hagane.clean.config import Config
from hagane.clean.stage import STAGE
out = Path(sys.argv[1]); out.mkdir(exist_ok=True)
STAGE.run(Config(sources=json.loads(sys.argv[2]), heldout_share=0.2, workers=2), {}, out)
"""


def test_a_killed_run_goes_on_and_ends_the_same(corpus: list[str], first: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "out"), json.dumps(corpus)]
    kills = 0
    for wanted in (
        "measured/000001.arrow",
        "decide/questions/signatures",
        "decide/copies.npy",
        "decide/counts-00000.json",
    ):
        run = subprocess.Popen(command, start_new_session=True)
        while run.poll() is None and not (tmp_path / "out" / CHECKPOINTS / wanted).exists():
            time.sleep(0.005)
        if run.poll() is None:
            kills += 1
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    subprocess.run(command, check=True)
    assert kills >= 2
    assert files(tmp_path / "out") == files(first)


def test_a_full_disk_ends_the_run_with_a_message_and_it_goes_on(corpus: list[str], first: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hagane", "clean", *corpus, "heldout_share=0.2", "-o", str(tmp_path / "out")]
    room = 200_000  # bytes that a file may have: less than a measured batch
    ran = subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "free space" in ran.stderr
    assert not (tmp_path / "out").exists()
    subprocess.run(command, check=True, capture_output=True)
    again, whole = files(tmp_path / "out"), files(first)
    assert {name: again[name] for name in whole} == whole


def test_explain_shows_each_line_with_what_took_it(first: Path) -> None:
    found = explain(first, "rows/rows.jsonl:17")
    assert [line.rule for line in found.lines][1:3] == ["menu_line", "menu_line"]
    assert found.lines[0].text.startswith("第5節では")
    with pytest.raises(UsageError, match="documents have 'jsonl:1' in their id"):
        explain(first, "jsonl:1")
    with pytest.raises(UsageError, match="0 documents"):
        explain(first, "no such page")


def test_what_was_measured_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replay takes another threshold of a rule that has a file, and refuses another file and other limits of a page."""
    np.save(tmp_path / "model.npy", np.zeros(1 << BITS, np.float32))
    out, model = str(tmp_path / "out"), f"score.model={tmp_path / 'model.npy'}"
    assert call(["clean", "builtin", "-o", out, "workers=0", model]) == 0
    assert call(["clean", "replay", out, "score.threshold=-1", "-o", str(tmp_path / "again")]) == 0
    first, again = (read_manifest(tmp_path / name).config for name in ("out", "again"))
    assert again == {**first, "score": {**first["score"], "threshold": -1}}
    for setting in ("score.model=b.npy", "contamination.benchmarks.b=b", "hojichar.profile=b.py", "max_page_seconds=1"):
        capsys.readouterr()
        assert call(["clean", "replay", out, setting]) == 2
        assert f"cannot change {setting.removesuffix('.b=b').partition('=')[0]}" in capsys.readouterr().err


def test_without_measurements_it_says_so(tmp_path: Path) -> None:
    folder = clean(tmp_path / "out", ["builtin"], keep_measurements=False)
    assert not (folder / "measured").exists()
    with pytest.raises(ArtifactError, match="no measurements"):
        replay.STAGE.run(Config(sources=["builtin"]), {"from": folder}, tmp_path)

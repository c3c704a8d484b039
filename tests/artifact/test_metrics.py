"""A resumed stream of metrics equals the one of a run that was never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.artifact.metrics import MetricsWriter, read_metrics
from hagane.errors import DataError


def write(path: Path, start: int, stop: int, resume: int | None) -> None:
    with MetricsWriter(path, resume) as metrics:
        for step in range(start, stop):
            metrics.write(step, loss=1.0 / (step + 1))


def test_resume_drops_what_is_done_again(tmp_path: Path) -> None:
    write(tmp_path / "whole.jsonl", 0, 10, None)
    write(tmp_path / "killed.jsonl", 0, 8, None)
    write(tmp_path / "killed.jsonl", 5, 10, 5)
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_row_cut_by_a_kill_is_dropped_but_damage_is_not(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":0}\n{"step":1}\n{"st')
    assert [row["step"] for row in read_metrics(path)] == [0, 1]
    path.write_bytes(b'{"step":0}\n{"st\n{"step":2}\n')
    with pytest.raises(DataError, match="not JSON"):
        read_metrics(path)


def test_nan_is_null(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path / "m.jsonl") as metrics:
        metrics.write(0, loss=float("nan"))
    assert read_metrics(tmp_path / "m.jsonl") == [{"step": 0, "loss": None}]

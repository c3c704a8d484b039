"""A small run folder for every test of the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import report_figures as figures
from report_run import Files, MakeRun, make_run

from hagane.report.page import write_report


@pytest.fixture
def run_folder(tmp_path: Path) -> MakeRun:
    def make(files: Mapping[str, Files] | None = None, without: tuple[str, ...] = ()) -> Path:
        return make_run(tmp_path / "runs" / "tiny", files or figures.files(), without)

    return make


@pytest.fixture(scope="session")
def whole_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run in which every stage has finished."""
    folder = make_run(tmp_path_factory.mktemp("report") / "tiny", figures.files())
    return write_report(folder).read_text(encoding="utf-8")

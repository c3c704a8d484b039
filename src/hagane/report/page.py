"""One page that tells a run: `report.html`, self-contained, from the files of a run folder and nothing else.

`sections/` turn files into plain data, `templates/` hold the words (Japanese first, English beside it), `charts` draws. Which words
are chosen is decided by `judge` from the numbers. The page needs no network, no script to be read, and no finished run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from hagane.artifact.files import atomic_write
from hagane.errors import DataError
from hagane.report import charts
from hagane.report.charts import Both, Line, Mark, Point
from hagane.report.measured import read_evaluation
from hagane.report.read import RunFolder, read_run
from hagane.report.sections.artefacts import artefacts
from hagane.report.sections.cleaning import cleaning
from hagane.report.sections.finetuning import finetuning
from hagane.report.sections.instruction import instruction
from hagane.report.sections.overview import overview
from hagane.report.sections.preference import preference
from hagane.report.sections.pretraining import pretraining
from hagane.report.sections.rates import rates
from hagane.report.words import FILTERS, both

FILE_NAME = "report.html"
_BETWEEN_SENTENCES = re.compile(r'</span>\s*(?=<span class="ja")')


def write_report(folder: Path) -> Path:
    """Write `report.html` into the run folder `folder` and return its path.

    Stages that are not finished are named in the page. Raises DataError where `folder` is no run folder or a file of a
    finished stage cannot be read.
    """
    path = folder / FILE_NAME
    try:
        page = render(read_run(folder))
    except (UndefinedError, KeyError) as error:
        raise DataError(
            f"A stage left no figure that the report tells: {error}.",
            where=str(folder),
            fix="Its artefact was made by another version of hagane: run the stage again.",
        ) from error
    atomic_write(path, page.encode())
    return path


def render(run: RunFolder) -> str:
    """The page of a run as HTML."""
    pages = environment()
    evaluation = read_evaluation(run)
    page = pages.get_template("page.html.j2").render(
        run=run,
        style=inline(pages, "style.css"),
        script=inline(pages, "page.js"),
        o=overview(run, evaluation),
        clean=cleaning(run),
        pretraining=pretraining(run, evaluation),
        rates=rates(run),
        finetune=finetuning(run),
        instruct=instruction(run, evaluation),
        preference=preference(run, evaluation),
        artefacts=artefacts(run),
    )
    # Sentences follow each other in the templates: a space between them in English, none in Japanese.
    return _BETWEEN_SENTENCES.sub('</span><span class="en"> </span>', page)


def environment() -> Environment:
    """The templates with their filters, words and charts."""
    pages = Environment(
        loader=PackageLoader("hagane.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(FILTERS, baseline_mark=_baseline_mark)
    pages.globals.update(
        t=both, line=_line, mark=_mark, line_chart=charts.line_chart, interval_chart=charts.interval_chart
    )
    return pages


def inline(pages: Environment, name: str) -> Markup:
    """A file of the templates folder, as it is."""
    assert pages.loader is not None
    return Markup(pages.loader.get_source(pages, name)[0])


def _line(label: Both, points: Sequence[Point], colour: int = 0, dash: int = 0) -> Line:
    return Line(label, points, colour, dash)


def _mark(label: Both, figure: dict[str, Any], colour: int = 0, group: Both = ("", "")) -> Mark:
    """A row of an interval chart from an interval, or from a bare value."""
    return Mark(label, figure["value"], figure.get("low"), figure.get("high"), colour, group)


def _baseline_mark(baseline: dict[str, Any]) -> Mark:
    return _mark((baseline["name"], baseline["name"]), baseline["bits"], 7)

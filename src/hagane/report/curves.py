"""Curves of learning rates as a page of their own, drawn as in the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hagane.artifact.files import atomic_write
from hagane.learning_rate.config import RateConfig
from hagane.report.charts import Line
from hagane.report.page import environment, inline


def write_curves(path: Path, title: str, curves: Sequence[tuple[str, RateConfig]]) -> None:
    """Write one page with the rate of each named run over its progress. The folder must exist."""
    lines = [
        Line(
            (name, name),
            [(100 * (step + 0.5) / rates.steps, rates.lr * rates.factor(step)) for step in range(rates.steps)],
            colour=number % 8,
            dash=number // 8,
        )
        for number, (name, rates) in enumerate(curves)
    ]
    pages = environment()
    page = pages.get_template("curves.html.j2").render(title=title, lines=lines, style=inline(pages, "style.css"))
    atomic_write(path, page.encode())

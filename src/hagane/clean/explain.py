"""`hagane clean explain`: one page, line by line, with what was taken out of it, by which rule and which value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hagane.clean.batch import Batch, read_ids
from hagane.clean.finish import decided_path
from hagane.clean.measure import measured_path
from hagane.clean.replay import measured_batches
from hagane.clean.rules import RULES
from hagane.clean.stage import MEASURED
from hagane.clean.verdicts import KEPT
from hagane.errors import UsageError

_SHOWN = 5


@dataclass(frozen=True)
class Line:
    """A line of a page, and what took it; `rule` is empty where it stayed."""

    text: str
    rule: str
    value: float
    detail: str


@dataclass(frozen=True)
class Explanation:
    """A page of a cleaning; `rule` is empty where the document stayed."""

    id: str
    source: str
    rule: str
    value: float
    detail: str
    lines: list[Line]


def explain(folder: Path, document: str) -> Explanation:
    """The page with this id, or with the only id that contains it. Raises `UsageError` where none or several do."""
    found = list(_matching(folder, document))
    exact = [place for place in found if place[0] == document]
    if len(found := exact or found) != 1:
        names = ", ".join(name for name, _, _ in found[:_SHOWN]) + (" …" if len(found) > _SHOWN else "")
        raise UsageError(
            f"{len(found)} documents have {document!r} in their id{': ' if found else '.'}{names}",
            where=str(folder / MEASURED),
            fix="Give the whole id; the column `doc` of decisions.parquet and `id` of documents/ have them.",
        )
    ((name, number, page),) = found
    batch = Batch.load(measured_path(folder / MEASURED, number))
    with np.load(decided_path(folder, number)) as saved:
        rules, values, details, texts = (saved[name] for name in ("line_rule", "line_value", "line_detail", "details"))
        page_rule, page_value = int(saved["page_rule"][page]), float(saved["page_value"][page])
        page_detail = str(texts[saved["page_detail"][page]])
    lines = [
        Line(batch.texts[line], _name(int(rules[line])), float(values[line]), str(texts[details[line]]))
        for line in range(batch.first_line[page], batch.first_line[page + 1])
    ]
    return Explanation(name, batch.sources[page], _name(page_rule), page_value, page_detail, lines)


def _name(rule: int) -> str:
    return "" if rule == KEPT else RULES[rule].name


def _matching(folder: Path, document: str) -> Iterator[tuple[str, int, int]]:
    for number in range(measured_batches(folder)):
        for page, name in enumerate(read_ids(measured_path(folder / MEASURED, number))):
            if document in name:
                yield name, number, page

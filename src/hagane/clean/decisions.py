"""Every removal a row: the table that becomes decisions.parquet.

Neighbouring lines that one rule took by one value are one row. `characters` counts without line ends, so that what went in is what
came out plus what the rows removed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from hagane.clean.batch import EXCERPT_CHARACTERS
from hagane.clean.rules import RULE, RULES
from hagane.clean.tables import changes
from hagane.clean.verdicts import KEPT, Verdicts

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("doc", pa.string()),
    ("source", pa.string()),
    ("line", pa.int32()),  # first line of the span; -1 where the whole document went
    ("span_start", pa.int64()),  # characters [start, end) of the page's text: its lines joined by newlines
    ("span_end", pa.int64()),
    ("rule", pa.string()),
    ("value", pa.float64()),
    ("threshold", pa.float64()),
    ("action", pa.string()),  # remove_span | remove_document | mask
    ("kept", pa.string()),  # the document that stays in its place (copies); empty otherwise
    ("detail", pa.string()),  # what the rule says besides its value: filter, template, benchmark; empty where nothing
    ("characters", pa.int64()),
    ("text", pa.string()),  # the first 200 characters
]
SCHEMA = pa.schema(_COLUMNS)


def decision_table(verdicts: Verdicts, kept: dict[int, str]) -> pa.Table:
    """One row a removed span or document, by page and line; `kept`: page → id of the document that stays in its place."""
    rows = sorted(_spans(verdicts) + _cuts(verdicts) + _documents(verdicts, kept), key=lambda row: row[0])
    columns: list[Any] = list(zip(*(row[1] for row in rows), strict=True)) or [[] for _ in _COLUMNS]
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(_COLUMNS, columns, strict=True)})


_Row = tuple[tuple[int, int], tuple[Any, ...]]


def _spans(verdicts: Verdicts) -> list[_Row]:
    batch = verdicts.batch
    taken = np.flatnonzero(verdicts.line_rule != KEPT)
    if not len(taken):
        return []
    rule, value, page = verdicts.line_rule[taken], verdicts.line_value[taken], batch.page_of[taken]
    gaps = taken - np.arange(len(taken))  # equal for neighbours
    first = np.flatnonzero(changes(gaps, rule, value, verdicts.line_detail[taken], page))
    last = np.concatenate((first[1:], [len(taken)])) - 1
    characters = np.add.reduceat(batch.characters[taken], first)
    start = batch.starts[taken[first]]
    end = batch.starts[taken[last]] + batch.characters[taken[last]]
    number = taken[first] - batch.first_line[page[first]]
    details = list(verdicts.details)
    rows: list[_Row] = []
    for at, of, line, begin, finish, size, low, high in zip(
        page[first].tolist(),
        rule[first].tolist(),
        number.tolist(),
        start.tolist(),
        end.tolist(),
        characters.tolist(),
        taken[first].tolist(),
        taken[last].tolist(),
        strict=True,
    ):
        name = RULES[of].name
        excerpt = batch.excerpt(np.arange(low, high + 1))
        measured = round(float(verdicts.line_value[low]), 4)
        detail = details[verdicts.line_detail[low]]
        row = (name, measured, verdicts.threshold(name), RULE[name].action, "", detail, size, excerpt)
        rows.append(((at, line), (batch.ids[at], batch.sources[at], line, begin, finish, *row)))
    return rows


def _cuts(verdicts: Verdicts) -> list[_Row]:
    """Pieces of lines that are left; a line that went later took its cuts with it."""
    batch = verdicts.batch
    rows: list[_Row] = []
    for line, cuts in verdicts.cuts.items():
        if not verdicts.left[line]:
            continue
        page = int(batch.page_of[line])
        number, begin = int(line - batch.first_line[page]), int(batch.starts[line])
        for name, cut in cuts:
            excerpt = batch.texts[line][cut.start : cut.end][:EXCERPT_CHARACTERS]
            where = (batch.ids[page], batch.sources[page], number, begin + cut.start, begin + cut.end)
            rule = (name, round(cut.value, 4), verdicts.threshold(name), RULE[name].action, "", "")
            rows.append(((page, number), (*where, *rule, cut.end - cut.start, excerpt)))
    return rows


def _documents(verdicts: Verdicts, kept: dict[int, str]) -> list[_Row]:
    batch = verdicts.batch
    untouched = np.where(verdicts.line_rule == KEPT, batch.characters, 0)
    size = np.bincount(batch.page_of, weights=untouched, minlength=batch.pages).astype(np.int64)
    details = list(verdicts.details)
    rows: list[_Row] = []
    for page in np.flatnonzero(verdicts.page_rule != KEPT).tolist():
        begin, end = batch.first_line[page], batch.first_line[page + 1]
        left = begin + np.flatnonzero(verdicts.line_rule[begin:end] == KEPT)
        excerpt = batch.excerpt(left)
        length = int(batch.starts[end - 1] + batch.characters[end - 1])
        name = RULES[verdicts.page_rule[page]].name
        measured = round(float(verdicts.page_value[page]), 4)
        row = (
            name,
            measured,
            verdicts.threshold(name),
            "remove_document",
            kept.get(page, ""),
            details[verdicts.page_detail[page]],
            int(size[page]),
            excerpt,
        )
        rows.append(((page, -1), (batch.ids[page], batch.sources[page], -1, 0, length, *row)))
    return rows

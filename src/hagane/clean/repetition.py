"""Repetition inside one document: a line that came before, and a line that is one short piece again and again.

`self_repetition` compares a line with itself shifted by 1 to `MAX_PERIOD` characters; the largest share of equal characters is
the value. A model trained on such lines answers 「攻撃の攻撃の攻撃の…」.

Cost: `MAX_PERIOD` comparisons of the batch's code points.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import LineTable, remove_marked
from hagane.clean.page import Page

MAX_PERIOD, MIN_CHARACTERS = 16, 24


def measure_self_repetition(table: LineTable) -> npt.NDArray[np.float64]:
    """[lines]: largest share of characters equal to the one a fixed distance before; NaN for lines under `MIN_CHARACTERS`."""
    best = np.zeros(len(table.starts) - 1)
    length = np.diff(table.starts)
    for period in range(1, MAX_PERIOD + 1):
        same = np.zeros(len(table.codepoints) + 1, np.int64)
        np.cumsum(
            table.codepoints[period:] == table.codepoints[:-period],
            out=same[1 : max(len(table.codepoints) - period, 0) + 1],
        )
        ends = np.maximum(table.starts[1:] - period, table.starts[:-1])
        best = np.maximum(best, (same[ends] - same[table.starts[:-1]]) / np.maximum(length - period, 1))
    return np.where(length >= MIN_CHARACTERS, best, np.nan)


def remove_self_repetition(pages: Sequence[Page], threshold: float) -> None:
    """Rule `self_repetition`: lines whose share of repetition is above `threshold`."""
    table = LineTable.of(pages)
    value = measure_self_repetition(table)
    remove_marked(pages, table, value > threshold, "self_repetition", value, threshold)


def remove_repeated_lines(pages: Sequence[Page], min_characters: int) -> None:
    """Rule `repeated_in_document`: the second and later occurrence of a line of `min_characters` or more in its document."""
    for page in pages:
        seen: dict[str, int] = {}
        which, times = [], []
        for index, line in enumerate(page.lines):
            key = line.replace(" ", "")
            if len(key) < min_characters:
                continue
            seen[key] = seen.get(key, 0) + 1
            if seen[key] > 1:
                which.append(index)
                times.append(float(seen[key]))
        page.remove_lines(which, "repeated_in_document", times, 1)

"""Repetition inside one document: a line that came before, and a line that is one short piece again and again.

`self_repetition` compares a line with itself shifted by 1 to `MAX_PERIOD` characters; the largest share of equal characters is
the value. A model trained on such lines answers 「攻撃の攻撃の攻撃の…」.

Cost: `MAX_PERIOD` comparisons of the batch's code points.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import LineTable
from hagane.clean.tables import changes
from hagane.clean.verdicts import Verdicts

MAX_PERIOD, MIN_CHARACTERS = 16, 24
REPEAT_CHARACTERS = 8
"""Shortest line, blanks left out, that may stand only once in a document, and only in one document of the corpus."""


def measure_self_repetition(table: LineTable) -> npt.NDArray[np.float64]:
    """[lines]: largest share of characters equal to the one a fixed distance before; NaN for lines under `MIN_CHARACTERS`."""
    length = np.diff(table.starts)
    long = np.flatnonzero(length >= MIN_CHARACTERS)
    result = np.full(len(length), np.nan)
    if not len(long):
        return result
    best = np.zeros(len(long))
    # Pairs of a start and an end: `reduceat` sums [start, end) and what lies between two long lines.
    same = np.zeros(len(table.codepoints) + 1, np.uint8)
    for period in range(1, MAX_PERIOD + 1):
        np.equal(table.codepoints[period:], table.codepoints[:-period], out=same[: -period - 1], casting="unsafe")
        same[-period - 1 :] = 0
        edges = np.stack((table.starts[long], table.starts[long + 1] - period), axis=1).ravel()
        sums = np.add.reduceat(same, edges, dtype=np.int64)[::2]
        best = np.maximum(best, sums / (length[long] - period))
    result[long] = best
    return result


def decide_repeated_in_document(verdicts: Verdicts) -> None:
    """Rule `repeated_in_document`: the how-manieth occurrence on its page each line of `REPEAT_CHARACTERS` or more is."""
    columns = verdicts.batch.columns
    lines = np.flatnonzero(verdicts.left & (columns["length"] >= REPEAT_CHARACTERS))
    keys, pages = columns["line_key"][lines], verdicts.batch.page_of[lines]
    order = np.lexsort((lines, keys, pages))
    fresh = changes(keys[order], pages[order])
    place = np.arange(len(order))
    value = np.full(verdicts.batch.lines, np.nan)
    value[lines[order]] = place - np.maximum.accumulate(np.where(fresh, place, 0)) + 1
    verdicts.lines("repeated_in_document", value)

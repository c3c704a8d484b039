"""Lines that are bare lists of nouns: menus, tag clouds, adverts.

Japanese prose binds its nouns with hiragana (particles, endings). A line of several words set apart by blanks, bars or dots whose
share of hiragana is near zero is a list, whatever it lists.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import HIRAGANA, LineTable, remove_marked
from hagane.clean.page import Page, Role

MIN_CHARACTERS, MIN_SEPARATORS = 12, 3
_SEPARATORS = np.array([ord(character) for character in " 　|｜>»＞≫・"], dtype=np.uint32)
_FULL_STOP, _FIRST_KANA = ord("。"), 0x3041


def measure(table: LineTable) -> npt.NDArray[np.float64]:
    """Hiragana share of each line [lines]; NaN for lines that are not judged: short, without separators, with a full stop."""
    # Only what follows a Japanese word: blanks around Latin words are ordinary.
    separators = np.isin(table.codepoints, _SEPARATORS)
    separators[1:] &= (table.codepoints[:-1] >= _FIRST_KANA) & ~separators[:-1]
    stops = table.codepoints == _FULL_STOP
    counts = []
    for flags in (separators, stops):
        running = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
        counts.append(running[table.starts[1:]] - running[table.starts[:-1]])
    judged = (table.length >= MIN_CHARACTERS) & (counts[0] >= MIN_SEPARATORS) & (counts[1] == 0)
    judged &= table.japanese >= 0.7 * table.length
    share = table.counts[HIRAGANA] / np.maximum(table.length, 1)
    return np.where(judged, share, np.nan)


def remove_noun_lists(pages: Sequence[Page], threshold: float) -> None:
    """Rule `noun_list`: lists of nouns with a hiragana share under `threshold`. Headings stay. NaN compares false."""
    table = LineTable.of(pages)
    value = measure(table)
    heading = np.array([role is Role.HEADING for page in pages for role in page.roles], dtype=bool)
    remove_marked(pages, table, (value < threshold) & ~heading, "noun_list", value, threshold)

"""Lines that are bare lists of nouns: menus, tag clouds, adverts.

Japanese prose binds its nouns with hiragana (particles, endings). A line of several words set apart by blanks, bars or dots whose
share of hiragana is near zero is a list, whatever it lists.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import HIRAGANA, LineTable
from hagane.clean.page import Role

MIN_CHARACTERS, MIN_SEPARATORS = 12, 4
_SEPARATORS = np.array([ord(character) for character in " 　|｜>»＞≫・"], dtype=np.uint32)
_FULL_STOP, _FIRST_KANA = ord("。"), 0x3041


def measure_noun_list(table: LineTable) -> npt.NDArray[np.float64]:
    """Hiragana share of each line [lines]; NaN for lines that are not judged: short, without separators, with a full
    stop, headings."""
    # Only what follows a Japanese word: blanks around Latin words are ordinary.
    separators = np.isin(table.codepoints, _SEPARATORS)
    separators[1:] &= (table.codepoints[:-1] >= _FIRST_KANA) & ~separators[:-1]
    stops = table.codepoints == _FULL_STOP
    judged = (table.length >= MIN_CHARACTERS) & (table.roles != Role.HEADING)
    judged &= (table.sums(separators) >= MIN_SEPARATORS) & (table.sums(stops) == 0)
    judged &= table.japanese >= 0.7 * table.length
    share = table.counts[HIRAGANA] / np.maximum(table.length, 1)
    return np.where(judged, share, np.nan)

"""Lines that are no writing, by the characters they are made of: encoding damage, rows of symbols, a key held down.

Three values, each for what the other rules leave behind, in shares of the line's characters without blanks:

`mojibake` (above 0.05): prose that was written in one encoding and read in another, where no U+FFFD betrays it. Of
damaged lines between lines of good prose, all that the other rules left were found: UTF-8 read as Shift_JIS (386 of
400), GBK (400) and Latin-1 (89), EUC-JP read as Shift_JIS (399), and all but one of Shift_JIS read as Latin-1 (228).
Shift_JIS read as EUC-JP without its errors is a string of Latin letters, and is not found. Takes two short lines of 6 M
characters of literature, 6 of manuals.

`decoration` (above 0.3): rows of symbols and titles between them, 227 of 229 that were left (`foreign_text` has those
above 40 characters). Takes 4 lines of literature, 2 of manuals.

`same_letter` (above 0.4): a key held down, 157 of 190 that were left (the others are shorter than 8 characters;
`self_repetition` judges from 24). Takes 4 lines of manuals; laughter in a novel (「アハハハハハ」) stays at 0.38.

Statutes lose nothing. Together 3.2 ns a byte.

None of them can tell prose from prose; what was measured and left out is in docs/decisions.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import HIRAGANA, LineTable

MIN_CHARACTERS, MIN_SIGNS = 8, 2

_SIGN, _STOP, _KANA, _MARK, _LETTER = 1, 2, 3, 4, 5
_DAMAGE = np.zeros(0x110000, np.uint8)
# The first bytes of UTF-8 kana, read as Shift_JIS (縺繧繝縲) and as GBK (銇銈銉銆). One is no sign: 縺れる is a word.
_DAMAGE[[ord(character) for character in "縺繧繝縲銇銈銉銆"]] = _SIGN
# EUC-JP read as Shift_JIS is half-width kana, which normalisation makes wide: 、コ、ノ、ハ.
_DAMAGE[0xE000:0xF900] = _SIGN  # private use: what cp932 makes of its unused bytes
_DAMAGE[[ord(character) for character in "、。「」・"]] = _STOP
_DAMAGE[0x30A1:0x30FB] = _KANA
# Any of them read as Latin-1: accented letters side by side. × and ÷ are no letters.
_DAMAGE[0xA1:0xC0] = _MARK
_DAMAGE[0xC0:0x100] = _LETTER
_DAMAGE[[0xD7, 0xF7]] = 0

_SYMBOL = np.zeros(0x110000, np.bool_)
for _first, _last in ((0x2010, 0x2460), (0x2500, 0x3041), (0xFF01, 0xFF66), (0x1F000, 0x1FB00)):
    _SYMBOL[_first:_last] = True
for _first, _last in ((0x2E80, 0x2FE0), (0xFF10, 0xFF1A), (0xFF21, 0xFF3B), (0xFF41, 0xFF5B)):  # radicals, wide letters
    _SYMBOL[_first:_last] = False
_SYMBOL[
    [
        ord(character)
        for character in "　、。「」『』（）！？：；，．…―—〜～“”‘’々〆〇〻《》〈〉【】［］｛｝〔〕％＆＋－−＝／"
    ]
] = False

_REPEATED = np.zeros(0x110000, np.bool_)
for _first, _last in ((0x41, 0x5B), (0x61, 0x7B), (0x3041, 0x3097), (0x30A1, 0x3100), (0x4E00, 0xA000)):
    _REPEATED[_first:_last] = True


def measure_mojibake(table: LineTable) -> npt.NDArray[np.float64]:
    """[lines]: share of signs that the bytes were read in another encoding than they were written in."""
    kinds = _DAMAGE[table.codepoints]
    begins = _line_begins(table)
    signs = kinds == _SIGN
    signs[1:] |= (kinds[:-1] == _LETTER) & (kinds[1:] >= _MARK) & ~begins[1:]
    salad = np.zeros(len(kinds), np.bool_)
    salad[1:-1] = (kinds[:-2] == _STOP) & (kinds[1:-1] == _KANA) & (kinds[2:] == _STOP)
    salad[begins] = False
    salad[:-1] &= ~begins[1:]
    number = table.sums(signs) + np.where(table.counts[HIRAGANA] == 0, table.sums(salad), 0)
    return np.where(number >= MIN_SIGNS, number, 0) / np.maximum(table.length, 1)


def measure_decoration(table: LineTable) -> npt.NDArray[np.float64]:
    """[lines]: share of symbols (stars, boxes, arrows; neither ASCII nor punctuation); NaN under `MIN_CHARACTERS`."""
    share = table.sums(_SYMBOL[table.codepoints]) / np.maximum(table.length, 1)
    return np.where(table.length >= MIN_CHARACTERS, share, np.nan)


def measure_same_letter(table: LineTable) -> npt.NDArray[np.float64]:
    """[lines]: share of letters that equal the three before them; NaN under `MIN_CHARACTERS`."""
    same = np.zeros(len(table.codepoints), np.bool_)
    same[1:] = table.codepoints[1:] == table.codepoints[:-1]
    same &= _REPEATED[table.codepoints] & ~_line_begins(table)
    third = same.copy()
    third[2:] &= same[1:-1] & same[:-2]
    third[:2] = False
    return np.where(table.length >= MIN_CHARACTERS, table.sums(third) / np.maximum(table.length, 1), np.nan)


def _line_begins(table: LineTable) -> npt.NDArray[np.bool_]:
    """[characters]: the first of each line."""
    begins = np.zeros(len(table.codepoints), np.bool_)
    begins[table.starts[:-1][np.diff(table.starts) > 0]] = True
    return begins

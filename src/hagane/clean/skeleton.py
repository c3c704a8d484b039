"""What is left of a sentence when its nouns are taken out: the skeleton that a template shares with all its copies.

Japanese writes what can be exchanged in kanji, katakana, Latin letters and digits, and what binds it together in hiragana. Each
longest run of the former becomes one slot (□), blanks go, all else stays: 東京の天気は晴れです and 大阪の天気は雨です are both
□の□は□…です, whatever was put in. No morphological analyser is asked, and its errors cannot part two copies.

Cost: a dozen numpy passes over the code points and none over the sentences, ~50 MB of UTF-8 a second and core.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hagane.clean.minhash import mix

SLOT = "□"
FIRST_HIRAGANA, END_HIRAGANA = 0x3041, 0x3097
_BLANK, _FIXED, _FILLING, _STOP = 0, 1, 2, 3
_SLOT_SYMBOL = np.uint64(ord(SLOT))
FILLING = (
    r"[0-9A-Za-z\u00c0-\u024f\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u2460-\u2473"  # digits, Latin letters, ① to ⑳
    r"\u30a1-\u30ff\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"  # katakana with ・ and ー, kanji
    r".,\-_/%+&'％．，]"  # 1,000 and 3.5% and U.S.A. are one filling each
)
_KIND = np.full(0x110000, _FIXED, np.uint8)
for _run in re.finditer(f"{FILLING}+", "".join(map(chr, range(0x30000)))):
    _KIND[_run.start() : _run.end()] = _FILLING
_KIND[[ord(character) for character in "。！？!?"]] = _STOP
_KIND[[ord(character) for character in " \u3000"]] = _BLANK

_BASE = 0x9E3779B97F4A7C15
_PERIOD = 4096
_POWERS = np.array([pow(_BASE, exponent, 2**64) for exponent in range(_PERIOD)], np.uint64)
"""Beyond 4,096 symbols the powers come again: two such giants would have to differ in nothing but the order of far places."""


@dataclass(frozen=True)
class Symbols:
    """The characters of a batch without blanks, and the symbols that they make; a sentence's first character begins a symbol."""

    places: npt.NDArray[np.int64]
    """[characters]: where each stands among the batch's code points."""
    characters: npt.NDArray[np.uint64]
    """[characters]: code points."""
    sentence_starts: npt.NDArray[np.int64]
    """[sentences]: first character of each sentence, an index into `characters`."""
    line: npt.NDArray[np.int64]
    """[sentences]: the line it stands in."""
    begins: npt.NDArray[np.int64]
    """[symbols]: first character of each symbol, an index into `characters`."""
    values: npt.NDArray[np.uint64]
    """[symbols]: the code point, or □ for a run of fillings."""

    @property
    def first_symbols(self) -> npt.NDArray[np.int64]:
        """[sentences]: first symbol of each sentence, an index into `values`."""
        return np.searchsorted(self.begins, self.sentence_starts)


@dataclass(frozen=True)
class Skeletons:
    """The sentences of a batch, each with what stays and what was put in."""

    keys: npt.NDArray[np.uint64]
    """[sentences]: hash of the skeleton."""
    fillings: npt.NDArray[np.uint64]
    """[sentences]: hash of the sentence; of two sentences with equal skeletons equal only if their fillings are."""
    line: npt.NDArray[np.int64]
    """[sentences]: the line it stands in."""
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    """[sentences]: characters [start, end) of the batch's code points."""
    characters: npt.NDArray[np.int64]
    """[sentences]: characters without blanks."""
    fixed: npt.NDArray[np.int64]
    """[sentences]: characters that the skeleton keeps."""
    hiragana: npt.NDArray[np.int64]
    """[sentences]: hiragana among them."""
    slots: npt.NDArray[np.int64]
    """[sentences]: runs that the skeleton leaves out."""


def read_symbols(codepoints: npt.NDArray[np.uint32], line_starts: npt.NDArray[np.int64]) -> Symbols:
    """Blanks out, runs of fillings together; sentences end after 。！？ and with their line.

    codepoints: [characters], the lines of a batch one after another; line_starts: [lines + 1], as in `LineTable`.
    """
    kinds = _KIND[codepoints]
    places = np.flatnonzero(kinds)
    kinds = kinds[places]
    last = kinds == _STOP
    line_ends = np.searchsorted(places, line_starts[1:])
    last[line_ends[line_ends > 0] - 1] = True
    filling = kinds == _FILLING
    inside = np.zeros(len(kinds), bool)
    inside[1:] = filling[1:] & filling[:-1] & ~last[:-1]
    begins = np.flatnonzero(~inside)
    characters = codepoints[places].astype(np.uint64)
    values = np.where(filling[begins], _SLOT_SYMBOL, characters[begins])
    starts = np.concatenate(([0], np.flatnonzero(last[:-1]) + 1)) if len(places) else np.zeros(0, np.int64)
    line = np.searchsorted(line_starts, places[starts], side="right") - 1
    return Symbols(places, characters, starts, line, begins, values)


def sentence_skeletons(read: Symbols) -> Skeletons:
    """The skeleton of each sentence."""
    first, first_symbol = read.sentence_starts, read.first_symbols
    length = np.diff(np.append(first, len(read.characters)))
    count = np.diff(np.append(first_symbol, len(read.values)))
    slot, hiragana = (
        np.append(0, np.cumsum(flags, dtype=np.int64))
        for flags in (read.values == _SLOT_SYMBOL, (read.values >= FIRST_HIRAGANA) & (read.values < END_HIRAGANA))
    )
    slots = slot[first_symbol + count] - slot[first_symbol]
    return Skeletons(
        keys=_hashes(read.values, first_symbol, count),
        fillings=_hashes(read.characters, first, length),
        line=read.line,
        start=read.places[first],
        end=read.places[first + length - 1] + 1,
        characters=length,
        fixed=count - slots,
        hiragana=hiragana[first_symbol + count] - hiragana[first_symbol],
        slots=slots,
    )


def _hashes(
    values: npt.NDArray[np.uint64], first: npt.NDArray[np.int64], count: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """[pieces]: a polynomial over each piece, finished so that all bits depend on all values."""
    if not len(first):
        return np.zeros(0, np.uint64)
    exponents = np.arange(len(values)) - np.repeat(first, count)
    return mix(np.add.reduceat(values * _POWERS[exponents % _PERIOD], first))

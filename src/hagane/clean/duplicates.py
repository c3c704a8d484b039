"""Documents that are the same, exactly or nearly; of each group the first stays.

Exact: equal hash of the text without blanks. Near: MinHash signatures cut into bands; documents that agree in a whole band are
candidates, those whose estimated similarity reaches the threshold are joined by union–find. Candidates are compared with the
first of their bucket, so a bucket costs its size and not its square; there are as many chances to meet as bands.

Memory: 512 bytes a document. Source: Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, ch. 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hagane.clean.minhash import BINS, similarity

BANDS = 32
"""Bands of four bins: pairs of similarity 0.8 meet with probability 1 - 5e-8, of 0.4 with 0.56 (and are then refused)."""


@dataclass(frozen=True)
class Duplicate:
    """A document that goes: the one that stays in its place, and how similar it is to one of its group (equal text: 1)."""

    kept: int
    similarity: float
    exact: bool


def find_duplicates(
    hashes: npt.NDArray[np.uint64], signatures: npt.NDArray[np.uint32], threshold: float
) -> dict[int, Duplicate]:
    """Document → why it goes. hashes: uint64 [documents] of the exact text; signatures: uint32 [documents, 128]."""
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    original = first[group]
    found = {index: Duplicate(kept, 1.0, True) for index, kept in enumerate(original.tolist()) if index != kept}
    unique = np.sort(first)
    for index, (kept, value) in _near(signatures[unique], threshold).items():
        found[int(unique[index])] = Duplicate(int(unique[kept]), value, False)
    for index, duplicate in found.items():  # the equal of a near-duplicate goes in favour of what that one went for
        if duplicate.exact and duplicate.kept in found:
            found[index] = Duplicate(found[duplicate.kept].kept, found[duplicate.kept].similarity, False)
    return found


def _near(signatures: npt.NDArray[np.uint32], threshold: float) -> dict[int, tuple[int, float]]:
    """Document → the first document of its cluster and the best similarity that ties it there; the first is left out."""
    parent = np.arange(len(signatures))
    best = np.zeros(len(signatures))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    rows = BINS // BANDS
    for band in range(BANDS):
        keys = (
            np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows])
            .view(np.dtype((np.void, 4 * rows)))
            .ravel()
        )
        _, first, bucket = np.unique(keys, return_index=True, return_inverse=True)
        candidate = np.flatnonzero(first[bucket] != np.arange(len(signatures)))
        partner = first[bucket[candidate]]
        value = similarity(signatures[candidate], signatures[partner])
        alike = value >= threshold
        np.maximum.at(best, candidate[alike], value[alike])
        np.maximum.at(best, partner[alike], value[alike])
        for one, other in zip(candidate[alike].tolist(), partner[alike].tolist(), strict=True):
            low, high = sorted((root(one), root(other)))
            parent[high] = low
    roots = {index: root(index) for index in range(len(signatures))}
    return {index: (first, float(best[index])) for index, first in roots.items() if index != first}

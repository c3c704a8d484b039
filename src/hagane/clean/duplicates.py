"""Documents that are the same, exactly or nearly; of each group the first stays.

Exact: equal hash of the text without blanks. Near: MinHash signatures cut into bands; a document is compared with the first one
that shares a whole band, and joined to it by union–find where the estimated similarity reaches the threshold. A bucket costs its
size and not its square, and there are as many chances to meet as bands.

Memory: 40 bytes a document that has a copy. Source: Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, ch. 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from hagane.clean.batch import PAGE_BITS
from hagane.clean.config import Config
from hagane.clean.exchange import LATER
from hagane.clean.minhash import band_keys, similarity
from hagane.clean.questions import Questions

COPY = np.dtype([("document", "<u8"), ("kept", "<u8"), ("similarity", "<f8"), ("exact", "?")])
"""A document that goes: the one that stays in its place, and how similar it is to the one of its group it was compared with."""
_Array = npt.NDArray[Any]
_PAGE_MASK = np.uint64((1 << PAGE_BITS) - 1)


def find_pairs(config: Config, questions: Questions, batch: int) -> _Array:
    """COPY rows of one batch: each document with an earlier one that it is alike; `kept` is that one, not yet the first of all.

    Documents and their partners carry `LATER` where they are long.
    """
    answers = questions.copies.answers(batch)
    if not len(answers.rows):
        return np.zeros(0, COPY)
    pages = questions.signatures(batch)
    pages = np.array(pages[pages["alive"]])
    order, marks = pages["order"], np.ascontiguousarray(pages["marks"])
    rows: list[tuple[int, int, float, bool]] = []
    exact = np.zeros(len(pages), bool)
    if config.exact_duplicate.threshold is not None:
        _, first, _ = answers.of(pages["exact"])
        exact = (first != LATER) & (first != order)
        rows += [(int(a), int(b), 1.0, True) for a, b in zip(order[exact], first[exact], strict=True)]
    if config.near_duplicate.threshold is not None:
        keys = band_keys(marks)
        _, first, _ = answers.of(keys.ravel())
        own = np.repeat(order, keys.shape[1])
        partner = (first != LATER) & (first != own) & ~np.repeat(exact, keys.shape[1])
        place = np.repeat(np.arange(len(pages)), keys.shape[1])[partner]
        pairs = np.unique(np.stack((place.astype(np.uint64), first[partner])), axis=1)
        values = _similarities(questions, marks, pairs[0].astype(np.int64), pairs[1])
        for at, other, value in zip(pairs[0].astype(np.int64), pairs[1], values, strict=True):
            if value >= config.near_duplicate.threshold:
                rows.append((int(order[at]), int(other), float(value), False))
    return np.array(rows, COPY)


def _similarities(questions: Questions, marks: _Array, place: _Array, other: _Array) -> _Array:
    values = np.zeros(len(place))
    number = other & ~LATER
    batches = number >> np.uint64(PAGE_BITS)
    for batch in np.unique(batches).tolist():
        mine = np.flatnonzero(batches == batch)
        theirs = questions.signatures(batch)["marks"][(number[mine] & _PAGE_MASK).astype(np.int64)]
        values[mine] = similarity(marks[place[mine]], theirs)
    return values


def resolve(pairs: Iterable[_Array]) -> _Array:
    """COPY rows sorted by document: of every group all but the first; without `LATER`."""
    parent: dict[int, int] = {}
    best: dict[int, tuple[float, int]] = {}

    def root(document: int) -> int:
        while (above := parent.setdefault(document, document)) != document:
            parent[document] = parent[above]
            document = above
        return document

    for rows in pairs:
        for document, other, value, exact in rows.tolist():
            low, high = sorted((root(document), root(other)))
            parent[high] = low
            for one, partner in ((document, other), (other, document)):
                best[one] = max(best.get(one, (0.0, 0)), (value, partner if exact else -1))
    unflagged = ~int(LATER)
    found = []
    for document in parent:
        kept = root(document)
        if kept != document:
            value, partner = best[document]
            found.append((document & unflagged, kept & unflagged, value, partner == kept))
    return np.sort(np.array(found, COPY), order="document")


def exact_keys(texts: list[str]) -> npt.NDArray[np.uint64]:
    """uint64 [texts]: hash of each text without blanks and line ends."""
    return np.array(
        [xxhash.xxh3_64_intdigest("".join(text.split()).encode("utf-8", "surrogatepass")) for text in texts], np.uint64
    )

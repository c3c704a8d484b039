"""Which documents may come from one template though hardly a sentence of theirs has the same skeleton.

Of each page a sample of its windows of eight skeleton symbols is kept: another verb, a noun in hiragana or a connective put in
front spoils the windows that touch it and no others. A window alone is common property, two of them in the same three documents
are not: so twelve of the rarer windows that a page shares are taken two by two, and a page is linked with each document that it
meets in six pairs or more. Rarity needs the corpus, hence two questions to the exchange, both about 64-bit keys only:

1. windows -> in how many documents;  2. pairs of windows -> the first document, and how many.

Cost: five numpy passes over the symbols, ~75 MB of UTF-8 a second and core; at most ~64 + 66 keys a page.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hagane.clean.minhash import mix
from hagane.clean.skeleton import Symbols
from hagane.clean.tables import changes

WINDOW = 8
SAMPLE = 64
"""Windows of a page that are kept, about: all of a short page, one in ten of a long one. The sample is by hash, so that two pages
keep the same ones."""
RARE = 12
RARE_DOCUMENTS = 32
"""Windows that stand in fewer documents are taken alike: by rarity alone a page would choose what it shares by chance with two
others before what it shares with all copies of its template."""
MIN_DOCUMENTS = 3
MIN_PAIRS = 6
"""Pairs in which two pages have to meet: four windows of the twelve."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class PageKeys:
    """Keys, and the page that each comes from; ascending pages, no key twice in a page."""

    keys: npt.NDArray[np.uint64]
    page: npt.NDArray[np.int64]


def window_keys(read: Symbols, page_of_line: npt.NDArray[np.int64], pages: int) -> PageKeys:
    """A sample of each page's windows; they reach over the ends of sentences and lines, and never into the next page."""
    first = read.first_symbols
    per_sentence = np.diff(np.append(first, len(read.values)))
    page = np.repeat(page_of_line[read.line], per_sentence)
    count = len(page) - WINDOW + 1
    if count <= 0:
        return PageKeys(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    hashes = np.zeros(count, np.uint64)
    for offset in range(WINDOW):
        hashes = hashes * _BASE + read.values[offset : offset + count]
    hashes = mix(hashes)
    rate = SAMPLE / np.maximum(np.bincount(page, minlength=pages), SAMPLE)
    limit = (rate * (2**64 - 2**12)).astype(np.uint64)
    kept = np.flatnonzero((page[:count] == page[WINDOW - 1 :]) & (hashes <= limit[page[:count]]))
    return _unique(hashes[kept], page[kept])


def pair_keys(windows: PageKeys, documents: npt.NDArray[np.int64]) -> PageKeys:
    """Twelve of the rarer windows that a page shares, two by two. documents: [keys], in how many each window stands."""
    shared = np.flatnonzero(documents >= MIN_DOCUMENTS)
    order = shared[
        np.lexsort((windows.keys[shared], np.maximum(documents[shared], RARE_DOCUMENTS), windows.page[shared]))
    ]
    page = windows.page[order]
    rare = np.arange(len(page)) - np.searchsorted(page, page) < RARE
    keys, page = windows.keys[order][rare], page[rare]
    found, owner = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for lag in range(1, RARE):
        same = page[lag:] == page[:-lag]
        one, other = keys[:-lag][same], keys[lag:][same]
        found.append(mix(np.minimum(one, other) * _BASE + np.maximum(one, other)))
        owner.append(page[lag:][same])
    return _unique(np.concatenate(found), np.concatenate(owner))


def links(
    pairs: PageKeys, first: npt.NDArray[np.int64], documents: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pages of the batch, and documents of the corpus that they meet often enough (a page may meet itself).

    first, documents: [keys], the first document of the corpus with this pair, and how many there are.
    """
    often = documents >= MIN_DOCUMENTS
    page, head = pairs.page[often], first[often]
    order = np.lexsort((head, page))
    page, head = page[order], head[order]
    begins = np.flatnonzero(changes(page, head))
    meetings = np.diff(np.append(begins, len(page)))
    page, head = page[begins], head[begins]
    possible = np.bincount(pairs.page)[page]  # a short page has few windows, and half of its pairs are enough
    enough = meetings >= np.minimum(MIN_PAIRS, np.maximum(possible / 2, 1))
    return page[enough], head[enough]


def groups(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Linked documents of the whole corpus (ascending), and for each the first document that it is linked with over others."""
    documents, ends = np.unique(np.concatenate((one, other)), return_inverse=True)
    left, right = ends[: len(one)], ends[len(one) :]
    label = np.arange(len(documents))
    while True:
        low = np.minimum(label[left], label[right])
        lower = label.copy()
        np.minimum.at(lower, left, low)
        np.minimum.at(lower, right, low)
        lower = lower[lower]
        if np.array_equal(lower, label):
            return documents, documents[label]
        label = lower


def _unique(keys: npt.NDArray[np.uint64], page: npt.NDArray[np.int64]) -> PageKeys:
    order = np.lexsort((keys, page))
    keys, page = keys[order], page[order]
    new = changes(keys, page)
    return PageKeys(keys[new], page[new])

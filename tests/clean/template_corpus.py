"""Templates of a corpus that fits into memory: what the exchange answers, by `np.unique`, and the pieces in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hagane.clean.skeleton import read_symbols, sentence_skeletons
from hagane.clean.template import asked, template_sentences, template_share
from hagane.clean.template_keys import groups, links, pair_keys, window_keys
from hagane.clean.template_verify import MIN_DOCUMENTS, Template, judge


@dataclass(frozen=True)
class Found:
    filled: npt.NDArray[np.float64]
    """[documents]: share of the characters in sentences with equal skeletons."""
    followed: npt.NDArray[np.float64]
    """[documents]: share of the characters that follow the template of the document's group."""
    templates: list[Template]

    @property
    def share(self) -> npt.NDArray[np.float64]:
        return np.maximum(self.filled, self.followed)


def answer(
    keys: npt.NDArray[np.uint64], page: npt.NDArray[np.int64], values: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """[keys]: the first document with this key, in how many documents it stands, how many different values it has."""
    _, which = np.unique(keys, return_inverse=True)
    count = int(which.max(initial=-1)) + 1
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, which, page)
    counted = [
        np.bincount(
            np.unique(np.stack([which.astype(np.uint64), column.astype(np.uint64)]), axis=1)[0].astype(np.int64)
        )
        for column in (page, values)
    ]
    return first[which], counted[0][which], counted[1][which]


def find(texts: Sequence[str]) -> Found:
    lines = [line for text in texts for line in text.split("\n")]
    codepoints = np.frombuffer("".join(lines).encode("utf-32-le"), np.uint32)
    page_of_line = np.repeat(np.arange(len(texts)), [text.count("\n") + 1 for text in texts])
    read = read_symbols(codepoints, np.append(0, np.cumsum([len(line) for line in lines], dtype=np.int64)))

    skeletons = sentence_skeletons(read)
    which = asked(skeletons)
    _, documents, fillings = answer(
        skeletons.keys[which], page_of_line[skeletons.line[which]], skeletons.fillings[which]
    )
    marked = np.zeros(len(which), bool)
    marked[which] = template_sentences(documents, fillings)
    filled = template_share(page_of_line[skeletons.line], skeletons.characters, marked, len(texts))

    windows = window_keys(read, page_of_line, len(texts))
    _, documents, _ = answer(windows.keys, windows.page, windows.keys)
    pairs = pair_keys(windows, documents)
    first, documents, _ = answer(pairs.keys, pairs.page, pairs.keys)
    linked, group = groups(*links(pairs, first, documents))
    followed, templates = np.zeros(len(texts)), []
    for head in np.unique(group).tolist():
        members = linked[group == head]
        if len(members) >= MIN_DOCUMENTS:
            template, followed[members] = judge([texts[member] for member in members.tolist()])
            if template is not None:
                templates.append(template)
    return Found(filled, followed, templates)

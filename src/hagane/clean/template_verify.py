"""Whether a group of documents was filled into one template, decided by description length; and the template.

Sentences of different documents are aligned skeleton by skeleton. A template sentence is worth its place when the documents that
follow it are told shorter as "that one, but for these symbols" than each for itself, by more than the sentence costs once. Nothing
is tuned to a kind of text: verbs swapped, nouns in hiragana, connectives put in front, shuffled or dropped sentences cost a few
bits each, sentences alike by chance save none. Source: InfoShield (Lee et al., ICDE 2021), which aligns whole documents.

The fillings decide between a template and copies: where the documents do not differ in at least one sentence from most of the
others, they are duplicates, and other rules see to them.

Cost: the pairs of sentences of at most 16 documents, ~0.6 ms a document; all other documents of a group are only compared with the
template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hagane.clean.alignment import WIDTH, common_subsequence, padded
from hagane.clean.skeleton import END_HIRAGANA, FIRST_HIRAGANA, read_symbols, sentence_skeletons
from hagane.corpus.codepoints import codepoints_of

SAMPLE = 16
"""Documents of a group that the template is read from."""
SENTENCES = 40
"""Sentences of a document that are read for it."""
MIN_DOCUMENTS, MIN_SENTENCE_DOCUMENTS = 4, 3
"""Documents that follow a template; those that have one of its sentences, fewer since templates leave sentences out."""
MAX_EQUAL = 0.5
"""A sentence that more than this share of its documents have word by word is not filled in but copied."""
MIN_HIRAGANA = 4
"""Hiragana of a sentence that is compared: lists, tables and code have the same form everywhere."""
_HIRAGANA_BITS, _OTHER_BITS = 6.0, 2.0
"""To tell a hiragana; a mark, or that here follows a filling. Fillings are told in full either way."""
_EDIT_BITS, _MATCH_BITS = 4.0, 0.1
"""One symbol in sixteen differs: -log2(1/16), -log2(15/16)."""
_BUCKETS, _TRIGRAMS = 1024, 3
_MIN_TRIGRAMS = 0.3


@dataclass(frozen=True)
class Sentences:
    """The sentences of some documents, ready for alignment."""

    rows: npt.NDArray[np.uint16]
    """[sentences, 64]: symbols of the skeleton."""
    length: npt.NDArray[np.int64]
    """[sentences]: symbols, at most 64."""
    bits: npt.NDArray[np.float64]
    """[sentences]: to tell the skeleton by itself."""
    hiragana: npt.NDArray[np.int64]
    """[sentences]: hiragana among the symbols."""
    characters: npt.NDArray[np.int64]
    """[sentences]: characters without blanks."""
    fillings: npt.NDArray[np.uint64]
    """[sentences]: hash of the text."""
    document: npt.NDArray[np.int64]
    text: list[str]

    def take(self, which: npt.NDArray[np.int64]) -> Sentences:
        """Some of the sentences."""
        return Sentences(
            self.rows[which],
            self.length[which],
            self.bits[which],
            self.hiragana[which],
            self.characters[which],
            self.fillings[which],
            self.document[which],
            [self.text[index] for index in which.tolist()],
        )


@dataclass(frozen=True)
class Template:
    """What the documents of a group have in common."""

    sentences: Sentences
    """One for each sentence of the template, as in the document nearest to all others."""
    varied: npt.NDArray[np.bool_]
    """[sentences]: filled differently in most of the documents that have it."""
    members: list[list[str]]
    """For each sentence, how the documents have it."""
    documents: int
    """Documents that follow it, of those it was read from."""
    saved: float
    """Bits saved by it, a document."""


def verify(texts: Sequence[str]) -> Template | None:
    """The template of a group's documents, None where there is none. Only the first 16 texts are read."""
    texts = texts[:SAMPLE]
    every = sentences_of(texts)
    within = np.arange(len(every.document)) - np.searchsorted(every.document, every.document)
    read = every.take(np.flatnonzero((within < SENTENCES) & (every.hiragana >= MIN_HIRAGANA)))
    one, other = _alike(read, read)
    across = read.document[one] != read.document[other]
    one, other = one[across], other[across]
    saving = _saving(read, one, read, other, len(read.length))
    one, other, saving = one[saving > 0], other[saving > 0], saving[saving > 0]
    chosen, members, varied, saved = [], [], [], 0.0
    place = np.arange(len(read.document)) - np.searchsorted(read.document, read.document)
    for center, group, gain in sorted(_cover(read, one, other, saving), key=lambda found: int(place[found[0]])):
        documents = len(set(read.document[group].tolist()))
        if documents < MIN_SENTENCE_DOCUMENTS or gain <= read.bits[center]:
            continue
        chosen.append(center)
        members.append([read.text[index] for index in group])
        varied.append(int(np.unique(read.fillings[group], return_counts=True)[1].max()) <= MAX_EQUAL * len(group))
        saved += gain - read.bits[center]
    if not any(varied):
        return None
    kept = read.take(np.array(chosen))
    followers = int((_shares(kept, every, len(texts)) > 0.5).sum())
    if followers < MIN_DOCUMENTS:
        return None
    return Template(kept, np.array(varied), members, followers, saved / followers)


def judge(texts: Sequence[str]) -> tuple[Template | None, npt.NDArray[np.float64]]:
    """The template of a whole group and [texts] the share of each that follows it; 0 where there is none.

    It is read from texts that lie evenly over the group.
    """
    count = min(SAMPLE, len(texts))
    template = verify([texts[index * len(texts) // count] for index in range(count)])
    return template, np.zeros(len(texts)) if template is None else follow(template, texts)


def follow(template: Template, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """[texts]: share of each text's characters that stand in sentences of the template."""
    return _shares(template.sentences, sentences_of(texts), len(texts))


def sentences_of(texts: Sequence[str]) -> Sentences:
    """The sentences of some texts, in order."""
    lines = [(number, line) for number, text in enumerate(texts) for line in text.split("\n")]
    joined = "".join(line for _, line in lines)
    starts = np.append(0, np.cumsum([len(line) for _, line in lines], dtype=np.int64))
    read = read_symbols(codepoints_of(joined), starts)
    found = sentence_skeletons(read)
    first = np.append(read.first_symbols, len(read.values))
    rows = padded(read.values, first)
    length = np.minimum(found.fixed + found.slots, WIDTH)
    hiragana = ((rows >= FIRST_HIRAGANA) & (rows < END_HIRAGANA)).sum(axis=1)
    return Sentences(
        rows=rows,
        length=length,
        bits=_HIRAGANA_BITS * hiragana + _OTHER_BITS * (length - hiragana),
        hiragana=hiragana,
        characters=found.characters,
        fillings=found.fillings,
        document=np.array([number for number, _ in lines], np.int64)[found.line],
        text=[joined[start:end] for start, end in zip(found.start.tolist(), found.end.tolist(), strict=True)],
    )


def _alike(one: Sentences, other: Sentences) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of sentences (of `one`, of `other`) that share enough trigrams to be worth aligning."""
    left, right = _trigrams(one), _trigrams(other)
    shared = left @ right.T
    least = np.minimum(left.sum(axis=1)[:, None], right.sum(axis=1)[None])
    first, second = np.nonzero(shared >= np.maximum(_MIN_TRIGRAMS * least, 1))
    return first, second


def _trigrams(read: Sentences) -> npt.NDArray[np.float32]:
    """[sentences, 1024]: which of 1024 buckets of trigrams a sentence fills."""
    result = np.zeros((len(read.length), _BUCKETS), np.float32)
    rows = read.rows.astype(np.uint32)
    buckets = ((rows[:, :-2] * 31 + rows[:, 1:-1]) * 31 + rows[:, 2:]) * np.uint32(2654435761) >> np.uint32(22)
    sentence, place = np.nonzero(rows[:, 2:])
    result[sentence, buckets[sentence, place]] = 1
    return result


def _saving(
    one: Sentences, which: npt.NDArray[np.int64], other: Sentences, by: npt.NDArray[np.int64], choices: int
) -> npt.NDArray[np.float64]:
    """[pairs]: bits saved by telling sentence `which` of `one` as an edited sentence `by` of `other`."""
    common = common_subsequence(one.rows[which], other.rows[by])
    length = one.length[which]
    inserted, deleted = length - common, other.length[by] - common
    share = one.bits[which] / np.maximum(length, 1)
    told = _MATCH_BITS * common + inserted * (_EDIT_BITS + share) + deleted * _EDIT_BITS + np.log2(max(choices, 1))
    return np.asarray(one.bits[which] - told)


def _cover(
    read: Sentences, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], saving: npt.NDArray[np.float64]
) -> list[tuple[int, list[int], float]]:
    """Sentences that save most, each with those told by it: (center, group with the center, bits saved).

    Greedy: the sentence that could save most first; no sentence is told twice.
    """
    total = np.bincount(other, weights=saving, minlength=len(read.length))
    order = np.argsort(other, kind="stable")
    bounds = np.searchsorted(other[order], np.arange(len(read.length) + 1))
    free = np.ones(len(read.length), bool)
    found = []
    for center in np.argsort(-total, kind="stable").tolist():
        if not free[center]:
            continue
        edges = order[bounds[center] : bounds[center + 1]]
        edges = edges[free[one[edges]]]
        if not len(edges):
            continue
        edges = edges[np.argsort(-saving[edges], kind="stable")]
        edges = edges[
            np.unique(read.document[one[edges]], return_index=True)[1]
        ]  # one sentence a document, the nearest
        free[center] = False
        free[one[edges]] = False
        found.append((center, [center, *one[edges].tolist()], float(saving[edges].sum() + read.bits[center])))
    return found


def _shares(template: Sentences, read: Sentences, documents: int) -> npt.NDArray[np.float64]:
    """[documents]: share of the characters in sentences that a sentence of the template tells shorter."""
    one, other = _alike(read, template)
    saving = _saving(read, one, template, other, len(template.length))
    good = np.flatnonzero((saving > 0) & (read.hiragana[one] >= MIN_HIRAGANA))
    good = good[np.argsort(-saving[good], kind="stable")]
    # A document follows each sentence of the template once: prose and lists that repeat one pattern do not count again.
    place = read.document[one[good]] * len(template.length) + other[good]
    told = np.zeros(len(read.length), bool)
    told[one[good[np.unique(place, return_index=True)[1]]]] = True
    inside = np.bincount(read.document, weights=read.characters * told, minlength=documents)
    return np.asarray(inside / np.maximum(np.bincount(read.document, weights=read.characters, minlength=documents), 1))

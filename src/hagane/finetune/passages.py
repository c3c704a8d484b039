"""Labelled data out of cleaned documents: a passage, and the source (which manual) it was taken from.

A real label that nobody had to write: every document knows where it came from, a passage alone does not say so. Training
passages come from training documents and held-out passages from held-out ones; a held-out passage whose words also stand
in a training document, as boilerplate does, would be recognised and not understood, and is left out.

A passage is a run of whole sentences of one line, `min_chars` to `max_chars` long and mostly Japanese.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hagane.errors import DataError

JAPANESE = re.compile(r"[ぁ-ヿ一-鿿]")
SENTENCE_END = re.compile(r"(?<=。)")
JAPANESE_SHARE = 0.4
FEWEST = 8  # passages a label must have on either side; with fewer a label is neither learned nor measured


class HasText(Protocol):
    """What is needed of a document."""

    @property
    def source(self) -> str:
        """Where it came from: the label."""

    @property
    def text(self) -> str:
        """Its cleaned text."""


@dataclass(frozen=True)
class Passage:
    """A text and the number of its label."""

    text: str
    label: int


@dataclass(frozen=True)
class Passages:
    """A labelled task, split by document."""

    labels: tuple[str, ...]
    train: tuple[Passage, ...]
    heldout: tuple[Passage, ...]
    left_out: dict[str, int]
    """Sources with too few passages for the task, and how few."""


def cut(text: str, min_chars: int, max_chars: int) -> Iterator[str]:
    """Passages of one document: sentences of a line joined while they fit, each sentence in at most one passage."""
    for line in text.split("\n"):
        held = ""
        for sentence in SENTENCE_END.split(line.strip()):
            if held and len(held) + len(sentence) > max_chars:
                yield from _fitting(held, min_chars, max_chars)
                held = ""
            held += sentence
        yield from _fitting(held, min_chars, max_chars)


def _fitting(passage: str, min_chars: int, max_chars: int) -> Iterator[str]:
    passage = passage.strip()
    enough = len(JAPANESE.findall(passage)) >= JAPANESE_SHARE * len(passage)
    if min_chars <= len(passage) <= max_chars and enough:
        yield passage


def make_passages(
    train: Iterable[HasText],
    heldout: Iterable[HasText],
    *,
    train_per_label: int,
    heldout_per_label: int,
    min_chars: int,
    max_chars: int,
    seed: int,
) -> Passages:
    """Draw passages for every source that has enough of them.

    Raises DataError when fewer than two sources are left: there is nothing to tell apart.
    """
    by_source = _collect(train, min_chars, max_chars)
    known = {passage for passages in by_source.values() for passage in passages}
    held_by_source = {
        source: [passage for passage in passages if passage not in known]
        for source, passages in _collect(heldout, min_chars, max_chars).items()
    }
    counts = {
        source: min(len(by_source.get(source, ())), len(held_by_source.get(source, ())))
        for source in sorted({*by_source, *held_by_source})
    }
    labels = tuple(source for source, count in counts.items() if count >= FEWEST)
    if len(labels) < 2:
        raise DataError(
            f"Telling sources apart needs two with {FEWEST} passages each in training and held-out documents; "
            f"found {len(labels)} among {len(counts)} sources.",
            where=", ".join(f"{source}: {count}" for source, count in counts.items()) or "no passage at all",
            fix="Clean documents of at least two sources, or lower `min_chars`.",
        )

    def draw(passages: dict[str, list[str]], per_label: int, split: str) -> tuple[Passage, ...]:
        return tuple(
            Passage(text, number)
            for number, source in enumerate(labels)
            for text in _sample(passages[source], per_label, f"{seed}:passages:{split}:{source}")
        )

    return Passages(
        labels,
        draw(by_source, train_per_label, "train"),
        draw(held_by_source, heldout_per_label, "heldout"),
        {source: count for source, count in counts.items() if source not in labels},
    )


def _collect(documents: Iterable[HasText], min_chars: int, max_chars: int) -> dict[str, list[str]]:
    """Passages of each source, each text once, in the order of the documents; a text of two sources belongs to neither."""
    found: dict[str, set[str]] = {}
    for document in documents:
        for passage in cut(document.text, min_chars, max_chars):
            found.setdefault(passage, set()).add(document.source)
    by_source: dict[str, list[str]] = {}
    for passage, sources in found.items():
        if len(sources) == 1:
            by_source.setdefault(next(iter(sources)), []).append(passage)
    return by_source


def _sample(passages: Sequence[str], count: int, seed: str) -> list[str]:
    return random.Random(seed).sample(passages, min(count, len(passages)))

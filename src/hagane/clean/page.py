"""A page as lines, and the record of what was taken out of it.

All rules speak of one text: the page's lines after light normalisation, joined by newlines. A removal names its lines by
number and by character span in that text, so that a decision can be replayed, and no later step shifts an earlier one's spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate

EXCERPT_CHARACTERS = 200


class Role(IntEnum):
    """What a line is on its page."""

    TEXT = 0
    HEADING = 1
    CODE = 2


@dataclass(frozen=True)
class Decision:
    """One row of decisions.parquet: what was removed, by which rule, with which value against which threshold."""

    doc: str
    source: str
    line: int
    """First line of the span; -1 where the whole document went."""
    span_start: int
    span_end: int
    """Characters [start, end) of the page's text."""
    rule: str
    value: float
    threshold: float
    action: str
    """remove_span | remove_document."""
    kept: str
    """The document that stays in its place (duplicates); empty otherwise."""
    characters: int
    """Characters removed, line ends not counted; fewer than the span where earlier rules had taken lines inside it."""
    text: str
    """The first 200 characters of what was removed."""


@dataclass
class Page:
    """A document on its way through the rules."""

    id: str
    source: str
    lines: list[str]
    roles: list[Role]
    numbers: list[int]
    """Number of each line that is left, in the page's text."""
    starts: list[int]
    """Where each line that is left begins in the page's text, in characters."""
    length: int
    """Characters of the page's text."""
    decisions: list[Decision] = field(default_factory=list)

    @classmethod
    def of(cls, identity: str, source: str, lines: Sequence[str], roles: Sequence[Role]) -> Page:
        """A page with all its lines."""
        starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        return cls(
            identity, source, list(lines), list(roles), list(range(len(lines))), starts[:-1], max(starts[-1] - 1, 0)
        )

    @property
    def text(self) -> str:
        """What is left, one line after another."""
        return "\n".join(self.lines)

    @property
    def characters(self) -> int:
        """Characters that are left, line ends not counted."""
        return sum(map(len, self.lines))

    def remove_lines(self, which: Sequence[int], rule: str, values: Sequence[float], threshold: float) -> None:
        """Take out the lines at these (ascending) indices; neighbours with equal values become one decision."""
        if not which:
            return
        first = 0
        for position in range(1, len(which) + 1):
            if (
                position < len(which)
                and self.numbers[which[position]] == self.numbers[which[position - 1]] + 1
                and values[position] == values[first]
            ):
                continue
            run = [self.lines[index] for index in which[first:position]]
            start = self.starts[which[first]]
            end = self.starts[which[position - 1]] + len(run[-1])
            self._decide(
                self.numbers[which[first]], start, end, rule, values[first], threshold, "remove_span", "\n".join(run)
            )
            first = position
        gone = set(which)
        kept = [index for index in range(len(self.lines)) if index not in gone]
        self.lines = [self.lines[index] for index in kept]
        self.roles = [self.roles[index] for index in kept]
        self.numbers = [self.numbers[index] for index in kept]
        self.starts = [self.starts[index] for index in kept]

    def remove(self, rule: str, value: float, threshold: float, kept: str = "") -> None:
        """Take the whole document out."""
        self._decide(-1, 0, self.length, rule, value, threshold, "remove_document", self.text, kept)
        self.lines, self.roles, self.numbers, self.starts = [], [], [], []

    def _decide(
        self,
        line: int,
        start: int,
        end: int,
        rule: str,
        value: float,
        threshold: float,
        action: str,
        text: str,
        kept: str = "",
    ) -> None:
        characters = len(text) - text.count("\n")  # a line holds no line end of its own
        excerpt = text[:EXCERPT_CHARACTERS]
        self.decisions.append(
            Decision(
                self.id,
                self.source,
                line,
                start,
                end,
                rule,
                float(value),
                float(threshold),
                action,
                kept,
                characters,
                excerpt,
            )
        )

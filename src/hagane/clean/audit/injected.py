"""Noise that was put into clean text: how much of it the stage finds (recall), and how much of what it takes is noise (precision).

Characters are counted, line by line. Recall of a kind asks whether its noise is gone, whichever rule took it; precision of a kind
asks what the rules of that kind took; F1 is of the two.

Cost: the stage, and a count of the characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hagane.clean.audit.kinds import COPIES, KINDS
from hagane.clean.audit.noise.pages import GOOD, Page
from hagane.clean.audit.outcome import KEPT, Outcome, run_stage
from hagane.clean.config import Config
from hagane.clean.normalise import normalise


@dataclass
class Counts:
    """Characters of noise and of good text: how many there were, and which rule took how many."""

    all: Counter[str] = field(default_factory=Counter)
    """By label."""
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By rule and label."""
    groups: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Group → characters of noise and how many of them are gone, for each page."""

    def add(self, other: Counts) -> None:
        """Count another corpus as well."""
        self.all += other.all
        self.taken += other.taken
        self.groups |= other.groups


def count(pages: Sequence[Page], config: Config) -> Counts:
    """Run the stage over these pages as one corpus, and count."""
    plain = [page for page in pages if not page.html]
    marked = [page for page in pages if page.html]
    run = run_stage([page.text for page in plain], [page.html for page in marked], config)
    counts = Counts()
    for page, outcome in zip([*plain, *marked], [*run.texts, *run.html], strict=True):
        _count(counts, page, outcome, ["", *run.rules])
    return counts


def _count(counts: Counts, page: Page, outcome: Outcome, rules: Sequence[str]) -> None:
    labels = dict(zip(_packed(line for line, _ in page.lines), (label for _, label in page.lines), strict=True))
    noise, gone = 0, 0
    for packed, (line, _, taken) in zip(_packed(outcome.lines), outcome.by_line(), strict=True):
        label = labels[packed]
        kept = 0
        for number, characters in Counter(taken.tolist()).items():
            if number == KEPT:
                kept = characters
            else:
                counts.taken[rules[number], label] += characters
        counts.all[label] += len(line)
        if label != GOOD:
            noise += len(line)
            gone += len(line) - kept
    if page.group:
        counts.groups.setdefault(page.group, []).append((noise, gone))


def _packed(lines: Iterable[str]) -> list[str]:
    """The lines in normal form without blanks: what they are told apart by."""
    return ["".join(line.split()) for line in normalise(lines)]


def figures(counts: Counts) -> dict[str, Any]:
    """kinds, rules, groups, and the good text lost to other rules than those against copies.

    Shares of characters, but `pages_gone`: the share of pages that lost half of their noise or more.
    """
    kinds = {}
    for kind, rules in KINDS.items():
        recall = _share(sum(n for (_, label), n in counts.taken.items() if label == kind), counts.all[kind])
        mine = {key: n for key, n in counts.taken.items() if key[0] in rules}
        precision = _share(sum(n for (_, label), n in mine.items() if label != GOOD), sum(mine.values()))
        kinds[kind] = {"recall": recall, "precision": precision, "f1": _f1(recall, precision)}
    rules_found = {}
    for rule in sorted({rule for rule, _ in counts.taken}):
        by_label = {label: counts.taken[rule, label] for label in (GOOD, *KINDS)}
        characters = sum(by_label.values())
        precision = _share(characters - by_label[GOOD], characters)
        rules_found[rule] = {"characters": characters, "precision": precision}
        for kind in KINDS:
            recall = _share(by_label[kind], counts.all[kind])
            rules_found[rule] |= {f"{kind}_recall": recall, f"{kind}_f1": _f1(recall, precision)}
    groups = {
        group: {
            "pages": len(rows),
            "recall": _share(sum(gone for _, gone in rows), sum(noise for noise, _ in rows)),
            "pages_gone": _share(sum(2 * gone >= noise for noise, gone in rows), len(rows)),
        }
        for group, rows in sorted(counts.groups.items())
    }
    lost = sum(n for (rule, label), n in counts.taken.items() if label == GOOD and rule not in COPIES)
    return {"kinds": kinds, "rules": rules_found, "groups": groups, "good_lost": _share(lost, counts.all[GOOD])}


def _share(part: int, whole: int) -> float:
    return round(part / max(whole, 1), 4)


def _f1(recall: float, precision: float) -> float:
    return round(2 * recall * precision / max(recall + precision, 1e-9), 4)

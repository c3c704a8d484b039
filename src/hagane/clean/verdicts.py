"""Who takes which line: for every line and page of a batch the rule that removed it and the value it did so by.

Cost: one comparison of arrays a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.rules import NUMBER, RULE

KEPT = -1
SAVED = ("line_rule", "line_value", "line_detail", "page_rule", "page_value", "page_detail")


@dataclass(frozen=True)
class Cut:
    """A piece of a line that goes, and what stands in its place."""

    line: int
    start: int
    end: int
    """Characters [start, end) of the line."""
    value: float
    replacement: str = ""


class Verdicts:
    """Decisions about one batch, made rule by rule; what one rule took is gone for the next."""

    BINS = 40

    def __init__(self, batch: Batch, config: Config, *, noting: bool = False) -> None:
        self.batch, self.config, self._noting = batch, config, noting
        self.histograms: dict[str, npt.NDArray[np.int64]] = {}
        """Rule → how many of the values it judged fall into each of `BINS` parts of [least, most]; the ends take the rest."""
        self.near: dict[str, list[dict[str, Any]]] = {}
        """Rule → what came nearest to its threshold, one on each side."""
        self.line_rule = np.full(batch.lines, KEPT, np.int16)
        self.line_value = np.zeros(batch.lines, np.float32)
        self.line_detail = np.zeros(batch.lines, np.int32)
        """[lines]: number in `details` of what the rule says besides its value."""
        self.page_rule = np.full(batch.pages, KEPT, np.int16)
        self.page_value = np.zeros(batch.pages, np.float32)
        self.page_detail = np.zeros(batch.pages, np.int32)
        self.details = {"": 0}
        """Text → its number."""
        self.left = np.ones(batch.lines, bool)
        """[lines]: not taken, and on a page that is not."""
        self.cuts: dict[int, list[tuple[str, Cut]]] = {}
        """Line → (rule, cut), by place; they do not overlap."""
        self.characters = batch.characters.copy()
        """[lines]: characters of each line with its cuts made."""

    def save(self, path: Path) -> None:
        """Keep who took what, for `clean explain` and for comparing two decisions."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, details=list(self.details), **{name: getattr(self, name) for name in SAVED})

    @staticmethod
    def removed(path: Path, batch: Batch) -> npt.NDArray[np.bool_]:
        """[lines]: not kept, by a saved decision about this batch."""
        with np.load(path) as saved:
            return np.asarray((saved["line_rule"] != KEPT) | (saved["page_rule"] != KEPT)[batch.page_of])

    def threshold(self, name: str) -> float | None:
        """The threshold of a rule in the recipe; None where it is switched off."""
        value: float | None = getattr(self.config, name).threshold
        return value

    def lines(self, name: str, values: npt.NDArray[Any], where: npt.NDArray[np.bool_] | None = None) -> None:
        """Take the lines [lines] whose value is on the removing side, of those marked in `where`."""
        taken = self.chosen(name, values, where)
        self.line_rule[taken] = NUMBER[name]
        self.line_value[taken] = values[taken]
        self._say(self.line_detail, taken, self.batch.details.get(name, {}))
        self.left[taken] = False

    def chosen(
        self, name: str, values: npt.NDArray[Any], where: npt.NDArray[np.bool_] | None = None
    ) -> npt.NDArray[np.int64]:
        """The lines left whose value is on the removing side, of those marked in `where`."""
        judged = self.left & ~np.isnan(values)
        if where is not None:
            judged &= where
        taken = RULE[name].removes(values, self.threshold(name)) & judged
        self._note(name, values, judged, taken)
        return np.flatnonzero(taken)

    def cut(self, name: str, cut: Cut) -> None:
        """Take a piece out of a line that is left; what another rule has cut there stays cut."""
        there = self.cuts.setdefault(cut.line, [])
        if all(cut.end <= other.start or cut.start >= other.end for _, other in there):
            there.append((name, cut))
            there.sort(key=lambda pair: pair[1].start)
            self.characters[cut.line] += len(cut.replacement) - (cut.end - cut.start)

    def pages(self, name: str, values: npt.NDArray[Any], said: Mapping[int, str] | None = None) -> None:
        """Take the pages [pages] whose value is on the removing side, and of which something is left.

        `said`: page → what the rule says besides the value; without it, what was measured with the values.
        """
        judged = self.alive & ~np.isnan(values)
        taken = RULE[name].removes(values, self.threshold(name)) & judged
        self._note(name, values, judged, taken)
        self.page_rule[taken] = NUMBER[name]
        self.page_value[taken] = values[taken]
        self._say(self.page_detail, np.flatnonzero(taken), self.batch.details.get(name, {}) if said is None else said)
        self.left &= ~taken[self.batch.page_of]

    def sums(self, of: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """[pages]: a line figure summed over the lines that are left."""
        sums = np.bincount(self.batch.page_of, weights=np.where(self.left, of, 0), minlength=self.batch.pages)
        return sums.astype(np.float64)

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        """[pages]: something is left of the page."""
        return np.bincount(self.batch.page_of, weights=self.left, minlength=self.batch.pages) > 0

    def text(self, page: int) -> str:
        """What is left of a page, cuts made."""
        begin, end = self.batch.first_line[page], self.batch.first_line[page + 1]
        texts, left = self.batch.texts, self.left[begin:end]
        if not self.cuts:
            return "\n".join(compress(texts[begin:end], left.tolist()))
        return "\n".join(self._line(line) for line in (begin + np.flatnonzero(left)).tolist())

    def _line(self, line: int) -> str:
        text = self.batch.texts[line]
        if line not in self.cuts:
            return text
        parts, position = [], 0
        for _, cut in self.cuts[line]:
            parts += [text[position : cut.start], cut.replacement]
            position = cut.end
        return "".join((*parts, text[position:]))

    def _say(self, details: npt.NDArray[np.int32], taken: npt.NDArray[np.int64], said: Mapping[int, str]) -> None:
        for at in taken.tolist() if said else ():
            details[at] = self.details.setdefault(said.get(at, ""), len(self.details))

    def _note(
        self, name: str, values: npt.NDArray[Any], judged: npt.NDArray[np.bool_], taken: npt.NDArray[np.bool_]
    ) -> None:
        if not self._noting:
            return
        rule, threshold = RULE[name], self.threshold(name)
        width = (rule.most - rule.least) / self.BINS
        places = np.clip((values[judged] - rule.least) / width, 0, self.BINS - 1).astype(np.int64)
        histogram = np.bincount(places, minlength=self.BINS)
        self.histograms[name] = self.histograms.get(name, 0) + histogram
        if threshold is None:
            return
        for side in (False, True):
            these = np.flatnonzero(judged & (taken == side))
            if len(these):
                distance = np.abs(values[these] - threshold)
                best = int(these[np.argmin(distance)])
                self.near.setdefault(name, []).append(self._example(rule.unit, best, values[best], threshold, side))

    def _example(self, unit: str, at: int, value: float, threshold: float, removed: bool) -> dict[str, Any]:
        page = at if unit == "page" else int(self.batch.page_of[at])
        begin, end = self.batch.first_line[page : page + 2]
        lines = np.array([at]) if unit == "line" else begin + np.flatnonzero(self.left[begin:end])
        return {
            "doc": self.batch.ids[page],
            "value": round(float(value), 4),
            "distance": round(abs(float(value) - threshold), 4),
            "removed": removed,
            "text": self.batch.excerpt(lines),
        }

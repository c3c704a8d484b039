"""What the other rules leave behind: headings over nothing, and documents of which little is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hagane.clean.page import Role
from hagane.clean.verdicts import Verdicts


def decide_stranded_headings(verdicts: Verdicts) -> None:
    """Rule `stranded_heading`: headings and single signs at the end of an HTML page: what they stood over was not main text."""
    batch = verdicts.batch
    stands = verdicts.left & (batch.columns["role"] != Role.HEADING) & (batch.characters > 1)
    last = np.full(batch.pages, -1)
    np.maximum.at(last, batch.page_of[stands], np.flatnonzero(stands))
    html = ~np.isnan(batch.columns["boilerplate"])
    behind = html & (last[batch.page_of] >= 0) & (np.arange(batch.lines) > last[batch.page_of])
    verdicts.lines("stranded_heading", np.where(behind, 1.0, np.nan))


def decide_mostly_repeated(verdicts: Verdicts, characters_before: npt.NDArray[Any]) -> None:
    """Rule `mostly_repeated`: share of each page that is left once repeated lines went: scraps where it is small, not a text."""
    verdicts.pages("mostly_repeated", verdicts.sums(verdicts.characters) / np.maximum(characters_before, 1))


def decide_empty_headings(verdicts: Verdicts) -> None:
    """Rule `empty_heading`: headings whose text was removed: at the end, or before a heading with a gap between."""
    batch = verdicts.batch
    heading = batch.columns["role"] == Role.HEADING
    value = np.full(batch.lines, np.nan)
    for page in np.unique(batch.page_of[heading & verdicts.left]).tolist():
        begin, end = batch.first_line[page], batch.first_line[page + 1]
        left = begin + np.flatnonzero(verdicts.left[begin:end])
        empty = _empty(left.tolist(), heading[left].tolist())
        if len(empty) < len(left):
            value[empty] = 1.0
    verdicts.lines("empty_heading", value)


def _empty(lines: list[int], heading: list[bool]) -> list[int]:
    empty: list[int] = []
    following: tuple[int, bool] | None = None
    for line, is_heading in zip(reversed(lines), reversed(heading), strict=True):
        if is_heading and (following is None or (following[1] and following[0] > line + 1)):
            empty.append(line)
        else:
            following = line, is_heading
    return empty

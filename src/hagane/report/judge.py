"""What a figure allows one to say. The templates choose their words by these verdicts, never by what was hoped for.

An interval of a difference that holds zero allows no claim; one that does not, allows the claim its sign makes, for better or
for worse. Two intervals of two figures are only told apart when they do not overlap, which is stricter than needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

Verdict = Literal["better", "worse", "unclear", "unknown"]
Interval = Mapping[str, Any]


def of_difference(difference: Interval | None) -> Verdict:
    """Verdict on (this − other), where higher is better."""
    if difference is None:
        return "unknown"
    if difference["low"] > 0:
        return "better"
    return "worse" if difference["high"] < 0 else "unclear"


def of_two(figure: Interval | None, other: Interval | None, *, lower_is_better: bool = False) -> Verdict:
    """Verdict on a figure against another, both with intervals of their own."""
    if figure is None or other is None:
        return "unknown"
    if figure["low"] > other["high"]:
        return "worse" if lower_is_better else "better"
    if figure["high"] < other["low"]:
        return "better" if lower_is_better else "worse"
    return "unclear"


def of_level(figure: Interval | None, level: float | None) -> Verdict:
    """Verdict on a figure with an interval against a fixed level, where higher is better."""
    if figure is None or level is None:
        return "unknown"
    if figure["low"] > level:
        return "better"
    return "worse" if figure["high"] < level else "unclear"


def of_share(share: float | None, n: int | None) -> Interval | None:
    """The 95 % interval of a bare share of `n` cases (Wilson 1927), for stages that tell no interval."""
    if share is None or not n:
        return None
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return {"value": share, "low": max(0.0, middle - half), "high": min(1.0, middle + half), "n": n}


def of_numbers(figure: float | None, other: float | None, *, lower_is_better: bool = False) -> Verdict:
    """Verdict on two bare numbers: equal is unclear."""
    if figure is None or other is None:
        return "unknown"
    if figure == other:
        return "unclear"
    return "better" if (figure < other) == lower_is_better else "worse"

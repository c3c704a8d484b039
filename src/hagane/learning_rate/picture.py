"""A curve in block characters, for the terminal: each column is the mean of its stretch, in eighths of a line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def blocks(values: Sequence[float], *, width: int = 64, height: int = 6) -> list[str]:
    """Lines from top to bottom, each `width` characters or fewer. values: not negative; 0 is the bottom, the largest the top."""
    width = min(width, len(values))
    edges = [round(column * len(values) / width) for column in range(width + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    most = max(means) or 1.0
    filled = [round(mean / most * height * 8) for mean in means]
    return [
        "".join(_EIGHTHS[min(8, max(0, level - 8 * line))] for level in filled).rstrip()
        for line in reversed(range(height))
    ]

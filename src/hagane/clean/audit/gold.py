"""Main text of HTML pages against gold: F1 over the multiset of character 5-grams, blanks left out, mean over pages.

Only what main-text extraction does is measured, before the rules for text. A page counts once, however long; the interval is a
bootstrap over pages.

Cost: reading of the pages; 0.3 us a character for the counting.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from hagane.clean.audit.gold_pages import gold_pages
from hagane.clean.config import Config
from hagane.clean.extract import Thresholds, html_lines, removed

GRAM = 5
_RESAMPLES = 2_000


def f1(text: str, gold: str) -> float:
    """Shared 5-grams against those of both; 1 where neither has any."""
    one, other = (_grams("".join(side.split())) for side in (text, gold))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _grams(text: str) -> Counter[str]:
    return Counter(text[start : start + GRAM] for start in range(len(text) - GRAM + 1))


def gold_figures(sources: Sequence[str], config: Config) -> dict[str, Any]:
    """Pages of these sources → for each kind of page: pages, f1, low, high."""
    limits = (config.boilerplate.threshold, config.outside_main.threshold, config.link_density.threshold)
    thresholds = Thresholds(*(np.nan if limit is None else limit for limit in limits))
    scores: dict[str, list[float]] = defaultdict(list)
    for source in sources:
        for page in gold_pages(source):
            lines = html_lines(page.html)
            rules = removed(lines, thresholds)
            text = "\n".join(line for line, rule in zip(lines.lines, rules, strict=True) if not rule)
            scores[page.kind].append(f1(text, page.gold))
    return {kind: _interval(np.array(values), config.seed) for kind, values in sorted(scores.items())}


def _interval(values: np.ndarray, seed: int) -> dict[str, Any]:
    means = np.random.default_rng(seed).choice(values, (_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {
        "pages": len(values),
        "f1": round(float(values.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }

"""Main text of HTML pages against gold: F1 over the multiset of character 5-grams, blanks left out, mean over pages.

Only what main-text extraction does is measured, before the rules for text. A page counts once, however long; the interval is a
bootstrap over pages. Of the pages of a corpus, the kinds `manual...` are told apart from real sites.

Cost: reading of the pages; 0.3 us a character for the counting.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from hagane.clean.config import Config
from hagane.clean.pages import page_of
from hagane.corpus.document import RawDocument
from hagane.corpus.packed import read_lines
from hagane.errors import DataError

GRAM = 5
_RESAMPLES = 2_000
_MOST_BYTES = 64 << 20


def f1(text: str, gold: str) -> float:
    """Shared 5-grams against those of both; 1 where neither has any."""
    one, other = (_grams("".join(side.split())) for side in (text, gold))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def _grams(text: str) -> Counter[str]:
    return Counter(text[start : start + GRAM] for start in range(len(text) - GRAM + 1))


def gold_figures(path: Path, config: Config) -> dict[str, Any]:
    """Pages of JSON lines with `kind`, `html` and `gold` → sites and manual: pages, f1, low, high.

    Raises `DataError` for a row that has not these.
    """
    thresholds = config.extraction()
    scores: dict[str, list[float]] = defaultdict(list)
    for number, line in read_lines(path, _MOST_BYTES):
        row = orjson.loads(line or b"{}")
        if not {"kind", "html", "gold"} <= row.keys():
            raise DataError("A row needs `kind`, `html` and `gold`.", where=f"{path}:{number}", fix="Give gold pages.")
        page = page_of(RawDocument(str(number), "", "html", row["html"]), thresholds)
        scores["manual" if row["kind"].startswith("manual") else "sites"].append(f1(page.text, row["gold"]))
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

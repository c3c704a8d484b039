"""Rule `advert`: advertisement text, by line and by block.

No single sign tells an advert from prose: 送料 and 人気 stand in prose, prices in news, lists of nouns in statutes. The value is
a logistic function of many weak signs of a line and of its neighbours (`shape.py`), then of the lines around (`chain.py`): words
of shops for the length of the line, prices, decorating marks, many separators, few particles, and a noun that comes again and
again. That last one is worth little alone (in technical prose nouns come again as often) and much beside words of shops or
in an advert's neighbourhood. The length of noun runs told nothing more and was left out; so was morphology.

The weights are a ridge regression (iterated least squares, l2 = 20; lines weighed by the root of their length, text and noise
three to one) on half of: made-up adverts of 45 styles as whole blocks and single lines inside real text, against that text,
literature, statutes, manuals and the main text of news pages. On the other half, with other words, templates and products, a
threshold of 1 finds 91 and 98 % of the characters of two generators, and takes 0.00 % of literature, at most 0.02 % of statutes,
0.00 % of manuals, and 0.2 to 0.3 % of the text in pages that are half noise.

Value: log-odds; removes above its threshold. Cost: that of `line_features`, which `menu` shares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.chain import with_neighbours
from hagane.clean.lines import LineTable
from hagane.clean.shape import Features, log_odds

_WEIGHTS = {
    "bias": -4.32,
    "hiragana": -0.47,
    "particles": -1.41,
    "katakana": 1.64,
    "latin": -0.72,
    "short": -0.69,
    "long": -1.81,
    "stop": 0.57,
    "end_hiragana": 0.26,
    "separated": 0.97,
    "bars": 0.55,
    "list": 0.59,
    "pieces": 0.93,
    "marks": 1.00,
    "prices": 1.27,
    "repeated_shop": 0.46,
    "burst": 1.03,
    "shop": 1.64,
    "shop_share": 1.88,
    "shop_words": 1.55,
    "article": -0.34,
    "markdown": -1.07,
    "near_shop": 1.91,
    "near_prices": 0.28,
    "near_menu": 0.41,
    "near_number": -0.75,
    "near_shop_own": 1.95,
    "near_shop_repeated": 0.70,
}


def measure_advert(table: LineTable, features: Features) -> npt.NDArray[np.float64]:
    """Log-odds of each line of being an advert, given the lines around [lines]; NaN for headings and code."""
    return with_neighbours(log_odds(table, features, _WEIGHTS), table.page_of)

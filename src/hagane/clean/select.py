"""The decisions that need no other page than those of the batch, and the numbers of menus: what is left to be compared.

The second pass takes them to know what text is left, and asks the corpus about it; the third takes them again and goes on from
there. They are cheap, comparisons of stored numbers, so nothing but questions is kept in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.endings import decide_stranded_headings
from hagane.clean.exchange import LATER, Answers
from hagane.clean.language import decide_foreign_text, decide_language
from hagane.clean.measure import MEASURES
from hagane.clean.minhash import band_keys, signatures
from hagane.clean.pages import MAIN_TEXT
from hagane.clean.passages import samples
from hagane.clean.questions import Questions
from hagane.clean.repetition import REPEAT_CHARACTERS, decide_repeated_in_document
from hagane.clean.selection import decide_score
from hagane.clean.verdicts import Verdicts


def decide_pages(batch: Batch, config: Config, menus: Answers) -> Verdicts:
    """Everything up to the comparison of documents with each other."""
    verdicts = Verdicts(batch, config)
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
    measured(name for name in ("contamination",) if name in columns)
    decide_repeated_in_document(verdicts)
    for name, values in batch.page_columns.items():
        verdicts.pages(name, values)
    decide_score(verdicts)
    documents, _, _ = menus.of(columns["menu_key"])
    verdicts.lines("menu_line", documents, where=columns["menu_key"] != 0)
    decide_small(verdicts)
    return verdicts


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


def ask(config: Config, questions: Questions, measured: Path) -> None:
    """Second pass over one batch: put the questions about copies and about lines that stand elsewhere, too."""
    batch = Batch.load(measured)
    if questions.asked(batch.number):
        return
    verdicts = decide_pages(batch, config, questions.menus.answers(batch.number))
    order = order_of(verdicts)
    lines = np.flatnonzero(verdicts.left & (batch.columns["length"] >= REPEAT_CHARACTERS))
    questions.lines.put(batch.number, batch.columns["line_key"][lines], order[batch.page_of[lines]])
    windows, owners, _ = samples(verdicts)
    questions.passages.put(batch.number, windows, order[batch.page_of[owners]])
    alive = np.flatnonzero(verdicts.alive)
    texts = [verdicts.text(page) for page in alive.tolist()]
    marks = signatures(texts)
    keys = np.concatenate((exact_keys(texts)[:, None], band_keys(marks)), axis=1)
    questions.copies.put(batch.number, keys.ravel(), np.repeat(order[alive], keys.shape[1]))
    questions.save_signatures(batch.number, batch.pages, alive, marks)


def exact_keys(texts: list[str]) -> npt.NDArray[np.uint64]:
    """uint64 [texts]: hash of each text without blanks and line ends."""
    return np.array(
        [xxhash.xxh3_64_intdigest("".join(text.split()).encode("utf-8", "surrogatepass")) for text in texts], np.uint64
    )

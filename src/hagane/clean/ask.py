"""Second pass: what is left of a batch is put to the corpus as questions: copies, known lines and passages, templates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.duplicates import exact_keys
from hagane.clean.minhash import band_keys, signatures
from hagane.clean.passages import samples
from hagane.clean.questions import SIGNATURE, Questions
from hagane.clean.repetition import REPEAT_CHARACTERS
from hagane.clean.select import decide_pages, order_of
from hagane.clean.template_pass import Templates


def ask(config: Config, questions: Questions, measured: Path) -> None:
    """Put the questions of one batch."""
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
    rows = np.zeros(batch.pages, SIGNATURE)
    rows["order"], rows["alive"] = order, verdicts.alive
    rows["exact"][alive], rows["marks"][alive] = exact_keys(texts), signatures(texts)
    keys = np.concatenate((rows["exact"][alive][:, None], band_keys(rows["marks"][alive])), axis=1)
    questions.copies.put(batch.number, keys.ravel(), np.repeat(order[alive], keys.shape[1]))
    Templates(questions).ask(verdicts)
    questions.save_signatures(batch.number, rows)

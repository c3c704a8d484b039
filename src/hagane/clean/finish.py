"""Third pass: with the answers of the corpus the last decisions fall; documents, decisions and counts are written.

A part of the corpus (a run of batches) becomes one shard of documents, so that parts are made independently of each other; its
counts are written last and say that it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import xxhash

from hagane.artifact.files import write_json
from hagane.clean.batch import PAGE_BITS, Batch, read_ids, rows_of
from hagane.clean.config import Config
from hagane.clean.counts import Counts
from hagane.clean.decisions import SCHEMA, decision_table
from hagane.clean.endings import decide_empty_headings, decide_mostly_repeated
from hagane.clean.exchange import LATER
from hagane.clean.measure import measured_path
from hagane.clean.passages import decide_repeated_passages
from hagane.clean.personal import decide_personal_data
from hagane.clean.questions import Questions
from hagane.clean.repetition import REPEAT_CHARACTERS
from hagane.clean.select import decide_pages, decide_small, order_of
from hagane.clean.template_pass import Templates
from hagane.clean.verdicts import Verdicts
from hagane.corpus.document import Document
from hagane.corpus.store import DocumentWriter

_PAGE_MASK = (1 << PAGE_BITS) - 1


@dataclass(frozen=True)
class Part:
    """Consecutive batches that become one shard."""

    number: int
    batches: Sequence[int]

    def decisions(self, work: Path) -> Path:
        """Its rows of decisions.parquet."""
        return work / f"decisions-{self.number:05d}.parquet"

    def counts(self, work: Path) -> Path:
        """Its counts; there once the part is done."""
        return work / f"counts-{self.number:05d}.json"


def finish(config: Config, measured: Path, questions: Questions, out: Path, work: Path, part: Part) -> None:
    """Decide, write and count the batches of one part."""
    if part.counts(work).exists():
        return
    copies: npt.NDArray[np.void] = np.load(work / "copies.npy", mmap_mode="r")
    counts = Counts()
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(DocumentWriter(out, split, part.number)) for split in ("train", "heldout")
        }
        rows = stack.enter_context(pq.ParquetWriter(part.decisions(work), SCHEMA, compression="zstd"))
        for number in part.batches:
            batch = Batch.load(measured_path(measured, number))
            verdicts = decide_pages(batch, config, questions.menus.answers(number), noting=True)
            Templates(questions).decide(verdicts)
            kept = _decide_against_corpus(verdicts, questions, copies, measured)
            table = decision_table(verdicts, kept)
            rows.write_table(table)
            counts.batch(verdicts, table)
            if config.keep_measurements:
                verdicts.save(decided_path(out, number))
            for page in np.flatnonzero(verdicts.alive).tolist():
                split = "heldout" if is_heldout(batch.ids[page], config) else "train"
                document = Document(batch.ids[page], batch.sources[page], verdicts.text(page))
                counts.document(split, document)
                writers[split].write(document)
    write_json(part.counts(work), counts.dump())


def decided_path(out: Path, number: int) -> Path:
    """Where the verdicts about batch `number` lie in a cleaning's folder."""
    return out / "decided" / f"{number:06d}.npz"


def _decide_against_corpus(
    verdicts: Verdicts, questions: Questions, copies: npt.NDArray[np.void], measured: Path
) -> dict[int, str]:
    """Copies and known lines, and what they leave; page → id of the document that stays in its place."""
    batch = verdicts.batch
    order, characters = order_of(verdicts), verdicts.sums(verdicts.characters)
    mine = np.array(copies[rows_of(batch.number, copies["document"])])
    pages = (mine["document"] & np.uint64(_PAGE_MASK)).astype(np.int64)
    for rule, exact in (("exact_duplicate", True), ("near_duplicate", False)):
        value = np.full(batch.pages, np.nan)
        chosen = mine["exact"] == exact
        value[pages[chosen]] = mine["similarity"][chosen]
        verdicts.pages(rule, value)
    documents, first, _ = questions.lines.answers(batch.number).of(batch.columns["line_key"])
    elsewhere = (first < order[batch.page_of]) & (batch.columns["length"] >= REPEAT_CHARACTERS) & (first != LATER)
    verdicts.lines("repeated_line", documents, where=elsewhere)
    decide_repeated_passages(verdicts, questions.passages.answers(batch.number), order)
    decide_mostly_repeated(verdicts, characters)
    decide_empty_headings(verdicts)
    decide_small(verdicts)
    decide_personal_data(verdicts)
    return dict(zip(pages.tolist(), _ids(mine["kept"], measured), strict=True))


def _ids(documents: npt.NDArray[np.uint64], measured: Path) -> list[str]:
    """The id of each document, from the batch it is in."""
    batches, places = documents >> np.uint64(PAGE_BITS), documents & np.uint64(_PAGE_MASK)
    ids = {number: read_ids(measured_path(measured, number)) for number in np.unique(batches).tolist()}
    return [ids[number][place] for number, place in zip(batches.tolist(), places.tolist(), strict=True)]


def is_heldout(identity: str, config: Config) -> bool:
    """A pure function of id and seed, so that another document in the corpus moves no document between the splits."""
    return xxhash.xxh3_64_intdigest(identity.encode(), seed=config.seed) < config.heldout_share * 2**64

"""The stage clean: raw pages in, Japanese documents out, and a row for everything that was removed.

Three passes over batches of pages, each a task of its own for any worker, and between them the questions that only the whole
corpus can answer (`exchange`):

1. `measure`: read, find lines and main text, measure every rule on every line;    → how often does a short line stand?
2. `ask`: decide what needs no other document, compare what is left;               → which documents are copies, which lines known?
3. `finish`: decide the rest; write documents, decisions and counts.

Every task leaves a file that is renamed into place, so a killed run goes on where it was, and the result does not depend on the
number of workers. Rules remove lines, and pieces of lines; whole documents go only where the document is what a rule judges:
its language, its words, its length, a copy, a template (DESIGN, law 7).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq

from hagane.artifact.files import read_json, write_json
from hagane.artifact.folder import CHECKPOINTS
from hagane.artifact.progress import PLAIN_EVERY_SECONDS, note, progress
from hagane.artifact.stage import Inputs, Stage
from hagane.clean.ask import ask
from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.counts import Counts
from hagane.clean.decisions import SCHEMA
from hagane.clean.duplicates import find_pairs, resolve
from hagane.clean.engine import Engine, local
from hagane.clean.engine_ray import on_ray
from hagane.clean.exchange import Exchange, reduce_range
from hagane.clean.extras import Extras
from hagane.clean.finish import Part, finish
from hagane.clean.measure import RawBatch, Reading, ask_menus, measure, measured_path, raw_batches
from hagane.clean.questions import Questions
from hagane.clean.template_pass import Templates
from hagane.corpus.read import read_raw, source_fingerprints
from hagane.errors import DataError

MEASURED = "measured"
_PARTS, _PART_BATCHES = 64, (4, 64)
"""A corpus is written in about 64 shards, of at least 4 and at most 64 batches each."""


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Clean `config.sources` into `out`. Raises `DataError` where nothing is read or nothing Japanese is left."""
    out = out.absolute()  # a worker may live in another folder, or on another machine
    measured = out / CHECKPOINTS / MEASURED
    measured.mkdir(parents=True, exist_ok=True)
    with engine_of(config) as engine:
        batches = _measure(config, engine, measured)
        decide(config, engine, measured, batches, out)
    if config.keep_measurements:
        shutil.rmtree(out / MEASURED, ignore_errors=True)
        measured.rename(out / MEASURED)


def engine_of(config: Config) -> AbstractContextManager[Engine]:
    """Where the cleaning runs."""
    if config.engine == "ray" and config.workers != 0:
        return on_ray(config.workers)
    return local(len(os.sched_getaffinity(0)) if config.workers is None else config.workers)


def _measure(config: Config, engine: Engine, measured: Path) -> int:
    """First pass; returns the number of batches."""
    items = read_raw(config.sources, limit=config.max_page_megabytes << 20)
    total = 0

    def todo() -> Iterator[RawBatch]:
        nonlocal total
        for batch in raw_batches(items):
            total = batch.number + 1
            if not measured_path(measured, batch.number).exists():
                yield batch

    extras = Extras.of(config)
    extras.load()
    limits = config.max_page_seconds, config.max_page_memory_megabytes << 20
    read = partial(measure, measured, Reading(*limits, config.second_opinion.ask, extras))
    started = time.monotonic()
    for done, _ in enumerate(engine.map(read, todo()), 1):
        if time.monotonic() - started > PLAIN_EVERY_SECONDS:
            started = time.monotonic()
            note(f"  read and measured {done} batches")
    return total


def decide(config: Config, engine: Engine, measured: Path, batches: int, out: Path) -> None:
    """Second and third pass: from measured batches to documents, decisions.parquet, quarantine.jsonl and summary.json."""
    work = out / CHECKPOINTS / "decide"
    work.mkdir(parents=True, exist_ok=True)
    questions = Questions(work / "questions")
    files = [measured_path(measured, number) for number in range(batches)]
    nobody = np.zeros(0, np.uint64)
    _wait(engine.map(partial(ask_menus, questions.menus), files))
    _reduce(engine, questions.menus, nobody)
    _wait(engine.map(partial(ask, config, questions), files), batches, "copies and menus")
    _find_templates(config, engine, questions, files, out)
    _reduce(engine, questions.copies, nobody)
    copies = resolve(engine.map(partial(find_pairs, config, questions), range(batches)))
    np.save(work / "copies.npy", copies, allow_pickle=False)
    gone = np.ascontiguousarray(copies["document"])
    _reduce(engine, questions.lines, gone)
    _reduce(engine, questions.passages, gone)
    size = min(max(_PART_BATCHES[0], -(-batches // _PARTS)), _PART_BATCHES[1])
    parts = [
        Part(number, range(begin, min(begin + size, batches))) for number, begin in enumerate(range(0, batches, size))
    ]
    _wait(engine.map(partial(finish, config, measured, questions, out, work), parts), len(parts), "documents")
    _write_books(config, parts, files, out, work)


def _find_templates(config: Config, engine: Engine, questions: Questions, files: list[Path], out: Path) -> None:
    """Which documents follow a template, and templates.jsonl."""
    templates, nobody = Templates(questions), np.zeros(0, np.uint64)
    _reduce(engine, questions.skeletons, nobody)
    _reduce(engine, questions.windows, nobody)
    _wait(engine.map(templates.ask_pairs, range(len(files))))
    _reduce(engine, questions.pairs, nobody)
    members = templates.group(engine.map(templates.link, range(len(files))))
    characters = sum(engine.map(partial(templates.gather, config, members), files))
    parts = templates.parts(members, characters)
    _wait(engine.map(partial(templates.judge, config), parts), len(parts), "templates")
    templates.store(len(parts), out)


def _reduce(engine: Engine, exchange: Exchange, without: np.ndarray[Any, Any]) -> None:
    _wait(engine.map(partial(reduce_range, without), exchange.ranges()))


def _wait(results: Iterable[None], total: int = 0, label: str = "") -> None:
    """Have all tasks done, and show how many of `total` are where that is given."""
    with progress(total, label) if total else nullcontext() as shown:
        for done, _ in enumerate(results, 1):
            if shown is not None:
                shown.update(done)


def _write_books(config: Config, parts: list[Part], files: list[Path], out: Path, work: Path) -> None:
    counts = Counts()
    for part in parts:
        counts.add(read_json(part.counts(work)))
    summary = counts.summary(config)
    write_json(out / "summary.json", summary)
    with pq.ParquetWriter(out / "decisions.parquet", SCHEMA, compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(part.decisions(work)))
    _write_quarantine(files, out)
    _refuse_nothing(config, summary)
    characters, documents = summary["characters"], summary["documents"]
    note(
        f"  kept {documents['kept']} of {documents['read']} documents, "
        f"{characters['kept']} of {characters['text']} characters; held out {summary['splits']['heldout']['documents']} documents"
    )


def _write_quarantine(files: list[Path], out: Path) -> None:
    with (out / "quarantine.jsonl").open("wb") as file:
        for path in files:
            for item in Batch.load(path).quarantined:
                row = {"id": item.id, "source": item.source, "reason": item.reason, "detail": item.detail}
                file.write(orjson.dumps(row) + b"\n")


def _refuse_nothing(config: Config, summary: dict[str, Any]) -> None:
    read, quarantined = summary["documents"]["read"], summary["quarantined"]
    where = ", ".join(config.sources)
    if not read:
        found = ", ".join(f"{reason} {count}" for reason, count in quarantined.items()) or "no files"
        raise DataError(f"The corpus is empty: {found}.", where=where, fix="Give sources with pages to read.")
    if not summary["splits"]["train"]["documents"]:
        reasons = {
            name: rule["documents"]
            for name, rule in summary["rules"].items()
            if rule["action"] == "remove_document" and rule["documents"]
        }
        counted = ", ".join(f"{name} {count}" for name, count in {**reasons, **quarantined}.items())
        raise DataError(
            f"No Japanese document is left of {read}: {counted or 'all lines were removed'}.",
            where=where,
            fix="Give pages in Japanese; `language`, `little_japanese` and `too_short` set what counts.",
        )


def _fingerprint(config: Config) -> dict[str, str]:
    """What was read, and the files that decide as much as a setting does; one that is missing is told when it is loaded."""
    named = [config.hojichar.profile, *config.contamination.benchmarks.values(), config.score.model]
    return source_fingerprints([*config.sources, *(path for path in named if path and Path(path).exists())])


STAGE = Stage(
    name="clean",
    title="クリーニング: ページから日本語の本文へ / cleaning: from pages to Japanese text",
    config=Config,
    inputs={},
    run=run,
    produces="documents",
    positional="sources",
    fingerprint=_fingerprint,
)

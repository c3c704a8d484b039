"""The stage clean: raw pages in, Japanese documents out, and a row for everything that was removed.

Three passes over a file of pages between them, so that memory holds a batch of pages, 8 bytes a line and 512 bytes a document:

1. page by page: main text, normal form, language, code, notices, adverts, lists, repetition inside the document;
2. with line frequencies of the whole corpus: menu lines, then a hash and a MinHash signature of what is left;
3. with the duplicates known: copies go, lines that earlier documents had go, what became too short goes; train and held-out.

Rules remove lines; whole documents go only where they are not Japanese, a copy, or too short (DESIGN, law 7).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from hagane.artifact.files import write_json
from hagane.artifact.progress import note, progress
from hagane.artifact.stage import Inputs, Stage
from hagane.clean.config import Config
from hagane.clean.duplicates import Duplicate, find_duplicates
from hagane.clean.endings import remove_empty_headings, remove_mostly_repeated, remove_small_document
from hagane.clean.frequency import LineFrequency
from hagane.clean.language import remove_code, remove_foreign_documents, remove_foreign_text
from hagane.clean.minhash import signatures
from hagane.clean.noun_list import remove_noun_lists
from hagane.clean.page import Page
from hagane.clean.pages import page_of
from hagane.clean.repetition import remove_repeated_lines, remove_self_repetition
from hagane.clean.spill import Spill
from hagane.clean.tally import Tally
from hagane.clean.wording import (
    remove_breadcrumbs,
    remove_broken_characters,
    remove_marked_adverts,
    remove_notices,
    remove_shop_words,
    remove_tag_lines,
)
from hagane.corpus.document import Document, Quarantined
from hagane.corpus.read import read_raw, source_fingerprints
from hagane.corpus.store import DocumentWriter
from hagane.errors import DataError

_BATCH_CHARACTERS = 1_000_000
"""Characters of text in one batch of pages: large enough for numpy, small enough for memory."""


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Clean `config.sources` into `out`. Raises `DataError` where nothing is read or nothing Japanese is left."""
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    tally = Tally(out)
    frequency = LineFrequency(config.menu_characters)
    with Spill(work / "pages.arrow") as first:
        for pages in _batches(config, tally):
            _page_rules(pages, config)
            for page in pages:
                tally.take(page)
                frequency.add(page)
            first.write([page for page in pages if page.lines])
    _refuse_nothing(config, tally, first.pages)
    copies = _corpus_rules(first, Spill(work / "candidates.arrow"), frequency, tally, config)
    splits = _write(Spill(work / "candidates.arrow"), copies, frequency, tally, config, out)
    tally.close()
    shutil.rmtree(work)
    summary = _summary(tally, splits)
    write_json(out / "summary.json", summary)
    if not splits["train"]["documents"]:
        raise _nothing_left(summary)
    characters = summary["characters"]
    note(
        f"  kept {summary['documents']['kept']} of {summary['documents']['read']} documents, "
        f"{characters['kept']} of {characters['text']} characters; held out {splits['heldout']['documents']} documents"
    )


def _batches(config: Config, tally: Tally) -> Iterator[list[Page]]:
    """Pages with their main text, in batches."""
    pages: list[Page] = []
    characters = 0
    named: set[str] = set()
    for item in read_raw(config.sources, limit=config.max_page_megabytes << 20):
        if item.source not in named:
            named.add(item.source)
            note(f"  reading {item.source}")
        if isinstance(item, Quarantined):
            tally.quarantine(item)
            continue
        page = page_of(item, config.extraction())
        removed = sum(decision.characters for decision in page.decisions)
        tally.read(page, len(item.content), page.characters + removed)
        pages.append(page)
        characters += page.characters
        if characters >= _BATCH_CHARACTERS:
            yield pages
            pages, characters = [], 0
    if pages:
        yield pages


def _page_rules(pages: Sequence[Page], config: Config) -> None:
    """The rules that need no more than the page."""
    remove_broken_characters(pages)
    remove_foreign_documents(pages, config.min_kana)
    remove_code(pages, config.code_share)
    remove_foreign_text(pages, config.foreign_share, config.foreign_run)
    remove_notices(pages, config.notice_characters)
    remove_marked_adverts(pages, config.notice_characters)
    remove_breadcrumbs(pages)
    remove_tag_lines(pages, config.notice_characters)
    remove_shop_words(pages, config.advert_words)
    remove_noun_lists(pages, config.noun_list_hiragana)
    remove_self_repetition(pages, config.self_repetition)
    remove_repeated_lines(pages, config.repeat_characters)


def _corpus_rules(
    before: Spill, after: Spill, frequency: LineFrequency, tally: Tally, config: Config
) -> dict[int, Duplicate]:
    """Menu lines, and which of the pages written to `after` are copies of an earlier one."""
    hashes: list[int] = []
    rows = []
    with after, progress(before.pages, "menus and copies") as shown:
        for pages in before.read():
            for page in pages:
                frequency.remove_menu_lines(page, config.menu_documents)
                remove_small_document(page, config.min_characters, config.min_japanese)
                tally.take(page)
            left = [page for page in pages if page.lines]
            if left:
                hashes += [
                    xxhash.xxh3_64_intdigest("".join(page.text.split()).encode("utf-8", "surrogatepass"))
                    for page in left
                ]
                rows.append(signatures([page.text for page in left]))
                after.write(left)
            shown.update(after.pages)
    if not rows:
        return {}
    return find_duplicates(np.array(hashes, np.uint64), np.concatenate(rows), config.near_duplicate)


def _write(
    spill: Spill, copies: dict[int, Duplicate], frequency: LineFrequency, tally: Tally, config: Config, out: Path
) -> dict[str, dict[str, int]]:
    """Remove copies and known lines, and write what is left as train and held-out documents."""
    names = [page.id for pages in spill.read() for page in pages] if copies else []
    with DocumentWriter(out, "train") as train, DocumentWriter(out, "heldout") as heldout:
        for long_ones in (False, True):
            for number, page in enumerate(page for pages in spill.read() for page in pages):
                characters = page.characters
                if (characters > config.long_document) != long_ones:
                    continue
                copy = copies.get(number)
                if copy is not None:
                    rule, threshold = (
                        ("exact_duplicate", 1.0) if copy.exact else ("near_duplicate", config.near_duplicate)
                    )
                    page.remove(rule, round(copy.similarity, 4), threshold, names[copy.kept])
                else:
                    frequency.remove_known_lines(page, config.repeat_characters)
                    remove_mostly_repeated(page, characters, config.min_new)
                    remove_empty_headings(page)
                    remove_small_document(page, config.min_characters, config.min_japanese)
                tally.take(page)
                if page.lines:
                    tally.kept(page, page.characters)
                    writer = heldout if _is_heldout(page.id, config) else train
                    writer.write(Document(page.id, page.source, page.text))
    return {
        "train": {"documents": train.documents, "characters": train.characters},
        "heldout": {"documents": heldout.documents, "characters": heldout.characters},
    }


def _is_heldout(identity: str, config: Config) -> bool:
    """A pure function of id and seed, so that another document in the corpus moves no document between the splits."""
    return xxhash.xxh3_64_intdigest(identity.encode(), seed=config.seed) < config.heldout_share * 2**64


def _summary(tally: Tally, splits: dict[str, dict[str, int]]) -> dict[str, Any]:
    sources = {}
    for name, counts in tally.sources.items():
        removed = {
            key.removeprefix("removed_"): value for key, value in sorted(counts.items()) if key.startswith("removed_")
        }
        plain = (
            "documents_read",
            "documents_kept",
            "quarantined",
            "characters_raw",
            "characters_text",
            "characters_kept",
        )
        sources[name] = {**{key: counts[key] for key in plain}, "characters_removed": removed}

    def total(key: str) -> int:
        return sum(int(counts[key]) for counts in tally.sources.values())

    return {
        "documents": {"read": total("documents_read"), "kept": total("documents_kept")},
        "characters": {
            "raw": total("characters_raw"),
            "text": total("characters_text"),
            "kept": total("characters_kept"),
        },
        "splits": splits,
        "sources": sources,
        "rules": {name: rule.summary() for name, rule in tally.rules.items()},
        "quarantined": dict(sorted(tally.quarantined.items())),
    }


def _refuse_nothing(config: Config, tally: Tally, pages: int) -> None:
    if not any(counts["documents_read"] for counts in tally.sources.values()):
        found = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.quarantined.items())) or "no files"
        raise DataError(
            f"The corpus is empty: {found}.", where=", ".join(config.sources), fix="Give sources with pages to read."
        )
    if not pages:
        raise _nothing_left(_summary(tally, {}))


def _nothing_left(summary: dict[str, Any]) -> DataError:
    reasons = {
        name: rule["documents"] for name, rule in summary["rules"].items() if rule["action"] == "remove_document"
    }
    counted = ", ".join(f"{name} {count}" for name, count in {**reasons, **summary["quarantined"]}.items())
    return DataError(
        f"No Japanese document is left of {summary['documents']['read']}: {counted or 'all lines were removed'}.",
        where=", ".join(summary["sources"]),
        fix="Give pages in Japanese; `min_kana`, `min_japanese` and `min_characters` set what counts.",
    )


STAGE = Stage(
    name="clean",
    title="クリーニング: ページから日本語の本文へ / cleaning: from pages to Japanese text",
    config=Config,
    inputs={},
    run=run,
    produces="documents",
    positional="sources",
    fingerprint=lambda config: source_fingerprints(config.sources),
)

"""First pass: pages are read into lines, and every rule measures every line.

No threshold is known here. What is measured goes to one file a batch (`Batch`), from which all later passes and every replay start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from hagane.clean.advert import measure_advert
from hagane.clean.batch import Batch
from hagane.clean.contamination import measure_contamination
from hagane.clean.exchange import Exchange
from hagane.clean.extract import Thresholds
from hagane.clean.extras import Extras
from hagane.clean.guard import Overrun, guarded
from hagane.clean.hojichar import Judge
from hagane.clean.language import measure_code, measure_kana
from hagane.clean.lines import LineTable
from hagane.clean.menu import may_recur, measure_menu
from hagane.clean.noun_list import measure_noun_list
from hagane.clean.page import Page
from hagane.clean.pages import MAIN_TEXT, page_of
from hagane.clean.personal import measure_personal_data
from hagane.clean.repetition import measure_self_repetition
from hagane.clean.rules import RULE
from hagane.clean.second_opinion import SecondOpinion
from hagane.clean.selection import measure_score
from hagane.clean.shape import line_features
from hagane.clean.statistics import measure_decoration, measure_mojibake, measure_same_letter
from hagane.clean.wording import (
    measure_advert_mark,
    measure_breadcrumb,
    measure_broken_characters,
    measure_copyright_line,
    measure_tag_line,
)
from hagane.clean.words import CATEGORIES, measure_words
from hagane.corpus.document import Quarantined, RawDocument

_BATCH_CHARACTERS = 1_000_000
"""Characters of text in one batch of pages: large enough for numpy, small enough for memory."""
_MARKUP = 4
"""Characters of HTML that count as one of text."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_DIGITS = re.compile(r"[0-9]+")
NO_EXTRAS = Extras()

MEASURES: dict[str, Callable[[LineTable], npt.NDArray[np.float64]]] = {
    "broken_characters": measure_broken_characters,
    "code": measure_code,
    "copyright_line": measure_copyright_line,
    "advert_mark": measure_advert_mark,
    "breadcrumb": measure_breadcrumb,
    "tag_line": measure_tag_line,
    "noun_list": measure_noun_list,
    "self_repetition": measure_self_repetition,
    "mojibake": measure_mojibake,
    "decoration": measure_decoration,
    "same_letter": measure_same_letter,
    "personal_data": measure_personal_data,
}


@dataclass(frozen=True)
class RawBatch:
    """What one task of the first pass reads: pages and what was quarantined between them, in order."""

    number: int
    items: Sequence[RawDocument | Quarantined]


def raw_batches(items: Iterable[RawDocument | Quarantined]) -> Iterator[RawBatch]:
    """The corpus in batches; the same however many workers there are."""
    number, size = 0, 0
    batch: list[RawDocument | Quarantined] = []
    for item in items:
        batch.append(item)
        if isinstance(item, RawDocument):
            size += len(item.content) // (_MARKUP if item.kind == "html" else 1)
        if size >= _BATCH_CHARACTERS or len(batch) >= 4096:
            yield RawBatch(number, batch)
            number, size, batch = number + 1, 0, []
    if batch:
        yield RawBatch(number, batch)


def measured_path(folder: Path, number: int) -> Path:
    """Where batch `number` lies in a folder of measured batches."""
    return folder / f"{number:06d}.arrow"


@dataclass(frozen=True)
class Reading:
    """How pages are read: a page that needs more than the limits is quarantined."""

    seconds: float
    memory: int
    """Bytes."""
    second_opinion: bool = False
    """Ask trafilatura where the main text of a page is unsure."""
    extras: Extras = NO_EXTRAS
    """With a HojiChar chain that judges the pages; one on which it fails is quarantined."""


def measure(measured: Path, reading: Reading, batch: RawBatch) -> None:
    """Read and measure the pages of one batch into `measured`."""
    pages, quarantined = read_pages(reading, batch)
    measure_pages(batch.number, pages, quarantined, reading.extras).save(measured_path(measured, batch.number))


def read_pages(reading: Reading, batch: RawBatch) -> tuple[list[Page], list[Quarantined]]:
    """The pages of a batch, and what could not be read."""
    with SecondOpinion() if reading.second_opinion else nullcontext() as opinion:
        return _read(reading, opinion, batch)


def _read(reading: Reading, opinion: SecondOpinion | None, batch: RawBatch) -> tuple[list[Page], list[Quarantined]]:
    pages, quarantined = [], []
    read = partial(_page_or_not, reading.extras.judge, opinion)
    seconds, memory = reading.seconds, reading.memory
    for item in batch.items:
        found = item if isinstance(item, Quarantined) else guarded(read, item, seconds=seconds, memory=memory)
        if isinstance(found, Page):
            pages.append(found)
        elif isinstance(found, Overrun):
            quarantined.append(Quarantined(item.id, item.source, found.reason, found.detail))
        else:
            quarantined.append(found)
    return pages, quarantined


def _page_or_not(judge: Judge | None, opinion: SecondOpinion | None, raw: RawDocument) -> Page | Quarantined:
    page = page_of(raw, opinion)
    if judge is None:
        return page
    verdict = judge(["\n".join(_main_lines(page))])[0]
    if verdict.error:
        return Quarantined(raw.id, raw.source, "hojichar", verdict.error)
    return replace(page, verdict=verdict)


def _main_lines(page: Page) -> Iterable[str]:
    """What the extraction takes for main text by its own thresholds, whatever the recipe's; all of a page that is no HTML."""
    if "boilerplate" not in page.values:
        return page.lines
    limits = Thresholds()
    gone = RULE["boilerplate"].removes(page.values["boilerplate"], limits.protect)
    gone |= RULE["outside_main"].removes(page.values["outside_main"], limits.main_share)
    gone |= RULE["link_density"].removes(page.values["link_density"], limits.link_density)
    return compress(page.lines, (~gone).tolist())


def measure_pages(
    number: int, pages: Sequence[Page], quarantined: Sequence[Quarantined] = (), extras: Extras = NO_EXTRAS
) -> Batch:
    """What every rule measures on these pages."""
    table = LineTable.of(pages)
    verdicts = [page.verdict for page in pages]
    features = line_features(table)
    line_key, menu_key = _line_keys(table, may_recur(table, features))
    columns: dict[str, npt.NDArray[np.generic]] = {
        "role": table.roles,
        "length": table.length.astype(np.int32),
        "japanese": table.japanese.astype(np.int32),
        "kana": measure_kana(table).astype(np.int32),
        "line_key": line_key,
        "menu_key": menu_key,
        "advert": measure_advert(table, features).astype(np.float32),
        "menu": measure_menu(table, features).astype(np.float32),
    }
    for name in MAIN_TEXT:
        columns[name] = np.concatenate(
            [np.zeros(0), *(page.values.get(name, np.full(len(page.lines), np.nan)) for page in pages)],
            dtype=np.float32,
        )
    for name, measure_rule in MEASURES.items():
        columns[name] = measure_rule(table).astype(np.float32)
    details = {"hojichar": {number: said.reason for number, said in enumerate(verdicts) if said and said.rejected}}
    if extras.sought is not None:
        values, details["contamination"] = measure_contamination(table, extras.sought)
        columns["contamination"] = values.astype(np.float32)
    if extras.model is not None:
        columns["score"] = measure_score(table, extras.model).astype(np.float32)
    return Batch(
        number=number,
        names={
            name: pa.array([getattr(page, name) for page in pages], pa.string()) for name in ("id", "source", "site")
        },
        raw_characters=np.array([page.raw_characters for page in pages], np.int64),
        first_line=table.first_line,
        page_columns={
            **{
                f"{category}_words": values.astype(np.float32)
                for category, values in zip(CATEGORIES, measure_words(table), strict=True)
            },
            "hojichar": np.array([said.rejected if said else np.nan for said in verdicts], np.float32),
        },
        text_array=pa.array(table.texts, pa.large_string()),
        columns=columns,
        quarantined=quarantined,
        details=details,
    )


def _line_keys(table: LineTable, asked: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """64-bit hashes of each line without blanks: as it is, and, where it may be a menu entry (else 0), with all numbers equal."""
    packed = [text.replace(" ", "") for text in table.texts]
    hashes = np.array([_hash(text) for text in packed], np.uint64)
    menus = np.where(asked, hashes, np.uint64(0))
    digits = table.sums((table.codepoints >= ord("0")) & (table.codepoints <= ord("9")))
    for line in np.flatnonzero(asked & (digits > 0)).tolist():
        menus[line] = _hash(_DIGITS.sub("0", packed[line]))
    return hashes, menus


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def ask_menus(exchange: Exchange, measured: Path) -> None:
    """Put the question how many documents, of the corpus and of the site, each possible menu line of a batch stands in."""
    batch = Batch.load(measured)
    keys = batch.columns["menu_key"]
    asked = keys != 0
    sites, on_site = site_keys(batch)
    lines, pages = batch.documents()[batch.page_of[asked]], batch.documents()
    exchange.put(
        batch.number, np.concatenate((keys[asked], on_site[asked], sites)), np.concatenate((lines, lines, pages))
    )


def site_keys(batch: Batch) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """uint64 [pages] and [lines]: of the pages of a site, and of those of them that have the line."""
    sites = np.array([_hash(site) for site in batch.sites], np.uint64)
    return sites, (batch.columns["menu_key"] ^ sites[batch.page_of]) * _ODD

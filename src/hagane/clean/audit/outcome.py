"""The stage, run as a user runs it, and what it did to each character of each page.

Only what the stage writes is read: `documents/` and `decisions.parquet`. Spans are laid over the page's own text (its lines in
normal form); an excerpt that does not fit is an error, for then every figure would be wrong.

Cost: the stage, and 2 bytes a character.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq

from hagane.clean.config import Config
from hagane.clean.page import Page as PageLines
from hagane.clean.pages import page_of
from hagane.clean.stage import STAGE
from hagane.corpus.document import RawDocument
from hagane.corpus.store import read_documents
from hagane.errors import DataError

KEPT = 0


@dataclass(frozen=True)
class Outcome:
    """What became of one page of plain text."""

    page: PageLines
    """Its lines and roles before any rule."""
    removed_by: npt.NDArray[np.int16]
    """[characters of the page's text]: 0 where kept, else 1 + the number of the rule that took it."""

    @property
    def text(self) -> str:
        """What spans of decisions count in."""
        return "\n".join(self.page.lines)

    @property
    def characters(self) -> int:
        """Characters of the page's lines."""
        return sum(map(len, self.page.lines))

    def lines(self) -> Iterator[npt.NDArray[np.int16]]:
        """`removed_by` of each line, without line ends."""
        start = 0
        for line in self.page.lines:
            yield self.removed_by[start : start + len(line)]
            start += len(line) + 1


@dataclass(frozen=True)
class Run:
    """One run of the stage over plain texts and HTML pages, each in the order it was given."""

    rules: list[str]
    texts: list[Outcome]
    html: list[list[str]]
    """Lines that are left of each HTML page."""
    decided: list[Counter[str]]
    """Of each plain text: rule → characters that it decided about, whatever the action."""


def run_stage(texts: Sequence[str], html: Sequence[str], config: Config) -> Run:
    """Clean these pages as one corpus with the settings of `config`.

    Raises what the stage raises, and `DataError` where decisions do not fit the text.
    """
    with tempfile.TemporaryDirectory() as name:
        corpus, out = Path(name) / "corpus", Path(name) / "out"
        (corpus / "html").mkdir(parents=True)
        out.mkdir()
        rows = (orjson.dumps({"id": str(number), "text": text}) + b"\n" for number, text in enumerate(texts))
        (corpus / "texts.jsonl").write_bytes(b"".join(rows))
        for number, page in enumerate(html):
            (corpus / "html" / f"{number}.html").write_text(page, encoding="utf-8")
        STAGE.run(config.model_copy(update={"sources": [str(corpus)], "heldout_share": 0.0}), {}, out)
        left = {document.id: document.text.split("\n") for document in read_documents(out)}
        decisions = pq.read_table(out / "decisions.parquet").to_pylist()
    rules = sorted({row["rule"] for row in decisions})
    pages = [page_of(RawDocument(str(number), "", "text", text)) for number, text in enumerate(texts)]
    outcomes = [Outcome(page, np.zeros(len("\n".join(page.lines)), np.int16)) for page in pages]
    decided: list[Counter[str]] = [Counter() for _ in texts]
    # What took a whole document took only what was left of it: spans come first.
    for row in sorted(decisions, key=lambda row: row["action"] == "remove_document"):
        file, _, number = row["doc"].rpartition(":")
        if not file.endswith("texts.jsonl"):
            continue
        decided[int(number)][row["rule"]] += row["characters"]
        if row["action"].startswith("remove"):
            _take(outcomes[int(number)], row, rules.index(row["rule"]) + 1)
    return Run(rules, outcomes, [left.get(f"corpus/html/{number}.html", []) for number in range(len(html))], decided)


def _take(outcome: Outcome, row: Mapping[str, Any], number: int) -> None:
    span = slice(row["span_start"], row["span_end"])
    if row["action"] == "remove_span" and not outcome.text[span].startswith(row["text"][:20]):
        raise DataError(
            f"The span of a decision holds {outcome.text[span][:20]!r}, its excerpt {row['text'][:20]!r}.",
            where=f"decisions.parquet: {row['doc']}, rule {row['rule']}",
            fix="Report it: spans must be those of the page's text.",
        )
    taken = outcome.removed_by[span]
    taken[taken == KEPT] = number

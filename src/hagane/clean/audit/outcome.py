"""The stage, run as a user runs it, and what it did to each character of each page.

Only what the stage writes is read: the lines of the pages from `measured/`, what became of them from `decisions.parquet`. An
excerpt that does not fit its span is an error, for then every figure would be wrong.

Cost: the stage, and 2 bytes a character.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq

from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.page import Role
from hagane.clean.stage import MEASURED, STAGE
from hagane.errors import DataError

KEPT = 0


@dataclass(frozen=True)
class Outcome:
    """What became of one page."""

    lines: list[str]
    """Its lines in normal form, before any rule; none where the page was quarantined."""
    roles: list[Role]
    removed_by: npt.NDArray[np.int16]
    """[characters of the lines joined by newlines]: `KEPT`, or 1 + the number of the rule that took it."""
    decided: Counter[str] = field(default_factory=Counter)
    """Rule → characters that it decided about, whatever the action."""

    @classmethod
    def of(cls, lines: list[str], roles: list[Role]) -> Outcome:
        """A page of which nothing is removed yet."""
        return cls(lines, roles, np.zeros(max(sum(map(len, lines)) + len(lines) - 1, 0), np.int16))

    def by_line(self) -> Iterator[tuple[str, Role, npt.NDArray[np.int16]]]:
        """Each line with its role and `removed_by` of its characters."""
        start = 0
        for line, role in zip(self.lines, self.roles, strict=True):
            yield line, role, self.removed_by[start : start + len(line)]
            start += len(line) + 1


@dataclass(frozen=True)
class Run:
    """One run of the stage over plain texts and HTML pages, each in the order it was given."""

    rules: list[str]
    texts: list[Outcome]
    html: list[Outcome]


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
        changed = {"sources": [str(corpus)], "heldout_share": 0.0, "keep_measurements": True}
        STAGE.run(config.model_copy(update=changed), {}, out)
        outcomes = dict(_pages(out / MEASURED))
        decisions = pq.read_table(out / "decisions.parquet").to_pylist()
    rules = sorted({row["rule"] for row in decisions})
    # What took a whole document took only what was left of it: spans come first.
    for row in sorted(decisions, key=lambda row: bool(row["action"] == "remove_document")):
        outcome = outcomes[row["doc"]]
        outcome.decided[row["rule"]] += row["characters"]
        if row["action"].startswith("remove"):
            _take(outcome, row, rules.index(row["rule"]) + 1)
    nothing = Outcome.of([], [])
    return Run(
        rules,
        [outcomes.get(f"corpus/texts.jsonl:{number}", nothing) for number in range(len(texts))],
        [outcomes.get(f"corpus/html/{number}.html", nothing) for number in range(len(html))],
    )


def _pages(measured: Path) -> Iterator[tuple[str, Outcome]]:
    for path in sorted(measured.glob("*.arrow")):
        batch = Batch.load(path)
        roles = [Role(role) for role in batch.columns["role"].tolist()]
        for page, name in enumerate(batch.ids):
            lines = slice(*batch.first_line[page : page + 2].tolist())
            yield name, Outcome.of(batch.texts[lines], roles[lines])


def _take(outcome: Outcome, row: Mapping[str, Any], number: int) -> None:
    span = slice(row["span_start"], row["span_end"])
    if row["action"] == "remove_span":
        text = "\n".join(outcome.lines)[span]
        if not text.startswith(row["text"]):
            raise DataError(
                f"The span of a decision holds {text[:20]!r}, its excerpt is {row['text'][:20]!r}.",
                where=f"decisions.parquet: {row['doc']}, rule {row['rule']}",
                fix="Report it: spans must be those of the page's text.",
            )
    taken = outcome.removed_by[span]
    taken[taken == KEPT] = number

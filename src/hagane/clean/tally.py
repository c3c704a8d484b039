"""The books of a cleaning: every decision a row of decisions.parquet, every count in summary.json.

Characters are counted line by line, without line ends, so that what went in is what came out plus what the rules removed.
Examples for the report are chosen by hash, not the first that come: one rule removes alike things in a row.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from hagane.clean.page import Decision, Page
from hagane.corpus.document import Quarantined

EXAMPLES = 3
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("doc", pa.string()),
    ("source", pa.string()),
    ("line", pa.int32()),
    ("span_start", pa.int64()),
    ("span_end", pa.int64()),
    ("rule", pa.string()),
    ("value", pa.float64()),
    ("threshold", pa.float64()),
    ("action", pa.string()),
    ("kept", pa.string()),
    ("characters", pa.int64()),
    ("text", pa.string()),
]
_SCHEMA = pa.schema(_COLUMNS)
_ROWS = 16_384


@dataclass
class RuleTally:
    """What one rule removed."""

    threshold: float
    action: str
    spans: int = 0
    characters: int = 0
    documents: int = 0
    examples: list[tuple[int, Decision]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """As it stands in summary.json."""
        names = ("doc", "source", "line", "value", "kept", "text")
        examples = [
            {name: getattr(decision, name) for name in names}
            for _, decision in sorted(self.examples, key=lambda pair: -pair[0])
        ]
        return {
            "action": self.action,
            "threshold": self.threshold,
            "decisions": self.spans,
            "documents": self.documents,
            "characters": self.characters,
            "examples": examples,
        }


class Tally:
    """Writes decisions and quarantine as they come, and counts."""

    def __init__(self, out: Path) -> None:
        self._decisions = pq.ParquetWriter(out / "decisions.parquet", _SCHEMA, compression="zstd")
        self._rows: list[Decision] = []
        self._quarantine = (out / "quarantine.jsonl").open("wb")
        self.quarantined: Counter[str] = Counter()
        self.rules: dict[str, RuleTally] = {}
        self.sources: dict[str, Counter[str]] = defaultdict(Counter)

    def quarantine(self, item: Quarantined) -> None:
        """Count and write one page that is left out as a whole."""
        self.quarantined[item.reason] += 1
        self.sources[item.source]["quarantined"] += 1
        row = {"id": item.id, "source": item.source, "reason": item.reason, "detail": item.detail}
        self._quarantine.write(orjson.dumps(row) + b"\n")

    def read(self, page: Page, raw_characters: int, text_characters: int) -> None:
        """Count a page that was read: its raw characters, and those of its text before any rule."""
        counts = self.sources[page.source]
        counts["documents_read"] += 1
        counts["characters_raw"] += raw_characters
        counts["characters_text"] += text_characters

    def kept(self, page: Page, characters: int) -> None:
        """Count a document that came out."""
        counts = self.sources[page.source]
        counts["documents_kept"] += 1
        counts["characters_kept"] += characters

    def take(self, page: Page) -> None:
        """Write the decisions of a page and empty its list."""
        for rule in dict.fromkeys(decision.rule for decision in page.decisions):
            mine = [decision for decision in page.decisions if decision.rule == rule]
            tally = self.rules.setdefault(rule, RuleTally(mine[0].threshold, mine[0].action))
            tally.documents += 1
            tally.spans += len(mine)
            tally.characters += sum(decision.characters for decision in mine)
            for decision in mine:
                self._example(tally, decision)
        for decision in page.decisions:
            self.sources[decision.source][f"removed_{decision.rule}"] += decision.characters
        self._rows += page.decisions
        page.decisions = []
        if len(self._rows) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is left and close the files."""
        self._flush()
        self._decisions.close()
        self._quarantine.close()

    @staticmethod
    def _example(tally: RuleTally, decision: Decision) -> None:
        if decision.characters < 12 and tally.examples:
            return
        key = -xxhash.xxh3_64_intdigest(f"{decision.doc}:{decision.span_start}".encode())
        entry = (key, decision)
        if len(tally.examples) < EXAMPLES:
            heapq.heappush(tally.examples, entry)
        elif key > tally.examples[0][0]:
            heapq.heapreplace(tally.examples, entry)

    def _flush(self) -> None:
        if self._rows:
            columns = {name: [getattr(row, name) for row in self._rows] for name in _SCHEMA.names}
            self._decisions.write_table(pa.table(columns, schema=_SCHEMA))
            self._rows = []

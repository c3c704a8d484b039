"""The books of a cleaning: counts by rule and source, histograms of values, examples; kept a part at a time and added up.

Characters are counted without line ends, so that what went in is what came out plus what the rules removed; `summary` checks it.
Examples are chosen by hash, not the first that come: one rule removes alike things in a row.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from hagane.clean.config import Config
from hagane.clean.rules import RULES, Rule
from hagane.clean.verdicts import Verdicts
from hagane.corpus.document import Document
from hagane.errors import DataError

EXAMPLES = 3
_SHORT = 12
"""Spans shorter than this are shown only where there is nothing longer."""
_EXAMPLE = ("doc", "source", "line", "value", "kept", "detail", "text")


class Counts:
    """Adds up batches; `dump` and `add` carry the counts of a part to the process that adds the parts."""

    def __init__(self) -> None:
        self.sources: dict[str, Counter[str]] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.splits = {split: {"documents": 0, "characters": 0} for split in ("train", "heldout")}
        self.quarantined: Counter[str] = Counter()

    def batch(self, verdicts: Verdicts, decisions: pa.Table) -> None:
        """Count one batch with its rows of decisions."""
        batch = verdicts.batch
        for item in batch.quarantined:
            self.quarantined[item.reason] += 1
            self._source(item.source)["quarantined"] += 1
        text = np.bincount(batch.page_of, weights=batch.characters, minlength=batch.pages)
        left, alive = verdicts.sums(verdicts.characters), verdicts.alive
        for page, source in enumerate(batch.sources):
            counts = self._source(source)
            counts["documents_read"] += 1
            counts["documents_kept"] += int(alive[page])
            counts["characters_raw"] += int(batch.raw_characters[page])
            counts["characters_text"] += int(text[page])
            counts["characters_kept"] += int(left[page])
        for line, cuts in verdicts.cuts.items():
            if verdicts.left[line]:
                added = sum(len(cut.replacement) for _, cut in cuts)
                self._source(batch.sources[batch.page_of[line]])["characters_added"] += added
        self._rows(decisions)
        for name, histogram in verdicts.histograms.items():
            rule = self._rule(name)
            rule["histogram"] = [a + b for a, b in zip(rule["histogram"], histogram.tolist(), strict=True)]
        for name, near in verdicts.near.items():
            rule = self._rule(name)
            rule["near"] = _nearest([*rule["near"], *near])

    def _rows(self, decisions: Any) -> None:
        for row in decisions.group_by(["rule", "source"]).aggregate([("characters", "sum")]).to_pylist():
            self._source(row["source"])[f"removed_{row['rule']}"] += row["characters_sum"]
        sums = [("characters", "sum"), ("doc", "count"), ("doc", "count_distinct")]
        for row in decisions.group_by("rule").aggregate(sums).to_pylist():
            rule = self._rule(row["rule"])
            rule["decisions"] += row["doc_count"]
            rule["documents"] += row["doc_count_distinct"]
            rule["characters"] += row["characters_sum"]
        names, sizes = decisions["rule"].to_pylist(), decisions["characters"].to_pylist()
        where = zip(decisions["doc"].to_pylist(), decisions["span_start"].to_pylist(), strict=True)
        keys = [xxhash.xxh3_64_intdigest(f"{doc}:{start}".encode()) for doc, start in where]
        chosen: dict[str, list[tuple[bool, int, int]]] = {}
        for number, (name, size, key) in enumerate(zip(names, sizes, keys, strict=True)):
            chosen.setdefault(name, []).append((size < _SHORT, key, number))
        for name, entries in chosen.items():
            for short, key, number in heapq.nsmallest(EXAMPLES, entries):
                row = decisions.slice(number, 1).to_pylist()[0]
                _keep_example(self._rule(name)["examples"], [short, key, {field: row[field] for field in _EXAMPLE}])

    def document(self, split: str, document: Document) -> None:
        """Count a document that came out."""
        self.splits[split]["documents"] += 1
        self.splits[split]["characters"] += len(document.text)

    def dump(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "sources": self.sources,
            "rules": self.rules,
            "splits": self.splits,
            "quarantined": self.quarantined,
        }

    def add(self, other: dict[str, Any]) -> None:
        """Add what `dump` gave for another part."""
        self.quarantined.update(other["quarantined"])
        for name, counts in other["sources"].items():
            self._source(name).update(counts)
        for split, counts in other["splits"].items():
            for key, value in counts.items():
                self.splits[split][key] += value
        for name, theirs in other["rules"].items():
            rule = self._rule(name)
            for key in ("decisions", "documents", "characters"):
                rule[key] += theirs[key]
            rule["histogram"] = [a + b for a, b in zip(rule["histogram"], theirs["histogram"], strict=True)]
            rule["near"] = _nearest([*rule["near"], *theirs["near"]])
            for example in theirs["examples"]:
                _keep_example(rule["examples"], example)

    def summary(self, config: Config) -> dict[str, Any]:
        """As it stands in summary.json. Raises `DataError` where the books do not balance, which is a fault of this program."""
        total: Counter[str] = Counter()
        for counts in self.sources.values():
            total.update(counts)
        removed = sum(value for key, value in total.items() if key.startswith("removed_"))
        if total["characters_text"] + total["characters_added"] != total["characters_kept"] + removed:
            raise DataError(
                f"The books do not balance: {total['characters_text']} characters came in and "
                f"{total['characters_added']} were put in for others, {total['characters_kept']} were kept and {removed} removed.",
                where="clean",
                fix="Report this; it is a fault of the stage.",
            )
        return {
            "documents": {"read": total["documents_read"], "kept": total["documents_kept"]},
            "characters": {name: total[f"characters_{name}"] for name in ("raw", "text", "added", "kept")},
            "splits": self.splits,
            "sources": {name: _source_summary(counts) for name, counts in sorted(self.sources.items())},
            "rules": {rule.name: self._rule_summary(rule, config) for rule in RULES if rule.name in self.rules},
            "order": [rule.name for rule in RULES],
            "quarantined": dict(sorted(self.quarantined.items())),
        }

    def _rule_summary(self, declared: Rule, config: Config) -> dict[str, Any]:
        rule = self.rules[declared.name]
        return {
            "action": declared.action,
            "threshold": getattr(config, declared.name).threshold,
            "least": declared.least,
            "most": declared.most,
            **{key: rule[key] for key in ("decisions", "documents", "characters", "histogram", "near")},
            "examples": [example[2] for example in sorted(rule["examples"], key=lambda entry: entry[:2])],
        }

    def _source(self, name: str) -> Counter[str]:
        return self.sources.setdefault(name, Counter())

    def _rule(self, name: str) -> dict[str, Any]:
        return self.rules.setdefault(
            name,
            {
                "decisions": 0,
                "documents": 0,
                "characters": 0,
                "histogram": [0] * Verdicts.BINS,
                "near": [],
                "examples": [],
            },
        )


def _source_summary(counts: Counter[str]) -> dict[str, Any]:
    names = ["documents_read", "documents_kept", "quarantined"]
    names += (f"characters_{name}" for name in ("raw", "text", "added", "kept"))
    removed = {
        key.removeprefix("removed_"): value for key, value in sorted(counts.items()) if key.startswith("removed_")
    }
    return {**{name: counts[name] for name in names}, "characters_removed": removed}


def _keep_example(examples: list[list[Any]], entry: list[Any]) -> None:
    """Keep the entries that are smallest by (short, hash)."""
    examples.append(entry)
    if len(examples) > EXAMPLES:
        examples[:] = heapq.nsmallest(EXAMPLES, examples, key=lambda one: one[:2])


def _nearest(near: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The examples nearest to the threshold, on each of its sides."""
    return [
        row
        for removed in (False, True)
        for row in heapq.nsmallest(
            EXAMPLES, (row for row in near if row["removed"] is removed), key=lambda row: (row["distance"], row["doc"])
        )
    ]

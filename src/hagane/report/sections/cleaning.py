"""Cleaning: what came in, what each rule took out of it with examples, what is left, and from which sources."""

from __future__ import annotations

import math
from typing import Any

from hagane.report.read import Row, RunFolder, pick

EXCERPT = 140
DOCUMENT_EXAMPLES = 2
SMALL = 0.0005
"""Rules that took a smaller share of the text are in the table but not in the chart."""


def cleaning(run: RunFolder) -> dict[str, Any] | None:
    """Figures of the first cleaning stage, None where there is none or it left no summary."""
    step = run.first("clean")
    summary = step.summary if step else {}
    characters, documents = summary.get("characters"), summary.get("documents")
    if step is None or not characters or not documents:
        return None
    text = max(1, characters["text"])
    rules = [_rule(name, row, text) for name, row in (summary.get("rules") or {}).items()]
    order = {name: place for place, name in enumerate(summary.get("order") or [])}
    rules.sort(key=lambda rule: order.get(rule["name"], len(order)))
    funnel = _funnel(rules)
    measured = [rule for rule in rules if rule["histogram"] and rule["threshold"] is not None]
    rules = sorted((rule for rule in rules if rule["decisions"]), key=lambda rule: -rule["characters"])
    return {
        "documents": documents,
        "characters": characters,
        "kept_share": characters["kept"] / text,
        "splits": summary.get("splits") or {},
        "sources": [_source(name, row) for name, row in (summary.get("sources") or {}).items()],
        "documents_removed": [rule for rule in rules if rule["action"] == "remove_document"],
        "spans_removed": [rule for rule in rules if rule["action"] != "remove_document"],
        "funnel": funnel,
        "measured": measured,
        "charted": [rule for rule in rules if rule["share"] >= SMALL],
        "quarantined": summary.get("quarantined") or {},
    }


def _rule(name: str, row: Row, text: int) -> dict[str, Any]:
    shown = DOCUMENT_EXAMPLES if row["action"] == "remove_document" else 1
    return {
        "name": name,
        "action": row["action"],
        "threshold": row["threshold"],
        "decisions": row["decisions"],
        "documents": row["documents"],
        "characters": row["characters"],
        "share": row["characters"] / text,
        "examples": [_example(example) for example in row.get("examples") or []][:shown],
        "histogram": _histogram(row),
        "near": [
            [{**one, "text": one["text"][:EXCERPT]} for one in row.get("near") or [] if one["removed"] is removed][:2]
            for removed in (False, True)
        ],
    }


def _funnel(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is left after each rule, in the order in which they decide; rules that took next to nothing are left out."""
    left, steps = 1.0, []
    for rule in rules:
        left -= rule["share"]
        if rule["share"] >= SMALL:
            steps.append({"name": rule["name"], "left": left, "action": rule["action"]})
    return steps


def _histogram(row: Row) -> dict[str, Any] | None:
    """Bars as shares of the picture's height, by the logarithm of their counts, and where the threshold stands in its width."""
    counts = row.get("histogram") or []
    if not any(counts):
        return None
    tallest = math.log1p(max(counts))
    threshold, least, most = row["threshold"], row["least"], row["most"]
    return {
        "bars": [math.log1p(count) / tallest for count in counts],
        "judged": sum(counts),
        "least": least,
        "most": most,
        "at": None if threshold is None else min(max((threshold - least) / (most - least), 0.0), 1.0),
    }


def _example(example: Row) -> dict[str, Any]:
    text = example["text"].strip()
    return {
        "doc": example["doc"].rsplit("/", 1)[-1],
        "source": example["source"],
        "value": example["value"],
        "kept": (example.get("kept") or "").rsplit("/", 1)[-1],
        "detail": example.get("detail") or "",
        "text": text if len(text) <= EXCERPT else text[:EXCERPT] + "…",
    }


def _source(name: str, row: Row) -> dict[str, Any]:
    text = row.get("characters_text") or 0
    return {
        "name": name,
        "read": row.get("documents_read"),
        "kept": row.get("documents_kept"),
        "quarantined": row.get("quarantined"),
        "raw": row.get("characters_raw"),
        "text": text,
        "characters_kept": row.get("characters_kept"),
        "share": pick(row, "characters_kept") / text if text and row.get("characters_kept") is not None else None,
    }

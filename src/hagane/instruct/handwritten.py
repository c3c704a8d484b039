"""The hand-written instruction–response pairs that ship with the package: talk, short questions, refusals and their twins.

`handwritten.jsonl` holds a pair a line: prompt, response, category, split. A row that is not right is an error with its
line, since a pair that is silently left out is a behaviour that silently does not appear.

How an answer to one is checked follows from its category. Where there is one short right answer it must be given; talk
must open as the reference does (「どういたしまして」); advice has many right answers, so only its form is judged, and the
report must not read more into it.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hagane.checks import passes
from hagane.errors import DataError
from hagane.instruct.family import Row

PATH = Path(__file__).with_name("handwritten.jsonl")
KEYS = {"prompt", "response", "category", "split"}
TALK = "greeting thanks farewell night apology identity ability unknown unclear feeling"
EXACT = "common short rewrite"
ADVICE = "explain howto opinion"
FAMILY_OF = (
    dict.fromkeys(TALK.split(), "chat")
    | dict.fromkeys((EXACT + " " + ADVICE).split(), "question")
    | {"refuse": "refuse", "harmless": "harmless"}
)
RESERVED = 0.1
"""Share of the training rows of each family kept out of training, as prompts for preference tuning."""

_OPENING = re.compile(r"[^。、!?！？]+")


@dataclass(frozen=True)
class Handwritten:
    """Rows in the three places they are used: training, preference prompts, held-out checks."""

    training: tuple[Row, ...]
    practice: tuple[Row, ...]
    heldout: tuple[Row, ...]


def check_of(category: str, response: str) -> dict[str, Any]:
    """The check that answers to a row of `category` must pass; the reference response passes it."""
    if category == "refuse":
        return {"kind": "refusal"}
    if category in EXACT.split():
        return {"kind": "equals", "text": response}
    opening = _OPENING.match(response)
    if FAMILY_OF[category] == "chat" and opening:
        return {"kind": "contains_phrase", "phrases": [opening[0]]}
    return {"kind": "helpful"}


def _row(entry: Any, where: str) -> Row:
    if not isinstance(entry, Mapping) or set(entry) != KEYS or not all(isinstance(v, str) for v in entry.values()):
        raise DataError(f"a row needs the texts {', '.join(sorted(KEYS))} and nothing else", where=where)
    if not entry["prompt"].strip() or not entry["response"].strip():
        raise DataError("prompt or response is empty", where=where)
    if entry["category"] not in FAMILY_OF:
        raise DataError(
            f"unknown category {entry['category']!r}", where=where, fix="use one of " + ", ".join(sorted(FAMILY_OF))
        )
    if entry["split"] not in ("train", "heldout"):
        raise DataError(f"unknown split {entry['split']!r}", where=where, fix="use train or heldout")
    check = check_of(entry["category"], entry["response"])
    if not passes(check, entry["response"]):
        raise DataError(
            f"the response does not pass the check of its own category: {check}",
            where=where,
            fix="mend the response, or give the row another category",
        )
    wording = "heldout" if entry["split"] == "heldout" else "familiar"
    return Row(entry["prompt"], entry["response"], FAMILY_OF[entry["category"]], wording, entry["split"], check)


def read(path: Path = PATH) -> list[Row]:
    """All rows in the order of the file. Raises DataError with file and line for a malformed row or a repeated prompt."""
    rows: dict[str, Row] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            row = _row(json.loads(line), where)
        except json.JSONDecodeError as error:
            raise DataError(f"not JSON: {error.msg}", where=where) from None
        if row.prompt in rows:
            raise DataError(f"the prompt stands here a second time: {row.prompt}", where=where)
        rows[row.prompt] = row
    return list(rows.values())


def divide(rows: Iterable[Row], seed: int) -> Handwritten:
    """Held-out rows as marked; of the training rows of each family, `RESERVED` become preference prompts."""
    training: list[Row] = []
    practice: list[Row] = []
    heldout: list[Row] = []
    by_family: dict[str, list[Row]] = {}
    for row in rows:
        if row.split == "heldout":
            heldout.append(row)
        else:
            by_family.setdefault(row.family, []).append(row)
    for family, members in by_family.items():
        random.Random(f"{seed}/handwritten/{family}").shuffle(members)
        cut = round(len(members) * RESERVED)
        practice += members[:cut]
        training += members[cut:]
    return Handwritten(tuple(training), tuple(practice), tuple(heldout))

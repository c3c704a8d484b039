"""The rows evaluation reads: held-out prompts with their checks, and held-out preference pairs.

Only the split "heldout" is read. Which rows are drawn depends on the seed and the file alone, so that every model answers
the same questions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hagane.artifact.rows import read_rows
from hagane.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class Prompt:
    """One held-out instruction: its kind of task, whether its wording was trained on, and what its answer must pass."""

    text: str
    family: str
    wording: str
    """"familiar" (seen in training with other contents) or "heldout"."""
    reference: str
    check: Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt; `*_stopped` says whether the answer ended by itself."""

    prompt: str
    chosen: str
    rejected: str
    chosen_stopped: bool
    rejected_stopped: bool


def read_prompts(artifact: Path, per_group: int, seed: int) -> list[Prompt]:
    """At most `per_group` held-out prompts of each family and wording. Raises DataError when there is none."""
    path = artifact / "prompts.jsonl"
    groups: dict[tuple[str, str], list[Prompt]] = {}
    for row in _heldout(path, ("prompt", "family", "wording", "check"), "instruct"):
        prompt = Prompt(row["prompt"], row["family"], row["wording"], row.get("response", ""), row["check"])
        groups.setdefault((prompt.family, prompt.wording), []).append(prompt)
    _require(groups, path, "instruct")
    return [
        prompt
        for family, wording in sorted(groups)
        for prompt in _draw(groups[family, wording], per_group, f"{seed}:prompts:{family}:{wording}", lambda p: p.text)
    ]


def read_pairs(artifact: Path, most: int, seed: int) -> list[Pair]:
    """At most `most` held-out pairs. Raises DataError when there is none."""
    path = artifact if artifact.is_file() else artifact / "pairs.jsonl"
    pairs = [
        Pair(
            row["prompt"],
            row["chosen"],
            row["rejected"],
            bool(row.get("chosen_stopped", True)),
            bool(row.get("rejected_stopped", True)),
        )
        for row in _heldout(path, ("prompt", "chosen", "rejected"), "pairs")
    ]
    _require(pairs, path, "pairs")
    return _draw(pairs, most, f"{seed}:pairs", lambda pair: (pair.prompt, pair.chosen, pair.rejected))


def _heldout(path: Path, needed: tuple[str, ...], written_by: str) -> list[dict[str, Any]]:
    return [row for row in read_rows(path, (*needed, "split"), written_by) if row["split"] == "heldout"]


def _require(found: Mapping[Any, Any] | Sequence[Any], path: Path, stage: str) -> None:
    if not found:
        raise DataError(
            'no row has the split "heldout"', where=str(path), fix=f"run the stage `{stage}` with a held-out share"
        )


def _draw(items: Sequence[T], most: int, seed: str, key: Callable[[T], Any]) -> list[T]:
    """At most `most` different items, in an order that depends on the seed alone."""
    different = list({key(item): item for item in items}.values())
    return random.Random(seed).sample(different, min(most, len(different)))

"""Prompts with a check: what `pairs` and `ppo` let the model answer.

The instruct stage leaves `prompts.jsonl` in its artefact. Only its split "train" is read here; "heldout" belongs to the
evaluation, and a preference stage that saw it would be measured on what it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hagane.artifact.rows import read_rows
from hagane.errors import DataError

FILE_NAME = "prompts.jsonl"


@dataclass(frozen=True)
class Prompt:
    """One request, the family it is of, and the check its answer must pass."""

    text: str
    family: str
    check: Mapping[str, Any]


def read_prompts(artifact: Path) -> list[Prompt]:
    """The training prompts of an instruct artefact, each text once, in the order of the file."""
    path = artifact / FILE_NAME
    rows = read_rows(path, ("prompt", "family", "split", "check"), "instruct")
    seen: dict[str, Prompt] = {}
    for row in rows:
        if row["split"] == "train":
            seen.setdefault(row["prompt"], Prompt(row["prompt"], row["family"], row["check"]))
    if not seen:
        raise DataError(
            f'None of {len(rows)} prompts has the split "train".',
            where=str(path),
            fix="Run the stage `instruct` again.",
        )
    return list(seen.values())

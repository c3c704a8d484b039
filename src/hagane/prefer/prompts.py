"""Prompts with a check: what `pairs` and `ppo` let the model answer.

The instruct stage leaves `prompts.jsonl` in its artefact. Only its split "train" is read here; "heldout" belongs to the
evaluation, and a preference stage that saw it would be measured on what it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from hagane.errors import DataError

FILE_NAME = "prompts.jsonl"


@dataclass(frozen=True)
class Prompt:
    """One request, the family it is of, and the check its answer must pass."""

    text: str
    family: str
    check: Mapping[str, Any]


def read_rows(path: Path, needed: tuple[str, ...], written_by: str) -> list[dict[str, Any]]:
    """The objects of a JSONL file. A missing file, a broken line or a missing column is a `DataError` that names it."""
    if not path.is_file():
        raise DataError(f"{path.name} is missing.", where=str(path.parent), fix=f"Run the stage `{written_by}` first.")
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"Not JSON: {error}", where=f"{path}:{number}", fix="One JSON object a line.") from error
        missing = [name for name in needed if not isinstance(row, dict) or name not in row]
        if missing:
            raise DataError(
                f"Missing: {', '.join(missing)}.", where=f"{path}:{number}", fix=f"Each row needs {', '.join(needed)}."
            )
        rows.append(row)
    return rows


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

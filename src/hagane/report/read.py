"""A run folder as the report sees it: steps, and whatever each of them left.

Nothing here fails on a run that is not finished. A step without a valid manifest is *missing*; a file that is not there is
empty. Only a folder that is no run folder at all is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hagane.artifact.files import read_json
from hagane.artifact.folder import committed
from hagane.artifact.manifest import Manifest
from hagane.artifact.metrics import FILE_NAME, read_metrics
from hagane.errors import DataError

RECIPE_FILE = "recipe.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A step of the recipe and its folder; `manifest` is None while it is not finished."""

    name: str
    stage: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    """Input name → name of another step, or a path outside the run."""
    folder: Path
    manifest: Manifest | None

    @property
    def summary(self) -> Row:
        """`summary.json`, empty where there is none."""
        return self.json("summary.json")

    def json(self, name: str) -> Row:
        """A JSON object of the step; empty where the step or the file is missing."""
        path = self.folder / name
        if self.manifest is None or not path.is_file():
            return {}
        value = read_json(path)
        return value if isinstance(value, dict) else {}

    def rows(self, name: str = FILE_NAME) -> list[Row]:
        """Rows of a JSONL file; empty where the step or the file is missing."""
        path = self.folder / name
        if self.manifest is None or not path.is_file():
            return []
        return read_metrics(path)

    @property
    def same_config(self) -> bool:
        """Whether what lies in the folder was made with the config that the recipe now asks for."""
        return self.manifest is None or self.manifest.config == self.config


@dataclass(frozen=True)
class RunFolder:
    """All steps of a run, in the order of the recipe."""

    folder: Path
    name: str
    title: str
    steps: tuple[Step, ...]

    def of(self, stage: str) -> list[Step]:
        """Finished steps of a kind of stage."""
        return [step for step in self.steps if step.stage == stage and step.manifest is not None]

    def first(self, stage: str) -> Step | None:
        """The first finished step of a kind of stage."""
        return next(iter(self.of(stage)), None)

    @property
    def missing(self) -> list[Step]:
        """Steps that are not finished."""
        return [step for step in self.steps if step.manifest is None]


def read_run(folder: Path) -> RunFolder:
    """Read `recipe.json` and the manifests. Raises DataError where the folder is no run folder."""
    path = folder / RECIPE_FILE
    if not path.is_file():
        raise DataError(
            "This is not a run folder: there is no recipe in it.",
            where=str(path),
            fix="Give the folder of a run, such as runs/demo; `hagane run` makes one.",
        )
    recipe = read_json(path)
    try:
        steps = tuple(
            Step(
                step["name"],
                step["stage"],
                step["config"],
                step["inputs"],
                folder / step["name"],
                committed(folder / step["name"]),
            )
            for step in recipe["steps"]
        )
        return RunFolder(folder, recipe["name"], recipe.get("title") or recipe["name"], steps)
    except (KeyError, TypeError) as error:
        raise DataError(
            f"The recipe of the run cannot be read: {error}.",
            where=str(path),
            fix="Run the recipe again; it writes this file anew.",
        ) from error


def pick(value: Any, *keys: str) -> Any:
    """The value under nested keys, None where a key is missing on the way."""
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def series(rows: list[Row], key: str, x: str = "step") -> list[tuple[float, float]]:
    """(x, value) of the rows that have a finite `key`."""
    return [(row[x], row[key]) for row in rows if row.get(key) is not None and row.get(x) is not None]

"""From any artefact back to the raw files: each manifest names its inputs and what they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hagane.artifact.folder import committed
from hagane.artifact.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class Ancestor:
    """One step of the way back."""

    depth: int
    role: str
    """Name of the input this artefact was for its child (empty for the artefact asked about)."""
    path: Path
    manifest: Manifest | None
    """None: the folder is gone, or was never a stage's output."""
    same: bool
    """False: the folder now holds something else than what its child was made from."""
    again: bool = False
    """True: told before, further up; what lies behind it is not told again."""


def lineage(folder: Path) -> Iterator[Ancestor]:
    """The artefact, then its inputs, depth first; what lies behind an ancestor is told once."""
    yield Ancestor(0, "", folder, read_manifest(folder), True)
    yield from _inputs(folder, 1, set())


def _inputs(folder: Path, depth: int, told: set[Path]) -> Iterator[Ancestor]:
    manifest = committed(folder)
    if manifest is None:
        return
    for role, entry in manifest.inputs.items():
        path = (folder / entry.path).resolve()
        found, again = committed(path), path in told
        told.add(path)
        yield Ancestor(depth, role, path, found, found is not None and found.identity == entry.identity, again)
        if not again:
            yield from _inputs(path, depth + 1, told)

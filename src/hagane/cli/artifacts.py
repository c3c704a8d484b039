"""`hagane status`, `hagane lineage`, `hagane verify`: what lies in a folder, where it came from, whether it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hagane.artifact.folder import committed
from hagane.artifact.lineage import lineage as ancestors
from hagane.artifact.manifest import MANIFEST, Manifest, verify
from hagane.errors import ArtifactError, UsageError
from hagane.pipeline.run import RECIPE_FILE, described

console = Console(highlight=False, soft_wrap=True)
Folder = Annotated[Path, typer.Argument(help="An artefact, or a run folder.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("status")(status)
    app.command("lineage")(lineage)
    app.command("verify")(verify_folder)


def status(folder: Folder) -> None:
    """What is there: each stage of a run folder, finished or not, its size and time."""
    table = Table("name", "stage", "state", "size", "seconds", "identity", title=str(folder))
    for name in _artifacts(folder, with_missing=True):
        path = folder / name
        manifest = committed(path)
        if manifest is not None:
            size = sum(entry.bytes for entry in manifest.files.values())
            table.add_row(
                name, manifest.stage, "done", f"{size / 1e6:.1f} MB", f"{manifest.seconds:.0f}", manifest.identity[:12]
            )
            continue
        begun = any(folder.glob(f".{name}.*.partial"))
        table.add_row(
            name, "", "damaged" if (path / MANIFEST).exists() else "begun" if begun else "missing", "", "", ""
        )
    console.print(table)


def lineage(folder: Folder) -> None:
    """Walk an artefact back to the raw files."""
    for ancestor in ancestors(folder):
        indent = "    " * ancestor.depth
        label = f"{ancestor.role + ': ' if ancestor.role else ''}{os.path.relpath(ancestor.path)}"
        label += f"  {_origin(ancestor.manifest)}" if ancestor.manifest else "  [not an artefact, or gone]"
        label += "" if ancestor.same else "  ← changed since"
        console.print(indent + label + ("  (as above)" if ancestor.again else ""), markup=False)
        if ancestor.manifest is not None and not ancestor.again:
            for name, digest in ancestor.manifest.raw.items():
                console.print(f"{indent}    raw: {name}  {digest}", markup=False)


def verify_folder(folder: Folder) -> None:
    """Hash every file and compare with the manifest; exit code 1 if anything changed."""
    faults = []
    for name in _artifacts(folder, with_missing=False):
        path = folder / name
        try:
            changed = [f"{path / file}: the content changed" for file in verify(path)]
        except ArtifactError as error:
            changed = [f"{error.where}: {error.what}"]
        console.print(f"{path}: {'ok' if not changed else 'NOT as it was written'}")
        faults += changed
    if faults:
        raise ArtifactError(
            "\n".join(faults), where=str(folder), fix="Run the recipe again: damaged stages are made anew."
        )


def _artifacts(folder: Path, with_missing: bool) -> list[str]:
    """Names of artefacts in a run folder, or ["."] for an artefact itself."""
    if (folder / MANIFEST).exists():
        return ["."]
    if (folder / RECIPE_FILE).exists():
        names = [step["name"] for step in described(folder)["steps"]]
        return names if with_missing else [name for name in names if (folder / name).exists()]
    found = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise UsageError(
            "There is no artefact here.", where=str(folder), fix="Give a run folder (runs/demo) or a stage's output."
        )
    return found


def _origin(manifest: Manifest) -> str:
    return f"({manifest.stage}, {manifest.identity[:12]}, hagane {manifest.code['hagane']}, {manifest.started})"

"""The manifest: what made a folder, from what, and what lies in it.

`identity` is a hash over everything that makes the artefact what it is (stage, config, inputs, raw data, the sha256 of each
file); `fingerprint` is the same without the files, so it can be known before the stage runs: a folder whose manifest carries
the fingerprint that a recipe asks for is up to date. Times and versions are told but are part of neither.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hagane import __version__
from hagane.artifact.files import read_json, sha256_file, sha256_json
from hagane.errors import ArtifactError, DataError

MANIFEST = "manifest.json"
REPORTED_PACKAGES = ("torch", "sentencepiece", "pyarrow", "numpy")


class FileEntry(BaseModel):
    """One file of an artefact."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    bytes: int = Field(description="Length of the file.")
    sha256: str = Field(description="Hash of the file.")


class InputEntry(BaseModel):
    """One input of a stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str = Field(description="Where it lay, relative to the artefact.")
    identity: str = Field(description="Identity of its manifest, or of its files where it has none.")


class Manifest(BaseModel):
    """What is known of an artefact."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = Field(1, description="Version of this layout.")
    stage: str = Field(description="Stage that made it.")
    produces: str = Field(description="Kind of artefact.")
    config: dict[str, Any] = Field(description="The full config, defaults included.")
    inputs: dict[str, InputEntry] = Field(description="Input name → what it was.")
    raw: dict[str, str] = Field(description="Raw data outside any artefact: name → digest.")
    files: dict[str, FileEntry] = Field(description="Relative path → length and hash.")
    fingerprint: str = Field(description="Hash of stage, config, inputs and raw data.")
    identity: str = Field(description="Hash of the fingerprint and the files.")
    started: str = Field(description="UTC time at which the stage was (last) started.")
    seconds: float = Field(description="Time from (last) start to commit.")
    code: dict[str, str] = Field(description="Versions of hagane, Python and the packages that decide the bytes.")


def fingerprint_of(
    stage: str, config: Mapping[str, Any], inputs: Mapping[str, InputEntry], raw: Mapping[str, str]
) -> str:
    """Hash of what goes into a stage; paths of inputs do not count, only what they are."""
    identities = {name: entry.identity for name, entry in inputs.items()}
    return sha256_json({"stage": stage, "config": dict(config), "inputs": identities, "raw": dict(raw)})


def identity_of(fingerprint: str, files: Mapping[str, FileEntry]) -> str:
    """Hash of the fingerprint and of every file."""
    return sha256_json({"fingerprint": fingerprint, "files": {name: entry.sha256 for name, entry in files.items()}})


def describe_files(folder: Path, without: str = "") -> dict[str, FileEntry]:
    """Length and hash of every file below `folder` except manifests and what lies in folders named `without`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST)
    return {
        path.relative_to(folder).as_posix(): FileEntry(bytes=path.stat().st_size, sha256=sha256_file(path))
        for path in files
        if without not in path.relative_to(folder).parts
    }


def code_versions() -> dict[str, str]:
    """Versions that belong into a manifest."""
    versions = {"hagane": __version__, "python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def now() -> str:
    """UTC time to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a committed artefact.

    Raises `ArtifactError` where there is none, where it is damaged, or where a file is missing or has another length (a cheap
    check made at every use; `verify` hashes).
    """
    path = folder / MANIFEST
    if not path.exists():
        raise ArtifactError(
            "This is not a finished artefact: it has no manifest.",
            where=str(folder),
            fix="Give the output folder of a stage, or run the stage (again) to the end.",
        )
    try:
        manifest = Manifest.model_validate(read_json(path))
    except (ValidationError, DataError) as error:
        raise ArtifactError(
            "The manifest is damaged.", where=str(path), fix="Delete the folder and run its stage again."
        ) from error
    intact = manifest.identity == identity_of(manifest.fingerprint, manifest.files)
    if not intact or manifest.fingerprint != fingerprint_of(
        manifest.stage, manifest.config, manifest.inputs, manifest.raw
    ):
        raise ArtifactError(
            "The manifest was changed after it was written.",
            where=str(path),
            fix="Delete the folder and run its stage again.",
        )
    for name, entry in manifest.files.items():
        found = (folder / name).stat().st_size if (folder / name).is_file() else None
        if found != entry.bytes:
            state = "missing" if found is None else f"{found} bytes instead of {entry.bytes}"
            raise ArtifactError(
                f"A file of the artefact is not as it was written: {state}.",
                where=str(folder / name),
                fix="Delete the folder and run its stage again.",
            )
    return manifest


def verify(folder: Path) -> list[str]:
    """Hash every file and compare; returns the names of files whose content changed (empty: all is well).

    Raises what `read_manifest` raises.
    """
    manifest = read_manifest(folder)
    return [name for name, entry in manifest.files.items() if sha256_file(folder / name) != entry.sha256]


def identify(path: Path) -> str:
    """Identity of an input: that of its manifest, or of its files for a folder or file from elsewhere."""
    if (path / MANIFEST).exists():
        return read_manifest(path).identity
    if path.is_file():
        return sha256_file(path)
    if path.is_dir():
        return sha256_json({name: entry.sha256 for name, entry in describe_files(path).items()})
    raise DataError("An input does not exist.", where=str(path), fix="Check the path.")


def describe_inputs(inputs: Mapping[str, Path], out: Path) -> dict[str, InputEntry]:
    """Manifest entries of the inputs of the artefact `out`."""
    return {
        name: InputEntry(path=os.path.relpath(path.absolute(), out.absolute()), identity=identify(path))
        for name, path in sorted(inputs.items())
    }

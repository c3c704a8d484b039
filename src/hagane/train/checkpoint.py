"""Checkpoints: where a killed run goes on from.

A checkpoint is a folder `step-00000123` with the trainable weights, the optimizer's state, whatever other tensors the loop
remembers (all safetensors), and `state.json`. It is written under another name: the files, each flushed to disk, then
`manifest.json` with the sha256 of each, then the entries of the folder; only then is it renamed, and the rename flushed.

A folder that is not what its manifest says, file for file, does not exist: one flipped bit or missing byte anywhere, in the
manifest too, is found (in `tests/train/test_checkpoint_damage.py` each of 120 times). Loading says so and falls back to the
one before.

Of several processes the first writes it. Where the model is sharded, `model`, `optimizer` and the like are folders into which each
process writes its own rows, and the first adds the rest when all have done so. Any number of processes may go on from it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from hagane.artifact import processes
from hagane.artifact.files import fsync_folder, read_json, sha256_file, write_json
from hagane.artifact.progress import note
from hagane.errors import ArtifactError, DataError
from hagane.train import shards
from hagane.train.distributed import is_sharded

_MANIFEST = "manifest.json"


@dataclass
class Checkpoint:
    """Everything the loop needs to go on after `step` updates."""

    step: int
    tensors: dict[str, dict[str, Tensor]]
    """File name without ending → tensors: `model`, `optimizer`, `kept` where there is an accepted evaluation, and `average`."""
    state: dict[str, Any] = field(default_factory=dict)
    """Scalars, as JSON."""


def save(folder: Path, checkpoint: Checkpoint, keep: int | None = None) -> None:
    """Write the checkpoint into `folder`, which is one for all processes.

    Of it and those of earlier steps only the newest `keep` stay (None: all). What lies there of later steps was damaged, or the
    run went back behind it: it is dropped.
    """
    sharded = any(map(is_sharded, checkpoint.tensors["model"].values()))
    if not (processes.is_first() or sharded):
        return
    final = folder / f"step-{checkpoint.step:08d}"
    partial = folder / f".{final.name}.partial"
    if processes.is_first():
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob(".step-*.partial"):
            shutil.rmtree(unfinished)
        partial.mkdir()
    if sharded:
        processes.wait()
    for name, tensors in checkpoint.tensors.items():
        if sharded:
            shards.write(partial / name, tensors)
            continue
        path = partial / f"{name}.safetensors"
        save_file({key: tensor.detach().contiguous() for key, tensor in tensors.items()}, path)
        _flush(path)
    if not processes.is_first():
        return
    write_json(partial / "state.json", {"step": checkpoint.step, **checkpoint.state})
    write_json(partial / _MANIFEST, _digests(partial))  # flushes the entries of `partial` as well
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    fsync_folder(folder)
    fsync_folder(folder.parent)
    found = _newest_first(folder)
    later = found.index(final)
    for old in found[:later] + ([] if keep is None else found[later + keep :]):
        shutil.rmtree(old)


def load_latest(folder: Path, expected: Mapping[str, Any], like: Mapping[str, Tensor]) -> Checkpoint | None:
    """The newest valid checkpoint, or None. One that is damaged is named and skipped.

    like: the parameters of the model by name; where they are sharded, so is what is loaded.

    Raises ArtifactError when a valid one was made under another configuration than `expected` (a part of its state).
    """
    for path in _newest_first(folder):
        try:
            checkpoint = load(path, like)
        except (ArtifactError, DataError, OSError) as error:
            what = error.what if isinstance(error, ArtifactError | DataError) else str(error)
            note(f"  checkpoint {path.name} is not valid ({what}); trying the one before")
            continue
        differing = sorted(key for key, value in expected.items() if checkpoint.state.get(key) != value)
        if differing:
            raise ArtifactError(
                f"This checkpoint belongs to another run: {', '.join(differing)} differ.",
                where=str(path),
                fix="Delete the folder of checkpoints, or give another output folder.",
            )
        return checkpoint
    return None


def load(path: Path, like: Mapping[str, Tensor]) -> Checkpoint:
    """The checkpoint in the folder `path`, laid out as the parameters `like`.

    Raises ArtifactError or DataError unless the folder holds what its manifest names, byte for byte, and nothing else.
    """
    manifest, found = read_json(path / _MANIFEST), _digests(path)
    if manifest != found:
        told = manifest if isinstance(manifest, dict) else {}
        names = sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name))
        raise ArtifactError(f"missing, changed or not in the manifest: {', '.join(names)}", where=str(path))
    state = read_json(path / "state.json")
    try:
        tensors = {file.stem: shards.laid_out(load_file(file), like) for file in sorted(path.glob("*.safetensors"))}
        tensors |= {part.name: shards.read(part, like) for part in sorted(path.iterdir()) if part.is_dir()}
    except SafetensorError as error:
        raise ArtifactError(f"a file is not readable: {error}", where=str(path)) from error
    return Checkpoint(step=state.pop("step"), tensors=tensors, state=state)


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below `folder` but the manifest."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / _MANIFEST)
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), reverse=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Atomic artefacts: a stage works in a temporary sibling, which gets its manifest last and is renamed into place.

The sibling's name carries the fingerprint of what is being made. After a kill the same command finds it again and goes on
from the checkpoints in it; another config or input makes another name, and the stale sibling is removed.

Of several processes the first makes the artefact. The others run the stage beside it, where it is one for all, in siblings of
their own that are thrown away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from hagane.artifact import processes
from hagane.artifact.files import fsync_folder, write_json
from hagane.artifact.manifest import (
    MANIFEST,
    InputEntry,
    Manifest,
    code_versions,
    describe_files,
    describe_inputs,
    fingerprint_of,
    identity_of,
    now,
    read_manifest,
)
from hagane.artifact.stage import Inputs, Stage, StageConfig
from hagane.errors import ArtifactError, HaganeError, TrainingError

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Job:
    """A stage with its config, its inputs and the folder it is to fill."""

    stage: Stage
    config: StageConfig
    inputs: Inputs
    out: Path

    def describe(self) -> tuple[str, dict[str, InputEntry], dict[str, str]]:
        """Fingerprint, manifest entries of the inputs, digests of raw data."""
        inputs = describe_inputs(self.inputs, self.out)
        raw = dict(self.stage.fingerprint(self.config))
        return fingerprint_of(self.stage.name, self.config.model_dump(mode="json"), inputs, raw), inputs, raw


def committed(folder: Path) -> Manifest | None:
    """The manifest if `folder` is a finished artefact, else None (missing, damaged, incomplete)."""
    try:
        return read_manifest(folder)
    except HaganeError:
        return None


def is_up_to_date(job: Job) -> bool:
    """Whether `out` already is what this job would make."""
    return processes.from_first(lambda: _is_up_to_date(job))


def _is_up_to_date(job: Job) -> bool:
    manifest = committed(job.out)
    return manifest is not None and manifest.fingerprint == job.describe()[0]


def build(job: Job) -> Manifest:
    """Run the stage and commit its folder; an unfinished earlier run of the same job is taken up where it stopped."""
    if job.stage.together and not processes.is_first():
        _assist(job)
    return Manifest.model_validate(processes.from_first(lambda: _build(job).model_dump(mode="json")))


def _assist(job: Job) -> None:
    """Run the stage in a process that is not the first, if the first says that it has to run."""
    if not processes.from_first(lambda: True):  # the first answers, in `_build`
        return
    partial = job.out.parent / f".{job.out.name}.{processes.rank()}.partial"
    partial.mkdir()
    try:
        job.stage.run(job.config, job.inputs, partial)
    finally:
        shutil.rmtree(partial)


def _build(job: Job) -> Manifest:
    out = job.out
    out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        _refuse_foreign(out)
        fingerprint, inputs, raw = job.describe()
        partial = out.parent / f".{out.name}.{fingerprint[:12]}.partial"
        _remove_stale(out, keep=partial)
        finished = committed(partial)
        if job.stage.together:
            processes.from_first(lambda: finished is None)  # the others ask, in `_assist`
        if finished is None:
            partial.mkdir(exist_ok=True)
            started, clock = now(), time.monotonic()
            with _tidy(partial), nullcontext() if job.stage.together else processes.alone():
                job.stage.run(job.config, job.inputs, partial)
            finished = _seal(job, partial, fingerprint, inputs, raw, started, time.monotonic() - clock)
        for folder in [path for path in partial.rglob(CHECKPOINTS) if path.is_dir()]:
            shutil.rmtree(folder)
        _put_into_place(partial, out)
    return finished


@contextmanager
def _tidy(partial: Path) -> Iterator[None]:
    """Leave nothing behind where the inputs or settings are at fault and there is no checkpoint to go on from.

    What a failed training leaves stays, since its metrics tell why.
    """
    try:
        yield
    except HaganeError as error:
        if not isinstance(error, TrainingError) and not any(partial.rglob(f"{CHECKPOINTS}/*")):
            shutil.rmtree(partial)
        raise


def _seal(
    job: Job,
    partial: Path,
    fingerprint: str,
    inputs: dict[str, InputEntry],
    raw: dict[str, str],
    started: str,
    seconds: float,
) -> Manifest:
    """Flush every file, write the manifest last. Checkpoints are not part of it and go after it: a kill loses no training."""
    for path in (path for path in partial.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    files = describe_files(partial, without=CHECKPOINTS)
    if not files:
        raise ArtifactError(
            f"The stage {job.stage.name!r} wrote nothing.",
            where=str(partial),
            fix="Report this; it is a fault of the stage.",
        )
    manifest = Manifest(
        stage=job.stage.name,
        produces=job.stage.produces,
        config=job.config.model_dump(mode="json"),
        inputs=inputs,
        raw=raw,
        files=files,
        fingerprint=fingerprint,
        identity=identity_of(fingerprint, files),
        started=started,
        seconds=round(seconds, 3),
        code=code_versions(),
    )
    write_json(partial / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def _refuse_foreign(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).exists())):
        raise ArtifactError(
            "The output folder holds something that no stage made; it is not overwritten.",
            where=str(out),
            fix="Give another folder with -o, or empty this one.",
        )


def _put_into_place(partial: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.old"
    _refuse_foreign(out)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    fsync_folder(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def _remove_stale(out: Path, keep: Path) -> None:
    for path in out.parent.glob(f".{out.name}.*"):
        if path != keep and (path.name.endswith(".partial") or path.name.endswith(".old")):
            shutil.rmtree(path)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Only one process may make a folder; the lock goes with the process, also when it is killed."""
    path = out.parent / f".{out.name}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtifactError(
                "Another process is making this folder right now.", where=str(out), fix="Wait for it, or stop it first."
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

"""`hagane clean replay`: decide again, with other thresholds, from what was measured.

No page is read and nothing is measured again; the result is a cleaning of its own, equal to one that was run with these
settings from the start, with the first one as its input.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hagane.artifact.stage import Input, Inputs, Stage
from hagane.clean.batch import Batch
from hagane.clean.config import Config
from hagane.clean.finish import decided_path
from hagane.clean.measure import measured_path
from hagane.clean.stage import MEASURED, decide, engine_of
from hagane.clean.verdicts import Verdicts
from hagane.errors import ArtifactError, UsageError


@dataclass(frozen=True)
class Change:
    """What another decision does to a corpus, in characters without line ends."""

    kept_before: int
    kept_after: int
    removed_anew: int
    kept_anew: int

    @property
    def changed(self) -> int:
        """Characters on which the two decisions differ."""
        return self.removed_anew + self.kept_anew


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Decide about the batches of the cleaning `from`. Raises `ArtifactError` where it kept no measurements."""
    batches = measured_batches(inputs["from"])
    with engine_of(config) as engine:
        decide(config, engine, (inputs["from"] / MEASURED).absolute(), batches, out.absolute())
    if config.keep_measurements:
        (out / MEASURED).mkdir(exist_ok=True)
        for number in range(batches):
            _link(measured_path(inputs["from"] / MEASURED, number), measured_path(out / MEASURED, number))


def refuse_unmeasured(before: Config, after: Config) -> None:
    """Raise `UsageError` where something would have been measured otherwise, by these settings."""
    old, new = _measured_by(before), _measured_by(after)
    for name, value in new.items():
        if value != old[name]:
            raise UsageError(
                f"A replay cannot change {name}: it decides what is measured while pages are read.",
                where=f"{name}={value}",
                fix="Run `hagane clean` again with it; a replay changes what is decided from the measured values.",
            )


def _measured_by(config: Config) -> dict[str, object]:
    limits = ("max_page_megabytes", "max_page_seconds", "max_page_memory_megabytes")
    return {
        "hojichar.profile": config.hojichar.profile,
        "contamination.benchmarks": config.contamination.benchmarks,
        "score.model": config.score.model,
        "second_opinion.ask": config.second_opinion.ask,
        **{name: getattr(config, name) for name in limits},
    }


def measured_batches(folder: Path) -> int:
    """How many measured batches a cleaning holds. Raises `ArtifactError` where there are none."""
    batches = len(list((folder / MEASURED).glob("??????.arrow")))
    if not batches:
        raise ArtifactError(
            "This folder holds no measurements of a cleaning.",
            where=str(folder / MEASURED),
            fix="Give the output of `hagane clean`, run with keep_measurements=true.",
        )
    return batches


def compare(before: Path, after: Path) -> Change:
    """What differs between two cleanings of the same measured batches."""
    sums = np.zeros(4, np.int64)
    for number in range(measured_batches(before)):
        batch = Batch.load(measured_path(before / MEASURED, number))
        old, new = (Verdicts.removed(decided_path(folder, number), batch) for folder in (before, after))
        for place, mask in enumerate((~old, ~new, new & ~old, old & ~new)):
            sums[place] += batch.characters[mask].sum()
    return Change(*sums.tolist())


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        shutil.copyfile(source, target)


STAGE = Stage(
    name="replay",
    title="クリーニングの再判定: 測り直さずに基準を変える / cleaning decided again with other thresholds",
    config=Config,
    inputs={"from": Input("documents", "A cleaning that kept its measurements.")},
    run=run,
    produces="documents",
)

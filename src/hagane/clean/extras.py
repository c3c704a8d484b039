"""What a recipe names for three of the rules, and what they measure by: a HojiChar chain, benchmarks, a score model.

Each process loads them once. They are known while pages are read, so a replay cannot change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hagane.clean.benchmarks import benchmark_texts
from hagane.clean.config import Config
from hagane.clean.contamination import Benchmarks
from hagane.clean.hojichar import Judge, load_compose
from hagane.clean.selection import load_model


@dataclass(frozen=True)
class Extras:
    """The names; what they stand for is loaded when it is asked for."""

    chain: str | None = None
    benchmarks: tuple[tuple[str, str], ...] = ()
    """(name, path)"""
    score_model: str | None = None

    @classmethod
    def of(cls, config: Config) -> Extras:
        """What this recipe names; files by their full path, since a worker may live in another folder."""
        benchmarks = tuple((name, str(Path(path).absolute())) for name, path in config.contamination.benchmarks.items())
        model = config.score.model
        return cls(config.hojichar.profile, benchmarks, model and str(Path(model).absolute()))

    def load(self) -> None:
        """Load everything, to raise what is wrong with it before a page is read."""
        _ = self.judge, self.sought, self.model

    @property
    def judge(self) -> Judge | None:
        """What judges pages, where there is a chain."""
        return _judge(self.chain) if self.chain else None

    @property
    def sought(self) -> Benchmarks | None:
        """What must not stand in the corpus, where there are benchmarks."""
        return _sought(self.benchmarks) if self.benchmarks else None

    @property
    def model(self) -> npt.NDArray[np.float32] | None:
        """float32 [2**18], where there is a score model."""
        return _model(self.score_model) if self.score_model else None


_judge = cache(load_compose)  # a chain may hold dictionaries
_model = cache(load_model)


@cache
def _sought(benchmarks: tuple[tuple[str, str], ...]) -> Benchmarks:
    return Benchmarks.of({name: benchmark_texts(Path(path)) for name, path in benchmarks})

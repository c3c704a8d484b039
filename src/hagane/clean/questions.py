"""Where the questions of a cleaning lie on disk between its passes: menus, copies, lines, and the signatures of documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hagane.artifact.files import renamed
from hagane.clean.exchange import Exchange
from hagane.clean.minhash import BINS

SIGNATURE = np.dtype([("order", "<u8"), ("alive", "?"), ("exact", "<u8"), ("marks", "<u4", (BINS,))])
"""A page to be compared: its number, long ones after all others; whether anything is left of it; hash and MinHash of that."""


@dataclass(frozen=True)
class Questions:
    """The folder of one cleaning's questions."""

    folder: Path

    @property
    def menus(self) -> Exchange:
        """Short lines with numbers masked: in how many documents?"""
        return Exchange(self.folder / "menus")

    @property
    def copies(self) -> Exchange:
        """Exact hash and MinHash bands of what is left of a document: which document has the same first?"""
        return Exchange(self.folder / "copies")

    @property
    def lines(self) -> Exchange:
        """Lines: which document has them first, copies left out?"""
        return Exchange(self.folder / "lines")

    @property
    def passages(self) -> Exchange:
        """Sampled windows of long lines: which document has them first, copies left out?"""
        return Exchange(self.folder / "passages")

    @property
    def skeletons(self) -> Exchange:
        """Sentences without their nouns: in how many documents, with how many different fillings?"""
        return Exchange(self.folder / "skeletons")

    @property
    def windows(self) -> Exchange:
        """Windows of skeletons: in how many documents?"""
        return Exchange(self.folder / "windows")

    @property
    def pairs(self) -> Exchange:
        """Pairs of the rarer windows of a page: in how many documents, in which first?"""
        return Exchange(self.folder / "pairs")

    def asked(self, batch: int) -> bool:
        """Whether the second pass has been over this batch."""
        return self._signatures(batch).exists()

    def save_signatures(self, batch: int, rows: npt.NDArray[np.void]) -> None:
        """Keep SIGNATURE rows, one a page; written last of all questions of a batch."""
        with renamed(self._signatures(batch)) as path:
            np.save(path, rows, allow_pickle=False)

    def signatures(self, batch: int) -> npt.NDArray[np.void]:
        """SIGNATURE [pages], mapped into memory."""
        rows: npt.NDArray[np.void] = np.load(self._signatures(batch), mmap_mode="r")
        return rows

    def _signatures(self, batch: int) -> Path:
        return self.folder / "signatures" / f"{batch:06d}.npy"

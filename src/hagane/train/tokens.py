"""Documents as one flat run of tokens on disk, read as an endless stream in which each epoch is a new permutation of them.

The order is a pure function of (documents, seed, epoch), so a place in the stream is one integer. The tokens are a memory map;
what stands in memory is 8 bytes a document, and 16 more for each of the two epochs that are remembered.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from hagane.artifact.files import fsync_folder
from hagane.errors import DataError
from hagane.train.random import generator

TOKENS, STARTS = "tokens.bin", "starts.npy"


class TokenStore:
    """Documents, each `BOS … EOS`, one after another."""

    def __init__(self, tokens: np.ndarray, starts: np.ndarray) -> None:
        """tokens: unsigned integers [total]; starts: int64 [documents + 1], where each document begins, and the end."""
        self.tokens, self.starts = tokens, starts
        self.order = lru_cache(maxsize=2)(self._order)

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @property
    def total(self) -> int:
        """Tokens of one epoch."""
        return int(self.starts[-1])

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """What `write` left in `folder`."""
        return cls(np.memmap(folder / TOKENS, dtype=np.uint32, mode="r"), np.load(folder / STARTS))

    @classmethod
    def write(cls, folder: Path, documents: Iterable[Sequence[int]], *, bos_id: int, eos_id: int) -> TokenStore:
        """Write documents (ids without BOS and EOS) as uint32 and open them. Empty documents are left out.

        A `folder` that is there is whole: it gets its name last. Raises DataError when there is nothing to write.
        """
        partial = folder.with_name(f".{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        starts = array("q", [0])
        with (partial / TOKENS).open("wb") as file:
            for ids in documents:
                if ids:
                    np.asarray([bos_id, *ids, eos_id], dtype=np.uint32).tofile(file)
                    starts.append(starts[-1] + len(ids) + 2)
            os.fsync(file.fileno())
        if len(starts) == 1:
            raise DataError(
                "There is not one token to train on.", where=str(folder), fix="Look at the documents artefact."
            )
        with (partial / STARTS).open("wb") as file:
            np.save(file, np.asarray(starts))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder)
        fsync_folder(folder.parent)
        return cls.open(folder)

    def _order(self, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Documents of an epoch in their order, and where each begins in the stream (int64 [documents + 1])."""
        order = torch.randperm(self.documents, generator=generator(seed, epoch, "documents")).numpy()
        return order, np.concatenate(([0], np.cumsum(np.diff(self.starts)[order])))

    def read(self, seed: int, begin: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """`count` tokens of the endless stream from `begin`: (tokens, document starts as a bool mask), epoch after epoch."""
        tokens = np.empty(count, dtype=np.int64)
        first = np.zeros(count, dtype=bool)
        filled = 0
        while filled < count:
            epoch, inside = divmod(begin + filled, self.total)
            order, begins = self.order(seed, epoch)
            rank = int(np.searchsorted(begins, inside, side="right")) - 1
            while filled < count and rank < len(order):
                skip = inside - int(begins[rank])
                source = int(self.starts[order[rank]])
                size = min(int(begins[rank + 1]) - inside, count - filled)
                tokens[filled : filled + size] = self.tokens[source + skip : source + skip + size]
                first[filled] = skip == 0
                filled, inside, rank = filled + size, inside + size, rank + 1
        return tokens, first

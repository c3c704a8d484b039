"""Keys and values of the tokens already read, so that a new token costs one position instead of the whole prefix.

Rows are right-padded: row i holds its tokens at 0 … lengths[i]-1 and grows from there. A prompt therefore sits at the same
positions whatever its batch mates are, a padded prefill needs no mask (nothing looks to the right), and rows can be
dropped or overwritten at any time.

What is attended to grows in pages of 32 tokens, the memory behind it to twice what is needed at a time: most pages are only a
longer view of it, and each entry is copied about once in all. Rows that leave give theirs back. Memory: at most
4 · layers · rows · kv_heads · longest row so far · head_dim entries, and half as much again while it grows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hagane.model.config import DecoderConfig

PAGE = 32


class KeyValueCache:
    """Keys and values of every layer, each [rows, kv_heads, room, head_dim], and how much of each row is filled."""

    def __init__(
        self, config: DecoderConfig, rows: int, dtype: torch.dtype, device: torch.device | str = "cpu"
    ) -> None:
        shape = (rows, config.num_kv_heads, 0, config.head_dim)
        self._memory = [torch.empty(shape, dtype=dtype, device=device) for _ in range(2 * config.num_layers)]
        self._show(0)
        self.lengths = torch.zeros(rows, dtype=torch.int64, device=device)
        self.held = 0
        """Length of the longest row."""
        self.even = True
        """Whether all rows are of that length."""

    @property
    def rows(self) -> int:
        """Sequences it has a place for."""
        return len(self.lengths)

    def reserve(self, tokens: int) -> None:
        """Let every row have room for `tokens`, rounded up to pages; the places are zero where nothing was written."""
        room = -(-tokens // PAGE) * PAGE
        if room == self.room:
            return
        if room > self._memory[0].shape[2]:
            self._memory = [self._moved(entries[:, :, : self.room], 2 * room) for entries in self._memory]
        for entries in self._memory:
            # Zeros, not whatever the memory held: masked places have weight 0, but 0 · NaN is NaN.
            entries[:, :, self.room : room] = 0
        self._show(room)

    @staticmethod
    def _moved(entries: Tensor, room: int) -> Tensor:
        """A copy with memory for `room` places, which an operating system gives only as they are written."""
        moved = entries.new_empty(*entries.shape[:2], room, entries.shape[3])
        moved[:, :, : entries.shape[2]] = entries
        return moved

    def _show(self, room: int) -> None:
        """Let `keys` and `values` be the first `room` places of each row."""
        self.room = room
        """Places that are attended to, in each row."""
        layers = len(self._memory) // 2
        self.keys = [entries[:, :, :room] for entries in self._memory[:layers]]
        self.values = [entries[:, :, :room] for entries in self._memory[layers:]]

    def write(self, layer: int, positions: Tensor, key: Tensor, value: Tensor) -> None:
        """Store `key` and `value`, [rows, kv_heads, new, head_dim], at `positions`, [rows, new], of one layer."""
        if self.even:  # one copy of a block instead of a search for each row
            begin, end = self.held, self.held + key.shape[2]
            self.keys[layer][:, :, begin:end] = key
            self.values[layer][:, :, begin:end] = value
            return
        rows = torch.arange(len(positions), device=positions.device)[:, None]
        self.keys[layer][rows, :, positions] = key.transpose(1, 2)
        self.values[layer][rows, :, positions] = value.transpose(1, 2)

    def advance(self, new: int) -> None:
        """Every row has `new` more tokens."""
        self.lengths = self.lengths + new
        self.held += new

    def set_lengths(self, lengths: Tensor) -> None:
        """Row i holds `lengths[i]` tokens, int64 [rows]; what lies behind is forgotten (padding, finished rows)."""
        self.lengths = lengths
        self.held = int(lengths.max())
        self.even = bool((lengths == self.held).all())

    def put(self, rows: Tensor, other: KeyValueCache) -> None:
        """Overwrite `rows`, int64 [n], with the n rows of `other`."""
        self.reserve(max(self.held, other.held))
        for mine, new in zip(self.keys + self.values, other.keys + other.values, strict=True):
            mine[rows, :, : other.held] = new[:, :, : other.held]
        self.set_lengths(self.lengths.index_copy(0, rows, other.lengths))

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but `rows`, int64 [kept]."""
        self._memory = [entries[rows, :, : self.room] for entries in self._memory]
        self._show(self.room)
        self.set_lengths(self.lengths[rows])

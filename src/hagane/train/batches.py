"""Batches of one fixed shape, whose order is a pure function of (data, seed, step).

Two ways to fill rows of `seq` tokens. Pretraining reads a *stream* of documents, cut where a row ends (`mixture.py`). Everything
with labelled answers *packs*, here: whole examples into rows, best fit first, since cutting an answer in two would train on half
an instruction (Ding et al. 2024, "Fewer truncations improve language modeling", §3).

In both, attention stays inside a document (`segments`) and positions count from its start (from the row's start where a document
was cut). One shape for a whole stage means one compilation. There is no loader state: resuming at step k asks for batch k.

Of several processes each gets its share of the packed rows of a step, as one micro-batch: the rows are the same for any number
of processes, and so is the step.

Keys of a batch:
    tokens [rows, seq] int64           what the model reads; 0 where nothing is
    targets [rows, seq] int64          the token to predict at each place
    weights [rows, seq] float32        how much predicting it counts; 0 = not labelled
    segments [rows, seq] int32         number of the document in its row, -1 for padding
    positions [rows, seq] int64        place inside the document
Packed batches also have
    sequence_index [rows, seq] int64   number of the example in the batch, -1 for padding
    examples [n] int64                 which example of the data each of those numbers is
    ends [n, 2] int64                  row and column of the last token of each
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from hagane.artifact import processes
from hagane.errors import DataError
from hagane.train.random import generator
from hagane.train.task import Batch


@dataclass(frozen=True)
class Example:
    """Tokens of one sequence and, aligned with them, the weight of predicting each (the first is never predicted)."""

    tokens: Sequence[int]
    weights: Sequence[float]


def pack_rows(lengths: Sequence[int], seq: int) -> list[list[int]]:
    """Pack items of these lengths into rows of `seq`; returns the item numbers of each row. Every item exactly once.

    Best fit: an item goes where the least room is left over. Long items go first, a quarter of a row at a time, and short ones
    fill the holes; inside a quarter the given order stands, so that a row does not hold items of one length (and kind) only.
    Raises DataError, naming the item, when one is longer than a row.
    """
    for number, length in enumerate(lengths):
        if length > seq:
            raise DataError(
                f"Example {number} has {length} tokens; a row holds {seq}.",
                where=f"example {number}",
                fix="Raise `seq`, or leave the example out before packing.",
            )
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []
    for item in sorted(range(len(lengths)), key=lambda item: -(lengths[item] * 4 // seq)):
        place = bisect_left(room, (lengths[item], -1))
        if place == len(room):
            rows.append([])
            left, row = seq, len(rows) - 1
        else:
            left, row = room.pop(place)
        rows[row].append(item)
        insort(room, (left - lengths[item], row))
    return rows


def collate(examples: Sequence[Example], plan: Sequence[Sequence[int]], rows: int, seq: int) -> Batch:
    """The batch of a plan: the example numbers of each row. Rows beyond the plan are padding."""
    batch: Batch = {
        "tokens": torch.zeros(rows, seq, dtype=torch.int64),
        "targets": torch.zeros(rows, seq, dtype=torch.int64),
        "weights": torch.zeros(rows, seq, dtype=torch.float32),
        "segments": torch.full((rows, seq), -1, dtype=torch.int32),
        "positions": torch.zeros(rows, seq, dtype=torch.int64),
        "sequence_index": torch.full((rows, seq), -1, dtype=torch.int64),
    }
    numbers: list[int] = []
    ends: list[tuple[int, int]] = []
    for row, members in enumerate(plan):
        begin = 0
        for segment, number in enumerate(members):
            tokens = torch.tensor(examples[number].tokens, dtype=torch.int64)
            end = begin + len(tokens)
            batch["tokens"][row, begin:end] = tokens
            batch["targets"][row, begin : end - 1] = tokens[1:]
            batch["weights"][row, begin : end - 1] = torch.tensor(examples[number].weights, dtype=torch.float32)[1:]
            batch["segments"][row, begin:end] = segment
            batch["positions"][row, begin:end] = torch.arange(len(tokens))
            batch["sequence_index"][row, begin:end] = len(numbers)
            numbers.append(number)
            ends.append((row, end - 1))
            begin = end
    batch["examples"] = torch.tensor(numbers, dtype=torch.int64)
    batch["ends"] = torch.tensor(ends, dtype=torch.int64).view(-1, 2)
    return batch


def shares(examples: Sequence[Example], plan: Sequence[Sequence[int]], rows: int, seq: int) -> list[Batch]:
    """The batch of a plan, its rows dealt in turn into one micro-batch for each process.

    All have `share_of(rows)` rows, so that all processes make passes of one shape; what is beyond a share is padding.
    """
    count = processes.count()
    return [collate(examples, plan[number::count], share_of(rows), seq) for number in range(count)]


def share_of(rows: int) -> int:
    """Rows of the micro-batch of each process: ⌈rows / processes⌉."""
    return -(-rows // processes.count())


class PackedExamples:
    """Examples packed into rows once, the rows in a new permutation every epoch; every example exactly once an epoch."""

    def __init__(self, examples: Sequence[Example], rows: int, seq: int, seed: int) -> None:
        """Raises DataError when there are none, when one has no token or not as many weights, or when one does not fit a row."""
        if not examples:
            raise DataError("There are no examples to pack.", fix="Look at what left them out: length, empty answers.")
        for number, example in enumerate(examples):
            if not example.tokens or len(example.tokens) != len(example.weights):
                raise DataError(
                    f"Example {number} has {len(example.tokens)} tokens and {len(example.weights)} weights.",
                    where=f"example {number}",
                    fix="Give at least one token, and a weight to each.",
                )
        self.examples, self.rows, self.seq, self.seed = examples, rows, seq, seed
        order = torch.randperm(len(examples), generator=generator(seed, 0, "pack")).tolist()
        rows_of = pack_rows([len(examples[item].tokens) for item in order], seq)
        self.plan = [[order[item] for item in members] for members in rows_of]
        self.epoch_order = lru_cache(maxsize=2)(self._epoch_order)

    @property
    def steps_per_epoch(self) -> int:
        """Batches that hold every example once; the last may have empty rows."""
        return -(-len(self.plan) // self.rows)

    def _epoch_order(self, epoch: int) -> list[int]:
        return torch.randperm(len(self.plan), generator=generator(self.seed, epoch, "rows")).tolist()

    def shares(self, step: int) -> list[Batch]:
        """The rows of `step`, counting on over the epochs, as micro-batches, one for each process."""
        epoch, inside = divmod(step, self.steps_per_epoch)
        chosen = self.epoch_order(epoch)[inside * self.rows : (inside + 1) * self.rows]
        return shares(self.examples, [self.plan[row] for row in chosen], self.rows, self.seq)

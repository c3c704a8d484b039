"""Pairs in rows of one fixed length, both answers of a pair side by side.

A preference loss needs both answers in the same forward pass, so a pair is packed as one unit (chosen, then rejected) and never
cut or parted. Padding each answer to the longest would compute two to three times the tokens. Rows are grouped into steps, and
those into a micro-batch for each process, once; epochs differ in the order of the steps only, so that a reference log-probability
computed for a batch belongs to exactly the numbers the policy meets again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hagane.artifact import processes
from hagane.artifact.progress import note
from hagane.errors import DataError
from hagane.prefer.examples import Pair
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import Example, pack_rows, shares
from hagane.train.random import generator
from hagane.train.task import Batch


def example(tokenizer: Tokenizer, prompt: str, answer: str, stopped: bool) -> Example:
    """Prompt and answer in the chat format; weight 1 on the answer's tokens, end token included if it `stopped`."""
    asked, said = tokenizer.chat_example(prompt, answer)
    if not stopped:
        said = said[:-1]
    return Example([*asked, *said], [0.0] * len(asked) + [1.0] * len(said))


@dataclass(frozen=True)
class PackedPairs:
    """Batches of pairs. In each, examples 2i and 2i + 1 of the data are the chosen and the rejected answer of pair i."""

    pairs: list[Pair]
    """The pairs that are in the batches, numbered as in the batches."""
    batches: list[Batch]
    """One after another: as many as there are processes make a step."""
    too_long: int
    """Pairs left out because both answers together do not fit a row."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps that hold every pair once."""
        return len(self.batches) // processes.count()

    def at(self, step: int, seed: int) -> list[Batch]:
        """The micro-batches of a step: a permutation of all steps, epoch after epoch."""
        epoch, inside = divmod(step, self.steps_per_epoch)
        order = torch.randperm(self.steps_per_epoch, generator=generator(seed, epoch, "pairs")).tolist()
        first = order[inside] * processes.count()
        return self.batches[first : first + processes.count()]


def pack_pairs(pairs: Sequence[Pair], tokenizer: Tokenizer, rows: int, seq: int, seed: int, label: str) -> PackedPairs:
    """Pack pairs into batches [rows, seq]; the last may be partly empty. `DataError` when not one pair fits."""
    drawn = torch.randperm(len(pairs), generator=generator(seed, 0, "packing")).tolist()
    kept: list[Pair] = []
    examples: list[Example] = []
    for pair in (pairs[number] for number in drawn):
        both = (
            example(tokenizer, pair.prompt, pair.chosen, pair.chosen_stopped),
            example(tokenizer, pair.prompt, pair.rejected, pair.rejected_stopped),
        )
        if sum(len(one.tokens) for one in both) <= seq and all(any(one.weights) for one in both):
            kept.append(pair)
            examples.extend(both)
    if not kept:
        raise DataError(
            f"None of {len(pairs)} {label} pairs fits a row of {seq} tokens.",
            where="pairs.jsonl",
            fix="Raise `seq`: it must hold prompt and answer twice.",
        )
    if len(kept) < len(pairs):
        note(
            f"  {len(pairs) - len(kept)} of {len(pairs)} {label} pairs are left out: empty, or longer than {seq} tokens"
        )
    lengths = [len(examples[2 * i].tokens) + len(examples[2 * i + 1].tokens) for i in range(len(kept))]
    plan = [[number for i in row for number in (2 * i, 2 * i + 1)] for row in pack_rows(lengths, seq)]
    mixed = torch.randperm(len(plan), generator=generator(seed, 0, "rows")).tolist()
    plan = [plan[row] for row in mixed]
    starts = range(0, len(plan), rows)
    batches = [batch for start in starts for batch in shares(examples, plan[start : start + rows], rows, seq)]
    return PackedPairs(kept, batches, len(pairs) - len(kept))

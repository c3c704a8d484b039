"""A preference pair: two answers to one prompt, one preferred.

`pairs.jsonl` is the interchange: the stage `pairs` writes it from checked samples, people's votes come in the same form. Texts,
not token ids, so that a pair outlives a tokenizer; `*_stopped` says whether the end token belongs to the answer, since an
answer that was cut off must not teach the model to stop there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hagane.artifact.rows import read_rows, write_rows
from hagane.errors import DataError

FILE_NAME = "pairs.jsonl"


@dataclass(frozen=True)
class Pair:
    """One row of `pairs.jsonl`."""

    prompt: str
    chosen: str
    rejected: str
    chosen_stopped: bool = True
    rejected_stopped: bool = True
    family: str = ""
    split: Literal["train", "heldout"] = "train"
    check: Mapping[str, Any] = field(default_factory=dict)


def write_pairs(folder: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs.jsonl` into `folder`."""
    write_rows(folder / FILE_NAME, (asdict(pair) for pair in pairs))


def read_pairs(artifact: Path) -> tuple[list[Pair], list[Pair]]:
    """Training and held-out pairs of a pairs artefact (or of a JSONL file). Both must be there: `DataError` otherwise."""
    path = artifact if artifact.is_file() else artifact / FILE_NAME
    rows = read_rows(path, ("prompt", "chosen", "rejected"), "pairs")
    known = Pair.__dataclass_fields__
    pairs = [Pair(**{key: value for key, value in row.items() if key in known}) for row in rows]
    train = [pair for pair in pairs if pair.split == "train"]
    heldout = [pair for pair in pairs if pair.split == "heldout"]
    if not train or not heldout:
        raise DataError(
            f"{len(train)} training and {len(heldout)} held-out pairs: neither may be empty.",
            where=str(path),
            fix='Mark about a tenth of the prompts with "split": "heldout".',
        )
    shared = {pair.prompt for pair in train} & {pair.prompt for pair in heldout}
    if shared:
        raise DataError(
            f"{len(shared)} prompts are in both splits, for example {sorted(shared)[0][:40]!r}.",
            where=str(path),
            fix="Split by prompt, not by pair: held-out accuracy would be accuracy on prompts that were learned.",
        )
    return train, heldout

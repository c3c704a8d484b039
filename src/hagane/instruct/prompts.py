"""The three sets of instructions, disjoint by prompt, made in the order that keeps them so.

1. Held-out rows: from held-out material, in familiar and in held-out wordings, so many a family and wording. Never trained on.
2. Practice rows: from training material in familiar wordings, for preference tuning, which needs prompts that the
   instruct model has not learned by heart. Drawn by each family's `practice`.
3. The endless stream of training rows: whatever is in neither of the two.

Every draw comes from a generator named after the seed and its purpose: another family, or more rows of one, moves nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from hagane.errors import DataError
from hagane.instruct.family import Family, Row, draw_row
from hagane.instruct.handwritten import Handwritten
from hagane.instruct.material import Material

WORDINGS = ("familiar", "heldout")
HANDWRITTEN_SHARE = 0.3
"""Where a family has both, the share of its training rows that are hand-written."""


def heldout_rows(
    families: Sequence[Family], material: Material, written: Handwritten, count: int, seed: int
) -> list[Row]:
    """`count` rows a family and wording, fewer where the material has no more, and all hand-written held-out rows."""
    rows = list(written.heldout)
    taken = {row.prompt for row in rows}
    for family in families:
        for wording in WORDINGS:
            rng = random.Random(f"{seed}/heldout/{family.name}/{wording}")
            rows += _distinct(family, material, rng, count, taken, split="heldout", wording=wording)
    return rows


def practice_rows(
    families: Sequence[Family], material: Material, written: Handwritten, count: int, seed: int, taken: set[str]
) -> list[Row]:
    """About `count` rows, shared out by `practice`, in one random order; their prompts are added to `taken`."""
    rows = [row for row in written.practice if row.prompt not in taken]
    taken.update(row.prompt for row in rows)
    total = sum(family.practice for family in families)
    for family in families:
        rng = random.Random(f"{seed}/practice/{family.name}")
        share = round(max(0, count - len(written.practice)) * family.practice / total)
        rows += _distinct(family, material, rng, share, taken, split="train", wording="familiar")
    random.Random(f"{seed}/practice").shuffle(rows)
    return rows


def _distinct(
    family: Family, material: Material, rng: random.Random, count: int, taken: set[str], *, split: str, wording: str
) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < count:
        row = draw_row(family, material, rng, split=split, wording=wording, taken=taken)
        if row is None:
            break
        taken.add(row.prompt)
        rows.append(row)
    return rows


def training_rows(
    families: Sequence[Family],
    material: Material,
    written: Handwritten,
    weights: Mapping[str, float],
    seed: int,
    taken: set[str],
) -> Iterator[Row]:
    """Endless: a family by `weights` (1 where not named), then a row of it. Rows may come again; none is in `taken`.

    Raises DataError for a weight of a family that there is not, and where no family is left.
    """
    pools: dict[str, list[Row]] = {}
    for row in written.training:
        if row.prompt not in taken:
            pools.setdefault(row.family, []).append(row)
    made = {family.name: family for family in families}
    names = list(dict.fromkeys([*made, *pools]))
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise DataError(
            f"weights for families that there are not: {', '.join(unknown)}",
            where="weights",
            fix="use " + ", ".join(names),
        )
    shares = {name: weights.get(name, 1.0) for name in names if weights.get(name, 1.0) > 0}
    rng = random.Random(f"{seed}/training")
    while shares:
        name = rng.choices(list(shares), list(shares.values()))[0]
        pool = pools.get(name)
        if pool and (name not in made or rng.random() < HANDWRITTEN_SHARE):
            yield rng.choice(pool)
            continue
        drawn = draw_row(made[name], material, rng, split="train", taken=taken)
        if drawn is None:
            del shares[name]
        else:
            yield drawn
    raise DataError("no family of instructions can be made from these documents", fix="give more documents")

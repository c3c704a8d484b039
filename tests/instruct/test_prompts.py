"""Held-out, practice and training instructions are disjoint, repeatable, and what they say they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from hagane.errors import DataError
from hagane.instruct.families import FAMILIES
from hagane.instruct.family import Row
from hagane.instruct.handwritten import Handwritten
from hagane.instruct.material import Material
from hagane.instruct.prompts import heldout_rows, practice_rows, training_rows

Three = tuple[list[Row], list[Row], list[Row]]


def make(materials: tuple[Material, Material], written: Handwritten, seed: int = 1, training: int = 2000) -> Three:
    heldout = heldout_rows(FAMILIES, materials[1], written, 10, seed)
    taken = {row.prompt for row in heldout}
    practice = practice_rows(FAMILIES, materials[0], written, 300, seed, taken)
    return heldout, practice, list(islice(training_rows(FAMILIES, materials[0], written, {}, seed, taken), training))


def test_three_disjoint_sets(materials: tuple[Material, Material], written: Handwritten) -> None:
    heldout, practice, training = make(materials, written)
    sets = [{row.prompt for row in rows} for rows in (heldout, practice, training)]
    assert len(sets[0] | sets[1] | sets[2]) == sum(map(len, sets))
    assert (len(sets[0]), len(sets[1])) == (len(heldout), len(practice))
    assert {row.split for row in heldout} == {"heldout"}
    assert {(row.split, row.wording) for row in practice + training} == {("train", "familiar")}
    names = {family.name for family in FAMILIES}
    assert {row.family for row in practice} >= names
    counts = Counter((row.family, row.wording) for row in heldout)
    assert all(counts[name, wording] >= 10 for name in names for wording in ("familiar", "heldout"))
    assert {row.family for row in training} == names | {"chat", "question"}


def test_a_new_word_never_reaches_training(materials: tuple[Material, Material], written: Handwritten) -> None:
    heldout, practice, training = make(materials, written)
    new = set(materials[1].words)

    def asks_new(row: Row) -> bool:
        return row.check.get("word") in new

    assert not any(asks_new(row) for row in practice + training)
    assert any(asks_new(row) for row in heldout)


def test_the_seed_decides_everything(materials: tuple[Material, Material], written: Handwritten) -> None:
    assert make(materials, written, training=200) == make(materials, written, training=200)
    assert make(materials, written, training=200) != make(materials, written, seed=2, training=200)


def test_weights(materials: tuple[Material, Material], written: Handwritten) -> None:
    only = {family.name: 0.0 for family in FAMILIES} | {"chat": 0.0, "question": 0.0, "copy": 1.0}
    rows = islice(training_rows(FAMILIES, materials[0], written, only, 1, set()), 50)
    assert {row.family for row in rows} == {"copy"}
    with pytest.raises(DataError, match="coppy"):
        next(training_rows(FAMILIES, materials[0], written, {"coppy": 2.0}, 1, set()))


def test_a_family_without_material_is_left_out(materials: tuple[Material, Material], written: Handwritten) -> None:
    """One source only: there is nothing to tell apart, and no endless search for it."""
    bare = replace(materials[0], passages={})
    rows = list(islice(training_rows(FAMILIES, bare, written, {}, 1, set()), 2000))
    assert "manual" not in {row.family for row in rows}
    assert len(rows) == 2000

"""A family of instructions: one thing to do, many ways to ask for it.

*What* is asked (an item: fields, the reference response, the check) and *how* (a wording: a template over the fields) are
drawn apart. Held-out wordings are never seen in training, so that doing the thing and knowing the sentence can be told
apart in the report. With three training wordings a family the held-out ones fell to zero in a first trial, with eight
they held; families here have ten or more, with the material before and after the request.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hagane.checks import passes
from hagane.instruct.material import Material


@dataclass(frozen=True)
class Item:
    """What one instruction is about. `check` is a check of `hagane.checks`; the reference response passes it."""

    fields: Mapping[str, str]
    response: str
    check: Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """One thing to do. `draw` gives None where the material has nothing for it this time.

    `practice`: how often it is drawn, next to the others, for the prompts that preference tuning works on. Families with
    many right answers or middling success stand higher: a prompt whose samples all pass or all fail teaches nothing.
    """

    name: str
    wordings: tuple[str, ...]
    heldout_wordings: tuple[str, ...]
    draw: Callable[[Material, random.Random], Item | None]
    practice: float = 1.0


@dataclass(frozen=True)
class Row:
    """One instruction with its reference response and its check, as written to `prompts.jsonl`."""

    prompt: str
    response: str
    family: str
    wording: str
    split: str
    check: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The row of `prompts.jsonl`."""
        return asdict(self)


TRIES = 100
"""Draws after which a family is held to have nothing (more) to give."""


def draw_row(
    family: Family,
    material: Material,
    rng: random.Random,
    *,
    split: str,
    wording: str = "familiar",
    taken: set[str] | frozenset[str] = frozenset(),
) -> Row | None:
    """A row whose prompt is not in `taken` and whose reference passes its own check, or None after `TRIES` draws."""
    templates = family.heldout_wordings if wording == "heldout" else family.wordings
    for _ in range(TRIES):
        item = family.draw(material, rng)
        if item is None or not passes(item.check, item.response):
            continue
        prompt = rng.choice(templates).format(**item.fields)
        if prompt not in taken:
            return Row(prompt, item.response, family.name, wording, split, item.check)
    return None

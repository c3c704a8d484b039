"""The quality gate: how well the stage finds noise whose place is known, and what it takes from text that has none.

1. Noise of three kinds put into the prose of the clean text: `injected`, in the half of words and phrases that no rule
   was tuned on.
2. Main text of HTML pages with gold: `gold`.
3. Clean prose lost: `prose`.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from hagane.artifact.progress import note
from hagane.clean.audit.gold import gold_figures
from hagane.clean.audit.injected import count, figures
from hagane.clean.audit.natural import pieces, prose, read_pieces
from hagane.clean.audit.noise.pages import noisy_pages, template_pages
from hagane.clean.audit.noise.vocabulary import Vocabulary
from hagane.clean.audit.prose import prose_lost
from hagane.clean.config import Config

PIECE = 3_000
"""Characters of a piece of clean text: about a page."""
BODY = 700
"""Characters of good text on a page with noise."""


def audit(
    config: Config,
    gold: Sequence[str] = (),
    *,
    heldout: bool = True,
    characters: int = 1_000_000,
    bodies: int = 300,
    families: int = 12,
) -> dict[str, Any]:
    """All figures, for JSON: kinds, rules, groups, good_lost; clean: source → its losses; gold: kind → F1.

    config: of the stage; its `sources` are the clean texts, and of each about `characters` are read. Noise is put into `bodies`
    pieces of good text, and `families` templates are made a row. gold: as `gold_pages` takes them. Raises
    `DataError`, `UsageError`.
    """
    texts = {source: read_pieces(source, characters, PIECE) for source in config.sources}
    losses = {}
    for source, whole in texts.items():
        note(f"audit: {source}")
        losses[source] = prose_lost(whole, config)
    everything = [text for whole in texts.values() for piece in whole if (text := prose(piece))]
    half = "heldout" if heldout else "development"
    note(f"audit: noise, {half}")
    Random(f"{config.seed}/bodies").shuffle(everything)
    words = Vocabulary.of(everything, heldout=heldout)
    short = [pieces(text, BODY)[0] for text in everything[:bodies]]
    noisy = noisy_pages(Random(f"{config.seed}/{half}/noisy"), words, short)
    templates = template_pages(Random(f"{config.seed}/{half}/templates"), words, everything, families)
    counts = count(noisy, config)
    counts.add(count(templates, config))
    found = {"half": half, **figures(counts), "clean": losses}
    if gold:
        note(f"audit: {', '.join(gold)}")
        found["gold"] = gold_figures(gold, config)
    return found

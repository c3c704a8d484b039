"""The Japanese pages that come with the package: raw HTML, gold main text, and what on them is noise.

Written for this project, so that the recipe `smoke` and the tests need no network and know the right answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Noise:
    """A stretch of a page that cleaning should remove."""

    kind: str
    """advert | menu | template."""
    text: str


@dataclass(frozen=True)
class BuiltinPage:
    """One page with its answers."""

    name: str
    topic: str
    kind: str
    """article | howto | story | qa | template | advert | menu."""
    html: str
    gold: str
    """Main text; empty where nothing of the page is worth keeping."""
    noise: tuple[Noise, ...]


@cache
def builtin_pages() -> tuple[BuiltinPage, ...]:
    """All pages, by name."""
    pages = []
    for line in (_FOLDER / "labels.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        name = row["page"]
        gold = _FOLDER / "gold" / f"{name}.txt"
        pages.append(
            BuiltinPage(
                name=name,
                topic=row["topic"],
                kind=row["kind"],
                html=(_FOLDER / "pages" / f"{name}.html").read_text(encoding="utf-8"),
                gold=gold.read_text(encoding="utf-8") if gold.is_file() else "",
                noise=tuple(Noise(noise["kind"], noise["text"]) for noise in row["noise"]),
            )
        )
    return tuple(sorted(pages, key=lambda page: page.name))

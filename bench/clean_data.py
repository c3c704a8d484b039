"""What the benchmarks of cleaning read: the same documents for everybody, always in the same order.

Text is a mix as it comes from the web after extraction: literature, technical documents, statutes, and whole pages with their menus
and footers as text. Documents are cut at line ends into about 1,000 characters (2–4 KB of UTF-8). Where the shared data is
absent, the pages that come with the package stand in, told again with other numbers until there are enough.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from hagane.corpus.builtin import builtin_pages

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
MIX = {
    "pretrain_aozora_modern_60M.jsonl.gz": 0.40,
    "pretrain_techdoc.jsonl.gz": 0.35,
    "pretrain_law_15M.jsonl.gz": 0.15,
    "html_gold_ja.jsonl.gz": 0.10,
}
"""File → share of the documents."""
GOOD_MIX = {name: share for name, share in MIX.items() if not name.startswith("html_gold")}
"""The same without whole pages: clean text."""
ALL = slice(None)
CHARACTERS = 1000
_PAIR_CHARACTERS = 1200


def documents(count: int, mix: dict[str, float] = MIX, rows: slice = ALL) -> list[str]:
    """`count` texts of the mix, well mixed: any stretch of them has about the same composition.

    `rows`: which works of a file may be taken; two slices that share none give texts of different works.
    """
    if not all((SHARED / name).is_file() for name in mix):
        print(f"no shared data at {SHARED}: the built-in pages stand in, told again and again")
        texts = [_visible(page.html) if mix is MIX else page.gold for page in builtin_pages()[rows] if page.gold]
        return [f"{number}\n{text}" for number, text in zip(range(count), itertools.cycle(texts), strict=False)]
    found: list[tuple[float, str]] = []
    for name, share in mix.items():
        pieces = _pieces(name, round(count * share / sum(mix.values())), rows)
        found += [((number + 0.5) / len(pieces), piece) for number, piece in enumerate(pieces)]
    return [piece for _, piece in sorted(found)]


def gold_pages() -> list[str]:
    """The HTML of the gold pages, or of the built-in ones."""
    path = SHARED / "html_gold_ja.jsonl.gz"
    if not path.is_file():
        return [page.html for page in builtin_pages()]
    return [row["html"] for row in _rows(path)]


def pairs_of_known_similarity(count: int, texts: list[str]) -> list[tuple[str, str, float]]:
    """(text, text, Jaccard similarity of their sets of character 5-grams), spread over 0 to 1; texts hold no blanks."""
    draw = random.Random(1)
    packed = ["".join(text.split()) for text in texts]
    long = [text[:_PAIR_CHARACTERS] for text in packed if len(text) >= 500]
    found = []
    for number in range(count):
        one, other = long[2 * number % len(long)], long[(2 * number + 1) % len(long)]
        cut = draw.randrange(20, min(len(one), len(other)))
        mixed = one[:cut] + other[cut:]
        left, right = _grams(one), _grams(mixed)
        found.append((one, mixed, len(left & right) / len(left | right)))
    return found


def _grams(text: str) -> set[str]:
    return {text[i : i + 5] for i in range(len(text) - 4)}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _pieces(name: str, wanted: int, rows: slice) -> list[str]:
    """`wanted` pieces (or all, where there are fewer), every fourth or so, so that a few works do not make the whole."""
    found: list[str] = []
    for row in itertools.islice(_rows(SHARED / name), rows.start, rows.stop, rows.step):
        found += _cut(_visible(row["html"]) if "html" in row else row["text"])
        if len(found) >= 4 * wanted:
            break
    wanted = min(wanted, len(found))
    return [found[number * len(found) // wanted] for number in range(wanted)]


def _cut(text: str) -> Iterator[str]:
    """Pieces of about `CHARACTERS`, cut at line ends; a line that is longer by itself is cut where it must be."""
    piece: list[str] = []
    length = 0
    for line in text.splitlines():
        for begin in range(0, max(len(line), 1), CHARACTERS):
            part = line[begin : begin + CHARACTERS]
            piece.append(part)
            length += len(part)
            if length >= CHARACTERS:
                yield "\n".join(piece)
                piece, length = [], 0


def _visible(html: str) -> str:
    """All text of a page, menus and footers too, a line an element."""
    body = LexborHTMLParser(html).body
    if body is None:
        return ""
    for node in body.css("script, style, noscript, template"):
        node.decompose()
    return "\n".join(line.strip() for line in body.text(separator="\n").splitlines() if line.strip())

"""What stands between two `<` of a page: a tag and the text behind it, and the places where it is not as simple as that.

Quoted values with `<` or `>` inside, comments, declarations, scripts, entities: as the HTML standard reads them (13.2.5), as far as
lines depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import unescape

_CHUNK = 1_000_000
"""Characters that are cut into pieces at a time, so that the pieces of a large page do not all lie in memory."""
_NAMES = re.compile(r"""(?:^|[\s"'/])(?:class|id|role)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_HIDDEN = re.compile(r"""(?:^|\s)hidden(?:\s|=|/|$)|display\s*:\s*none""", re.IGNORECASE)
_ATTRIBUTES = re.compile(r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')|=(?!\s*+["']))*+""")
_OPEN_VALUE = re.compile(r"""=\s*(["'])""")
_COMMENT_END = re.compile(r"--!?>")
_ENTITY = re.compile(r"(&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?))")
_character = lru_cache(1 << 14)(unescape)


def cut_at_tags(html: str) -> Iterator[str]:
    """What stands between one `<` and the next."""
    start = 0
    while len(html) - start > _CHUNK:
        end = html.find("<", start + _CHUNK)
        if end < 0:
            break
        yield from html[start:end].split("<")
        start = end + 1
    yield from html[start:].split("<")


@lru_cache(1 << 12)
def names_of(attributes: str) -> str:
    """class, id and role, separated by blanks; `hidden-by-style` where the element is not shown."""
    names = " ".join(value for match in _NAMES.findall(attributes) for value in match if value)
    return f"{names} hidden-by-style" if _HIDDEN.search(attributes) else names


def whole_tag(piece: str, pieces: Iterator[str]) -> tuple[str, str]:
    """A tag that has `<` or `>` inside a quoted value, and the text behind it."""
    parts = []
    while True:
        inside = _ATTRIBUTES.match(piece)
        end = inside.end() if inside else 0
        parts.append(piece[:end])
        opened = _OPEN_VALUE.match(piece, end)
        if opened is None:
            return "".join(parts), piece[end + 1 :]
        parts.append(piece[end:])
        for piece in pieces:
            if opened[1] in piece:
                value, quote, piece = piece.partition(opened[1])
                parts += value, quote
                break
            parts.append(piece)
        else:
            return "".join(parts), ""  # the value is never closed: the standard drops the rest as well


def after_no_tag(piece: str, pieces: Iterator[str]) -> str:
    """The text of a piece that is a comment, a declaration, or no markup at all."""
    if not piece.startswith(("!", "?", "/")):
        return "<" + piece
    if not piece.startswith("!--"):
        return piece.partition(">")[2]
    rest = piece[3:]
    for short in (">", "->"):
        if rest.startswith(short):
            return rest[len(short) :]
    while True:
        end = _COMMENT_END.search(rest)
        if end is not None:
            return rest[end.end() :]
        following = next(pieces, None)
        if following is None:
            return ""
        rest = following


def after_raw(name: str, pieces: Iterator[str]) -> str:
    """The text behind the end tag of a script or the like; what stands before it is never markup."""
    end = "/" + name
    for piece in pieces:
        if piece[: len(end)].lower() == end and (piece[len(end) : len(end) + 1] or ">") in " \t\n\r\f/>":
            return piece.partition(">")[2]
    return ""


def decoded(text: str) -> str:
    """The text with its entities as the characters they stand for."""
    parts = _ENTITY.split(text)
    parts[1::2] = map(_character, parts[1::2])
    return "".join(parts)

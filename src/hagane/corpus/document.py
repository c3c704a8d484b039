"""What goes through the cleaning: a page as it was found, a page that could not be used, a cleaned document.

Every page ends as exactly one of the last two. `Quarantined` is not an error: the run goes on, and the count and the reason
stand in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["html", "roff", "text", "aozora"]


@dataclass(frozen=True)
class RawDocument:
    """One page before cleaning."""

    id: str
    """Unique in a corpus and the same on every machine: source, path below it, member of a zip, row."""
    source: str
    kind: Kind
    content: str
    replaced: int = 0
    """Bytes that could not be decoded and lone surrogates (they became U+FFFD), and NULs that were taken out."""
    url: str = ""
    """Where the page stood on the web; "" where that is not known."""


@dataclass(frozen=True)
class Quarantined:
    """A page, or a file of pages, that was left out as a whole, with the reason."""

    id: str
    source: str
    reason: str
    """A word to count by: too_large, truncated_gzip, broken_encoding, redirect, link, ..."""
    detail: str = ""
    """What was found, and what to do about it where something can be done."""


Item = RawDocument | Quarantined


@dataclass(frozen=True)
class Document:
    """One cleaned document."""

    id: str
    source: str
    text: str

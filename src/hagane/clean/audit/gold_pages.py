"""HTML pages whose main text is known: JSON lines with `kind`, `html`, `gold`, or the LilyPond manual as its Debian package has it.

Half of what stands on a page of that manual is navigation, contents and footer, and its authors say which: the main text is
`div#main` without `.nav_table`, `.contents` and `#footer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import orjson

from hagane.corpus.document import RawDocument
from hagane.corpus.packed import read_lines
from hagane.corpus.read import read_raw
from hagane.errors import DataError, UsageError

LILYPOND = "debian:lilypond-doc-html-ja"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class GoldPage:
    """One page with its answer."""

    kind: str
    """sites | manual | lilypond."""
    html: str
    gold: str


def gold_pages(source: str) -> Iterator[GoldPage]:
    """The pages of a file or of `LILYPOND`. Raises `UsageError` where there is no such file, `DataError` for a wrong row."""
    if source == LILYPOND:
        yield from _lilypond()
        return
    path = Path(source)
    if not path.is_file():
        raise UsageError(
            "There are no gold pages here.", where=source, fix=f"Give a file of JSON lines, or {LILYPOND}."
        )
    for number, line in read_lines(path, _MOST_BYTES):
        row = orjson.loads(line or b"{}")
        if not {"kind", "html", "gold"} <= row.keys():
            raise DataError("A row needs `kind`, `html` and `gold`.", where=f"{path}:{number}", fix="Give gold pages.")
        yield GoldPage("manual" if row["kind"].startswith("manual") else "sites", row["html"], row["gold"])


def _lilypond() -> Iterator[GoldPage]:
    """The pages of the manual that have a main text."""
    for raw in read_raw([LILYPOND]):
        if isinstance(raw, RawDocument) and raw.kind == "html" and (gold := main_division(raw.content).strip()):
            yield GoldPage("lilypond", raw.content, gold)


def main_division(html: str) -> str:
    """The text of `div#main` without navigation, contents and footer."""
    parser = _MainDivision()
    parser.feed(html)
    parser.close()
    return "".join(parser.found)


class _MainDivision(HTMLParser):
    """Only divisions and tables are followed: HTML 4 lets paragraphs and cells stay open."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._raw = tag in ("script", "style", "title")
        if tag in ("div", "table"):
            names = {f"#{named.get('id')}", *(f".{name}" for name in (named.get("class") or "").split())}
            mark = "skip" if names & {".nav_table", ".contents", "#footer"} else "main" if "#main" in names else ""
            self._open.append((tag, mark))

    def handle_endtag(self, tag: str) -> None:
        self._raw = False
        if any(tag == opened for opened, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        marks = {mark for _, mark in self._open}
        if "main" in marks and "skip" not in marks and not self._raw:
            self.found.append(data)

"""How many documents a line stands in, over the whole corpus: menus and boilerplate show by nothing else.

A short line that is no sentence and no heading and stands in `menu_documents` documents or more is a menu entry: it goes
everywhere. Any other line that came in an earlier document goes from the later ones (boilerplate sentences, licence texts);
its first occurrence stays. On the five manual packages of the demo this is what removes most of the characters.

Cost: a 64-bit hash a line. Memory: 8 bytes a different line of a document, about a tenth of the corpus's text; the hashes
that occur once are dropped after counting.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import xxhash

from hagane.clean.page import Page, Role

_SENTENCE = re.compile(r"[。！？]")
_DIGITS = re.compile(r"[0-9]+")


def line_hash(line: str) -> int:
    """64-bit hash of a line without blanks."""
    return xxhash.xxh3_64_intdigest(line.replace(" ", "").encode("utf-8", "surrogatepass"))


class _Counts:
    """In how many documents each hash stands: all hashes while counting, those of two or more documents afterwards."""

    def __init__(self) -> None:
        self._hashes: list[npt.NDArray[np.uint64]] = []
        self._often: dict[int, int] | None = None

    def add(self, hashes: set[int]) -> None:
        self._hashes.append(np.fromiter(hashes, np.uint64, len(hashes)))

    def often(self) -> dict[int, int]:
        if self._often is None:
            everything = np.concatenate(self._hashes) if self._hashes else np.zeros(0, np.uint64)
            self._hashes = []
            values, counts = np.unique(everything, return_counts=True)
            self._often = dict(zip(values[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True))
        return self._often


class LineFrequency:
    """Counts in how many documents each line stands; for menu entries with all numbers taken for equal (dates, counters)."""

    def __init__(self, menu_characters: int) -> None:
        self._menu_characters = menu_characters
        self._lines, self._menus = _Counts(), _Counts()
        self._seen: set[int] = set()

    def add(self, page: Page) -> None:
        """Count the lines of one document, each once."""
        self._lines.add({line_hash(line) for line in page.lines})
        self._menus.add(
            {
                self._menu_hash(line)
                for line, role in zip(page.lines, page.roles, strict=True)
                if self._may_be_menu(line, role)
            }
        )

    def remove_menu_lines(self, page: Page, menu_documents: int) -> None:
        """Rule `menu_line`; the value is the number of documents the line stands in."""
        documents = self._menus.often()
        which, values = [], []
        for index, (line, role) in enumerate(zip(page.lines, page.roles, strict=True)):
            if self._may_be_menu(line, role):
                count = documents.get(self._menu_hash(line), 1)
                if count >= menu_documents:
                    which.append(index)
                    values.append(float(count))
        page.remove_lines(which, "menu_line", values, menu_documents)

    def remove_known_lines(self, page: Page, min_characters: int) -> None:
        """Rule `repeated_line`: lines of `min_characters` or more that an earlier page showed to this method already."""
        documents = self._lines.often()
        which, values = [], []
        for index, line in enumerate(page.lines):
            if len(line.replace(" ", "")) < min_characters:
                continue
            key = line_hash(line)
            if key not in documents:
                continue
            if key in self._seen:
                which.append(index)
                values.append(float(documents[key]))
            else:
                self._seen.add(key)
        page.remove_lines(which, "repeated_line", values, 1)

    def _may_be_menu(self, line: str, role: Role) -> bool:
        return role is not Role.HEADING and len(line) <= self._menu_characters and not _SENTENCE.search(line)

    @staticmethod
    def _menu_hash(line: str) -> int:
        return line_hash(_DIGITS.sub("0", line))

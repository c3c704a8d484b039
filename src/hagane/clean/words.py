"""Pages that are full of adult, discriminatory or abusive words.

A list that rejects a page for one hit, wherever it stands, takes clean manuals: アス lies in エイリアス, ブス in
サブスクリプト. So a hit is a word of its own: it must not touch a character of its own script at either end, except
where its list says that it may stand in a compound. And a page is judged by how much such words fill it: (different
words) × (share of the page's characters in them). One insult in a novel of 50,000 characters is 0.00004; ten words in
an advert's 500 characters are about 1.

The lists are our own (`word_lists/*.txt`). `ordinary.txt` holds longer words that hide a listed one: the match that
begins first counts, and of those the longest (Aho–Corasick over characters, `daachorse`).

Rules `adult_words`, `discrimination_words`, `abuse_words` take whole pages above 0.05. Of 3,004 literary works (52.9 M
characters) one goes, a poem of 208 characters that threatens death in every line; the next has 0.034. Of 3,352 manuals
and 1,055 statutes none goes, and the highest value is 0.004. Of single comments graded by people it finds 40 % of the
very toxic, 19 % of the toxic, 1 % of the doubtful and none of 280 harmless ones: much that hurts uses no listed word, and
a page of such comments says more than one of them does. Cost: 9 to 11 ns a byte.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from daachorse import MATCH_KIND_LEFTMOST_LONGEST, CharwiseDoubleArrayAhoCorasick

from hagane.clean.lines import LineTable

CATEGORIES = ("adult", "discrimination", "abuse")


def measure_words(table: LineTable) -> npt.NDArray[np.float64]:
    """[categories, pages]: number of different words of the category × share of the page's characters that lie in them."""
    automaton, words = _automaton()
    joined = "\n".join(table.texts).encode("utf-8", "replace").decode()  # no lone surrogates
    ends = table.starts[1:] + np.arange(1, len(table.texts) + 1)  # of the lines in `joined`, behind the newline
    hits = automaton.find(joined)
    pages = table.page_of[np.searchsorted(ends, [begin for begin, _, _ in hits], "right")]
    different: dict[tuple[int, int], set[str]] = {}
    characters = np.zeros((len(CATEGORIES), len(table.first_line) - 1))
    for (begin, end, number), page in zip(hits, pages.tolist(), strict=True):
        word, category, in_compounds = words[number]
        if category is not None and (in_compounds or _alone(joined, begin, end)):
            different.setdefault((category, page), set()).add(word)
            characters[category, page] += end - begin
    value = characters / np.maximum(np.bincount(table.page_of, table.length, len(table.first_line) - 1), 1)
    for place, found in different.items():
        value[place] *= len(found)
    return value


def _alone(text: str, begin: int, end: int) -> bool:
    """Whether the word at [begin, end) touches no character of its own script."""
    for outer, inner in ((begin - 1, begin), (end, end - 1)):
        if 0 <= outer < len(text) and (script := _script(text[inner])) and _script(text[outer]) == script:
            return False
    return True


def _script(character: str) -> str:
    """The script that tells words apart; hiragana does not."""
    if "ァ" <= character <= "ヿ" and character != "・":
        return "katakana"
    if "一" <= character <= "鿿" or character == "々":
        return "kanji"
    return "latin" if character.isascii() and character.isalnum() else ""


@cache
def _automaton() -> tuple[CharwiseDoubleArrayAhoCorasick, list[tuple[str, int | None, bool]]]:
    """The automaton and, for each of its patterns: the word, its category (None: ordinary), whether it counts in compounds."""
    words: dict[str, tuple[str, int | None, bool]] = {}
    for category, name in enumerate((*CATEGORIES, "ordinary")):
        lines = (files("hagane.clean") / "word_lists" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        for line in lines:
            entry = line.partition("#")[0].strip()
            word = entry.removesuffix("+")
            for spelling in {word, word.upper(), word.capitalize()} - {""}:
                words[spelling] = (word, category if name != "ordinary" else None, entry != word)
    return CharwiseDoubleArrayAhoCorasick(list(words), MATCH_KIND_LEFTMOST_LONGEST), list(words.values())

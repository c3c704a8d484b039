"""What the other rules leave behind: headings over nothing, documents mostly known, too short, with too little Japanese."""

from __future__ import annotations

from hagane.clean.lines import LineTable
from hagane.clean.page import Page, Role


def remove_empty_headings(page: Page) -> None:
    """Rule `empty_heading`: headings whose text was removed: at the end, or before a heading with a gap between."""
    which: list[int] = []
    next_kept = len(page.lines)
    for index in range(len(page.lines) - 1, -1, -1):
        if page.roles[index] is not Role.HEADING:
            next_kept = index
            continue
        last = next_kept == len(page.lines)
        before_heading = not last and page.roles[next_kept] is Role.HEADING
        gap = not last and page.numbers[next_kept] > page.numbers[index] + 1
        if last or (before_heading and gap):
            which.append(index)
        else:
            next_kept = index
    which.reverse()
    if len(which) < len(page.lines):
        page.remove_lines(which, "empty_heading", [0.0] * len(which), 1)


def remove_mostly_repeated(page: Page, characters_before: int, min_new: float) -> None:
    """Rule `mostly_repeated`: what is left after repeated lines went, where it is a small share: scraps, not a text."""
    share = page.characters / max(characters_before, 1)
    if page.lines and share < min_new:
        page.remove("mostly_repeated", round(share, 4), min_new)


def remove_small_document(page: Page, min_characters: int, min_japanese: float) -> None:
    """Rules `too_short` (characters left) and `little_japanese` (share of kana and kanji)."""
    if not page.lines:
        return
    if page.characters < min_characters:
        page.remove("too_short", page.characters, min_characters)
        return
    table = LineTable.of([page])
    share = float(table.japanese.sum() / max(table.length.sum(), 1))
    if share < min_japanese:
        page.remove("little_japanese", round(share, 4), min_japanese)

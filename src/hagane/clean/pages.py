"""From a raw document to a page of normalised lines, with the first decisions: what of an HTML page is not its main text."""

from __future__ import annotations

import re

from hagane.clean.aozora import aozora_lines
from hagane.clean.dom import Tree, html_tree
from hagane.clean.extract import Thresholds, Verdict, main_text
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.roff import roff_lines
from hagane.corpus.document import RawDocument

_MAX_CELL, _MAX_ROW = 60, 160
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}\s+")


def page_of(raw: RawDocument, thresholds: Thresholds) -> Page:
    """The page with its main text and the decisions about the rest. Raises `TooDeepError`."""
    if raw.kind == "html":
        return _html_page(raw, thresholds)
    lines, roles = _LINES[raw.kind](raw.content)
    kept = [(text, role) for line, role in zip(lines, roles, strict=True) if (text := normalise(line))]
    return Page.of(raw.id, raw.source, [text for text, _ in kept], [role for _, role in kept])


def _html_page(raw: RawDocument, thresholds: Thresholds) -> Page:
    tree = html_tree(raw.content)
    _join_rows(tree)
    verdicts = main_text(tree, thresholds)
    texts = [normalise(line) for line in tree.lines]
    kept = [index for index, text in enumerate(texts) if text]
    page = Page.of(raw.id, raw.source, [texts[index] for index in kept], [tree.roles[index] for index in kept])
    reasons: dict[str, list[tuple[int, Verdict]]] = {}
    for number, index in enumerate(kept):
        verdict = verdicts[index]
        if verdict is not None:
            reasons.setdefault(verdict.rule, []).append((number, verdict))
    for rule, found in reasons.items():
        position = {number: index for index, number in enumerate(page.numbers)}  # removals shift indices, not numbers
        which = [position[number] for number, _ in found]
        page.remove_lines(which, rule, [verdict.value for _, verdict in found], found[0][1].threshold)
    return page


def _join_rows(tree: Tree) -> None:
    """Make one line of the short cells of a table row, so that a table reads as rows and not as a column of words."""
    out = Tree(tree.parents, tree.tags, tree.names)
    index = 0
    while index < len(tree.lines):
        end, row = index + 1, tree.cells[index]
        while row >= 0 and end < len(tree.lines) and tree.cells[end] == row:
            end += 1
        lines = tree.lines[index:end]
        joined = "\u3000".join(lines)  # a blank between Japanese words would be taken for a line wrap
        whole = (
            end - index > 1
            and all(len(line) <= _MAX_CELL for line in lines[:-1])
            and len(joined) <= _MAX_ROW
            and all(role is Role.TEXT for role in tree.roles[index:end])
        )
        if whole:
            out.lines.append(joined)
            out.roles.append(Role.TEXT)
            out.owners.append(row)
            out.links.append(sum(tree.links[index:end]))
            out.cells.append(row)
        else:
            for name in ("lines", "roles", "owners", "links", "cells"):
                getattr(out, name).extend(getattr(tree, name)[index:end])
        index = end
    tree.lines, tree.roles, tree.owners, tree.links, tree.cells = out.lines, out.roles, out.owners, out.links, out.cells


def _text_lines(content: str) -> tuple[list[str], list[Role]]:
    """Lines of plain text or Markdown; what stands between fences is code."""
    lines, roles = [], []
    fenced = False
    for line in content.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            continue
        lines.append(line)
        roles.append(Role.CODE if fenced else Role.HEADING if _MARKDOWN_HEADING.match(line) else Role.TEXT)
    return lines, roles


_LINES = {"roff": roff_lines, "text": _text_lines, "aozora": aozora_lines}

"""From a raw document to a page of normalised lines, with the values that say what of an HTML page is its main text."""

from __future__ import annotations

import re

from hagane.clean.dom import Tree, html_tree
from hagane.clean.extract import Thresholds, main_text
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.roff import roff_lines
from hagane.corpus.document import RawDocument

_MAX_CELL, _MAX_ROW = 60, 160
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}\s+")


def page_of(raw: RawDocument) -> Page:
    """The page with all its lines. Raises `TooDeepError`."""
    values: dict[str, list[float]] = {}
    if raw.kind == "html":
        tree = html_tree(raw.content)
        _join_rows(tree)
        verdicts = main_text(tree, Thresholds())
        lines, roles = tree.lines, tree.roles
        for index, verdict in enumerate(verdicts):
            if verdict:
                rule = "boilerplate" if verdict.rule.startswith("boilerplate") else verdict.rule
                column = values.setdefault(rule, [float("nan")] * len(lines))
                column[index] = verdict.value
    elif raw.kind == "roff":
        lines, roles = roff_lines(raw.content)
    else:
        lines, roles = _text_lines(raw.content)
    texts = normalise(lines)
    kept = [index for index, text in enumerate(texts) if text]
    return Page(
        raw.id,
        raw.source,
        raw.source,
        len(raw.content),
        [texts[index] for index in kept],
        [roles[index] for index in kept],
        {name: [column[index] for index in kept] for name, column in values.items()},
    )


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
    lines, roles = content.splitlines(), []
    if "```" not in content and "~~~" not in content:
        return lines, [
            Role.HEADING if line[:1] == "#" and _MARKDOWN_HEADING.match(line) else Role.TEXT for line in lines
        ]
    kept = []
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
            continue
        kept.append(line)
        roles.append(
            Role.CODE if fenced else Role.HEADING if line[:1] == "#" and _MARKDOWN_HEADING.match(line) else Role.TEXT
        )
    return kept, roles

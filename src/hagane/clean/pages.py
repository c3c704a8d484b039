"""From a raw document to a page of normalised lines, with the first decisions: what of an HTML page is not its main text."""

from __future__ import annotations

import re

from hagane.clean.extract import Thresholds, decisions, html_lines
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.roff import roff_lines
from hagane.corpus.document import RawDocument

_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}\s+")


def page_of(raw: RawDocument, thresholds: Thresholds) -> Page:
    """The page with its main text and the decisions about the rest."""
    if raw.kind == "html":
        return _html_page(raw, thresholds)
    lines, roles = roff_lines(raw.content) if raw.kind == "roff" else _text_lines(raw.content)
    kept = [(text, role) for line, role in zip(lines, roles, strict=True) if (text := normalise(line))]
    return Page.of(raw.id, raw.source, [text for text, _ in kept], [role for _, role in kept])


def _html_page(raw: RawDocument, thresholds: Thresholds) -> Page:
    html = html_lines(raw.content)
    texts = [normalise(line) for line in html.lines]
    kept = [index for index, text in enumerate(texts) if text]
    page = Page.of(raw.id, raw.source, [texts[index] for index in kept], [html.roles[index] for index in kept])
    position = {index: number for number, index in enumerate(kept)}
    for rule, lines, values, threshold in decisions(html, thresholds):
        which = [position[line] for line in lines if line in position]
        at = {number: index for index, number in enumerate(page.numbers)}  # removals shift indices, not numbers
        known = [value for line, value in zip(lines, values, strict=True) if line in position]
        page.remove_lines([at[number] for number in which], rule, known, threshold)
    return page


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

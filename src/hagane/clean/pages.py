"""From a raw document to a page of normalised lines, with the values that say what of an HTML page is its main text."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from hagane.clean.aozora import aozora_lines
from hagane.clean.extract import html_lines
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.roff import roff_lines
from hagane.clean.second_opinion import SecondOpinion, is_unsure
from hagane.corpus.document import RawDocument

MAIN_TEXT = ("boilerplate", "outside_main", "link_density", "second_opinion")
"""What is measured of the lines of HTML while they are read."""
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}\s+")


def page_of(raw: RawDocument, opinion: SecondOpinion | None = None) -> Page:
    """The page with all its lines; where the main text of HTML is unsure, by the second opinion, if there is one."""
    values: dict[str, npt.NDArray[np.float64]] = {}
    if raw.kind == "html":
        html = html_lines(raw.content)
        lines, roles = html.lines, html.roles
        values = {name: getattr(html, name) for name in ("boilerplate", "outside_main", "link_density")}
        if opinion is not None and is_unsure(html) and (agreed := opinion.values(html, raw.content)) is not None:
            values = {"second_opinion": agreed}
    else:
        lines, roles = _LINES[raw.kind](raw.content)
    texts = normalise(lines)
    kept = [index for index, text in enumerate(texts) if text]
    return Page(
        raw.id,
        raw.source,
        _site(raw),
        len(raw.content),
        [texts[index] for index in kept],
        [roles[index] for index in kept],
        {name: column[kept] for name, column in values.items()},
    )


def _site(raw: RawDocument) -> str:
    try:
        return urlsplit(raw.url).hostname or raw.source
    except ValueError:  # no address by the rules for addresses
        return raw.source


def _text_lines(content: str) -> tuple[list[str], list[Role]]:
    """Lines of plain text or Markdown; what stands between fences is code."""
    lines, roles = content.splitlines(), []
    if "#" not in content and "```" not in content and "~~~" not in content:
        return lines, [Role.TEXT] * len(lines)
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


_LINES = {"roff": roff_lines, "text": _text_lines, "aozora": aozora_lines}

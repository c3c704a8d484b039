"""HTML to lines, with what is needed to tell main text from the rest: links, structure, names of the elements around.

The tree is walked with a cursor, never recursively: a page nested 20,000 deep is a long walk, not a crash. lexbor's parser takes
time quadratic in the nesting, so a page nested deeper than `MAX_DEPTH` is refused before it is parsed.

Cost: one visit a node; about 100 MB of HTML a minute and core.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from hagane.clean.page import Role

MAX_DEPTH = 25_000

_SKIPPED = frozenset(
    """
    script style noscript template head svg iframe object embed canvas select option button textarea input audio video map
    datalist -comment
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_BLOCKS = frozenset(
    """
    p li dt dd h1 h2 h3 h4 h5 h6 tr td th div pre table tbody thead caption ul ol dl section article main header footer
    nav aside blockquote form fieldset figure figcaption address center details summary hr body html menu dir
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_CODE = frozenset(("pre", "listing", "xmp"))
# Elements that HTML lets a page leave open; they do not nest for want of an end tag.
_NESTING = re.compile(
    r"<(/?)(?:div|span|ul|ol|dl|table|section|article|blockquote|font|center|b|i|em|strong|small|form)\b", re.IGNORECASE
)
_SPACE = re.compile(r"[ \t\n\r\f\u00a0]+")


class TooDeepError(Exception):
    """A page that nests too deep to be parsed in reasonable time."""


@dataclass
class Tree:
    """The elements of a page that hold text, and its lines, in document order."""

    parents: list[int] = field(default_factory=list)
    """Index of each element's parent, -1 for the root; a parent comes before its children."""
    tags: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """class, id and role of each element, separated by blanks."""
    lines: list[str] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """Innermost block element around each line."""
    links: list[int] = field(default_factory=list)
    """Characters of each line that are link text, blanks left out."""
    cells: list[int] = field(default_factory=list)
    """Index of the table row around each line, -1 outside tables."""


def html_tree(html: str) -> Tree:
    """The lines of a page. Raises `TooDeepError`, and `MemoryError` where the parser gets no more memory."""
    if html.count("<") > MAX_DEPTH and _depth(html) > MAX_DEPTH:
        raise TooDeepError(f"nested more than {MAX_DEPTH} elements deep")
    tree = Tree()
    try:
        body = LexborHTMLParser(html).body
    except SelectolaxError as error:  # no HTML is wrong: the parser fails only where memory does
        raise MemoryError(str(error)) from error
    if body is not None:
        _Walk(tree).run(body)
    return tree


def _depth(html: str) -> int:
    depth = deepest = 0
    for match in _NESTING.finditer(html):
        depth = max(depth - 1, 0) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


class _Walk:
    """The cursor and what it carries: text of the current line, open elements, how many links and pre it is in."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.open: list[int] = []
        self.rows: list[int] = []
        self.buffer: list[str] = []
        self.link_characters = 0
        self.link_depth = 0
        self.pre_depth = 0
        self.heading_depth = 0

    def run(self, root: LexborNode) -> None:
        node, depth = root, 0  # by depth, for comparing nodes compares their HTML
        while True:
            child = node.child if self._enter(node) else None
            if child is not None:
                node, depth = child, depth + 1
                continue
            if node.tag not in _SKIPPED:
                self._leave(node)
            while depth and node.next is None:
                parent = node.parent
                if parent is None:
                    break
                node, depth = parent, depth - 1
                self._leave(node)
            following = node.next if depth else None
            if following is None:
                break
            node = following
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Take in one node; whether its children are to be visited."""
        tag = node.tag
        if tag == "-text":
            self._text(node.text_content or "")
            return False
        if tag is None or tag in _SKIPPED:
            return False
        if tag == "br":
            self._flush()
        if tag == "a":
            self.link_depth += 1
        attributes = node.attributes if tag in _BLOCKS or tag == "span" else {}
        if tag in _BLOCKS:
            self._flush()
            if "hidden" in attributes or "display:none" in (attributes.get("style") or "").replace(" ", ""):
                attributes = {**attributes, "role": "hidden-by-style"}
            names = " ".join(filter(None, (attributes.get(key) for key in ("class", "id", "role"))))
            self.tree.parents.append(self.open[-1] if self.open else -1)
            self.tree.tags.append(tag)
            self.tree.names.append(names)
            self.open.append(len(self.tree.tags) - 1)
            if tag == "tr":
                self.rows.append(self.open[-1])
            self.pre_depth += tag in _CODE
            self.heading_depth += tag in _HEADINGS
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag
        if tag == "a":
            self.link_depth -= 1
        elif tag in _BLOCKS:
            self._flush()
            self.open.pop()
            if tag == "tr":
                self.rows.pop()
            self.pre_depth -= tag in _CODE
            self.heading_depth -= tag in _HEADINGS

    def _text(self, text: str) -> None:
        if self.pre_depth and "\n" in text:
            first, *rest = text.split("\n")
            self._add(first)
            for line in rest:
                self._flush()
                self._add(line)
        else:
            self._add(text)

    def _add(self, text: str) -> None:
        self.buffer.append(text)
        if self.link_depth:
            self.link_characters += len(_SPACE.sub("", text))

    def _flush(self) -> None:
        joined = "".join(self.buffer)
        self.buffer.clear()
        links, self.link_characters = self.link_characters, 0
        text = joined.rstrip() if self.pre_depth else _SPACE.sub(" ", joined).strip()
        if not text.strip():
            return
        tree = self.tree
        tree.lines.append(text)
        tree.roles.append(Role.CODE if self.pre_depth else Role.HEADING if self.heading_depth else Role.TEXT)
        tree.owners.append(self.open[-1] if self.open else 0)
        tree.links.append(links)
        tree.cells.append(self.rows[-1] if self.rows else -1)

"""HTML to lines in one pass, with what is needed to tell main text from the rest: links, structure, names of the elements around.

A page is cut at every `<`; a piece is a tag and the text behind it. Only block elements and what is never read (scripts,
buttons, drawings) go on a stack; implied end tags and scopes follow the HTML standard (13.2.6) as far as lines depend on them.
Left out: the adoption of misnested inline elements and the moving of text out of tables, which change no line's words. Each
decision looks at the top of a stack, never down it, so a page nested 100,000 deep or made of end tags alone takes linear time.

Cost: about 1.5 µs a tag, some 15 M characters of HTML a second and core; at worst, a page of one-letter paragraphs,
70 bytes a character.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from dataclasses import dataclass, field

from hagane.clean.markup import after_no_tag, after_raw, cut_at_tags, decoded, names_of, whole_tag
from hagane.clean.page import Role

_DEEPEST = 50_000
"""Elements that may be open at once; what nests deeper is read as if it had no tags."""

# What a tag does to the lines.
_IGNORE, _BREAK, _LINK, _UNLINK, _OPEN, _CLOSE, _RAW = range(7)

# One table for what stands first in a piece: "div", "/DIV", "a". Without a look at an attribute most tags are told by it.
_BLOCKS = """
    p li dt dd h1 h2 h3 h4 h5 h6 tr td th div pre table tbody thead tfoot caption ul ol dl section article main header footer
    nav aside blockquote form fieldset figure figcaption address center details summary dialog menu dir listing hgroup search
    """.split()  # noqa: SIM905 - a list of this length reads as words
_SKIPPED = frozenset("noscript template svg object select button audio video canvas datalist".split())  # noqa: SIM905 - as above
_UNREAD = "script style textarea title iframe noembed noframes xmp".split()  # noqa: SIM905 - as above
_INLINE = """
    html head body meta link base img input span b i em strong font small big code tt var kbd samp u s strike del ins sub sup
    label time ruby rb rt rp wbr map area picture source figure cite q abbr acronym dfn mark nobr bdi bdo path use g
    option optgroup col colgroup embed param legend
    """.split()  # noqa: SIM905 - as above


_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_CODE = frozenset(("pre", "listing"))
_COUNTED = _HEADINGS | _CODE | _SKIPPED
_SECTIONS = ("tbody", "thead", "tfoot")
_TABLE_PARTS = frozenset(("table", "tr", "td", "th", "caption", *_SECTIONS))
# An end tag does not reach out of these (the standard's scopes), nor does a paragraph that is left open.
_BARRIERS = frozenset(("table", "td", "th", "caption"))
_TRANSPARENT = frozenset(("div", "p", "address"))
"""What a list item that is left open ends through."""
_ENDED_BY: dict[str, frozenset[str]] = {
    "li": frozenset(("li",)),
    "dt": frozenset(("dt", "dd")),
    "dd": frozenset(("dt", "dd")),
}
_ENDING = _TABLE_PARTS | _HEADINGS | frozenset(_ENDED_BY)
# Parts of a table that the start of another ends, and the elements that bound the search.
_ROW_ENDS = {
    "table": (),
    "caption": (),
    "td": ("td", "th"),
    "th": ("td", "th"),
    "tr": ("tr", "caption"),
    **dict.fromkeys(_SECTIONS, ("tr", "caption", *_SECTIONS)),
}
_TABLE_OF = {tag: ("body", "table", "tr") if tag in ("td", "th") else ("body", "table") for tag in _ROW_ENDS}


def _table() -> dict[str, tuple[int, str]]:
    acts = dict.fromkeys(_INLINE, (_IGNORE, _IGNORE))
    acts |= dict.fromkeys((*_BLOCKS, *_SKIPPED), (_OPEN, _CLOSE))
    acts |= dict.fromkeys(_UNREAD, (_RAW, _IGNORE))
    acts |= {"br": (_BREAK, _BREAK), "hr": (_BREAK, _IGNORE), "a": (_LINK, _UNLINK)}
    table = {}
    for name, (start, end) in acts.items():
        for spelt in (name, name.upper()):
            table[spelt], table["/" + spelt] = (start, name), (end, name)
    return table


_TABLE = _table()
_IGNORED = (_IGNORE, "")
_NAME = re.compile(r"/?[a-zA-Z][^\s/>]*")
_SPACE = re.compile(r"[ \t\n\r\f\u00a0]+")


def _integers() -> array[int]:
    return array("i")


@dataclass(frozen=True)
class Tree:
    """The elements of a page that hold text, and its lines, in document order."""

    parents: array[int] = field(default_factory=_integers)
    """Index of each element's parent, -1 for the root, which is element 0; a parent comes before its children."""
    tags: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """class, id and role of each element, separated by blanks; `hidden-by-style` where it is not shown."""
    firsts: array[int] = field(default_factory=_integers)
    """The first line inside each element."""
    ends: array[int] = field(default_factory=_integers)
    """The line after the last one inside each element."""
    lines: list[str] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    owners: array[int] = field(default_factory=_integers)
    """Innermost block element around each line."""
    links: array[int] = field(default_factory=_integers)
    """Characters of each line that are link text, blanks left out."""
    cells: array[int] = field(default_factory=_integers)
    """Index of the table row around each line, -1 outside tables."""


def html_tree(html: str) -> Tree:
    """The lines of a page. Any string has some; there is nothing to refuse."""
    scanner = _Scanner()
    scanner.run(html.replace("\r\n", "\n") if "\r" in html else html)
    return scanner.tree


class _Scanner:
    """The open elements and the line that is being gathered."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.stack: list[tuple[int, str, int, int]] = []
        """For each open element its index, its tag, the height at or below it that no list item ends through, and the height
        at or below it that no end tag reaches out of."""
        self.heights: dict[str, list[int]] = defaultdict(list)
        """Heights on the stack at which elements of a tag are open."""
        self.rows, self.paragraphs, self.tables = self.heights["tr"], self.heights["p"], self.heights["table"]
        self.skipped = self.headings = self.code = 0
        self.role = Role.TEXT
        self.plain = True
        """Whether text is neither skipped nor code."""
        self.buffer: list[str] = []
        self.linked: list[str] = []
        """The part of `buffer` that is link text."""
        self.link_height = 0
        """Height of the stack at which the open link began; 0 where none is open."""
        self._push("body", "")

    def run(self, html: str) -> None:
        table, stack, paragraphs, buffer, linked = _TABLE, self.stack, self.paragraphs, self.buffer, self.linked
        pieces = cut_at_tags(html)
        self._text(next(pieces))
        for piece in pieces:
            tag, _, text = piece.partition(">")
            found = table.get(tag)
            attributes = ""
            if found is None:
                head, _, attributes = tag.partition(" ")
                found = table.get(head)
                if found is None:
                    match = _NAME.match(tag)
                    if match is None:
                        self._text(after_no_tag(piece, pieces))
                        continue
                    head, attributes = match[0], tag[match.end() :]
                    found = table.get(head.lower(), _IGNORED)
                if attributes.count('"') & 1 or ("'" in attributes and attributes.count("'") & 1):
                    tag, text = whole_tag(piece, pieces)
                    attributes = tag[len(head) :]
            act, name = found
            if act:
                if act == _CLOSE:
                    if buffer and name not in _SKIPPED:
                        self._break()
                    if stack[-1][1] == name:
                        self._pop()
                    else:
                        self._close(name)
                elif act == _OPEN:
                    if buffer and name not in _SKIPPED:  # what is skipped may stand in the middle of a line
                        self._break()
                    if name in _ENDING or paragraphs:
                        self._end_before(name)
                    self._push(name, names_of(attributes) if attributes else "")
                elif act == _LINK:
                    self.link_height = len(stack) if "href" in attributes or "HREF" in attributes else 0
                elif act == _UNLINK:
                    self.link_height = 0
                elif act == _BREAK:
                    if buffer:
                        self._break()
                else:
                    text = after_raw(name, pieces)
            if text and (buffer or not text.isspace()):
                if self.plain and "&" not in text:
                    buffer.append(text)
                    if self.link_height:
                        linked.append(text)
                else:
                    self._text(text)
        self._pop_to(0)

    def _text(self, text: str) -> None:
        if self.skipped:
            return
        if "&" in text:
            text = decoded(text)
        if self.code:
            text, *rest = text.split("\n")
            for line in rest:
                self._add(text)
                self._break()
                text = line
        self._add(text)

    def _add(self, text: str) -> None:
        self.buffer.append(text)
        if self.link_height:
            self.linked.append(text)

    def _end_before(self, tag: str) -> None:
        """End what was left open and ends where an element of this tag begins."""
        stack, paragraphs = self.stack, self.paragraphs
        if tag in _TABLE_PARTS:
            self._end_cells(tag)
            return
        if paragraphs and paragraphs[-1] > stack[-1][3] and not self.skipped and tag not in _SKIPPED:
            self._pop_to(paragraphs[-1])
        if tag in _ENDED_BY:
            height = stack[-1][2]
            if stack[height][1] in _ENDED_BY[tag]:
                self._pop_to(height)
        elif tag in _HEADINGS and stack[-1][1] in _HEADINGS:
            self._pop()

    def _end_cells(self, tag: str) -> None:
        """End the cells and rows of the same table that a new one ends."""
        inner = max(height[-1] for other in _TABLE_OF[tag] if (height := self.heights[other]))
        ended = [height[-1] for other in _ROW_ENDS[tag] if (height := self.heights[other]) and height[-1] > inner]
        if ended:
            self._pop_to(min(ended))

    def _push(self, tag: str, names: str) -> None:
        stack, height = self.stack, len(self.stack)
        if height == _DEEPEST:
            return
        around, _, solid, scope = stack[-1] if height else (-1, "", 0, 0)
        if tag not in _TRANSPARENT:
            solid = height
        if tag in _BARRIERS:
            scope = height
        tree = self.tree
        stack.append((len(tree.tags), tag, solid, scope))
        self.heights[tag].append(height)
        tree.parents.append(around)
        tree.tags.append(tag)
        tree.names.append(names)
        tree.firsts.append(len(tree.lines))
        tree.ends.append(0)
        if tag in _COUNTED:
            self._count(tag, 1)

    def _count(self, tag: str, by: int) -> None:
        if tag in _HEADINGS:
            self.headings += by
        elif tag in _CODE:
            self.code += by
        else:
            self.skipped += by
        self.plain = not self.skipped and not self.code
        self.role = Role.CODE if self.code else Role.HEADING if self.headings else Role.TEXT

    def _close(self, tag: str) -> None:
        """Obey an end tag that is not the innermost element's."""
        if tag in _HEADINGS and self.stack[-1][1] in _HEADINGS:
            self._pop()  # any heading's end tag ends a heading
        elif heights := self.heights[tag]:
            reach = (self.tables[-1] if self.tables else 0) if tag in _TABLE_PARTS else self.stack[-1][3]
            if heights[-1] >= reach:
                self._pop_to(heights[-1])

    def _pop_to(self, height: int) -> None:
        """End the elements at this height and above."""
        while len(self.stack) > height:
            self._pop()

    def _pop(self) -> None:
        """End the innermost element; if it held no line, forget it."""
        if self.buffer:
            self._break()
        element, tag, _, _ = self.stack.pop()
        self.heights[tag].pop()
        if tag in _COUNTED:
            self._count(tag, -1)
        tree = self.tree
        end = len(tree.lines)
        if tree.firsts[element] == end and element == len(tree.tags) - 1 and element:
            tree.parents.pop()
            tree.tags.pop()
            tree.names.pop()
            tree.firsts.pop()
            tree.ends.pop()
        else:
            tree.ends[element] = end
        if self.link_height > len(self.stack):
            self.link_height = 0

    def _break(self) -> None:
        """End the line that is being gathered, unless it goes on behind what is skipped."""
        if self.skipped:
            return
        buffer, linked = self.buffer, self.linked
        text = buffer[0] if len(buffer) == 1 else "".join(buffer)
        words = text.split()
        links = 0
        if linked:
            links = sum(map(len, words if len(linked) == len(buffer) else "".join(linked).split()))
            linked.clear()
        buffer.clear()
        if not words:
            return
        if len(words) == 1 and not self.code:
            text = words[0]
        elif self.code:
            text = text.rstrip()
        else:  # the blank that is as wide as a character means something
            text = _SPACE.sub(" ", text.strip()) if "\u3000" in text else " ".join(words)
        tree, rows = self.tree, self.rows
        tree.lines.append(text)
        tree.roles.append(self.role)
        tree.owners.append(self.stack[-1][0])
        tree.links.append(links)
        tree.cells.append(self.stack[rows[-1]][0] if rows else -1)

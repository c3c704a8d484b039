"""Manual pages to text: man(7), mdoc(7), pod2man and tbl(1) as far as prose needs them.

A formatter (groff -Tutf8) would break Japanese into 80-column lines and hyphenate; this reader keeps a paragraph on one line.
Filled text is joined until a macro breaks it; no-fill parts are code; table rows become one line each.

Cost: one pass over the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hagane.clean.mdoc import INLINE, inline
from hagane.clean.page import Role
from hagane.clean.roff_text import arguments, plain

_REQUEST = re.compile(r"^[.']\s*([A-Za-z]{1,3}|\\[\"}])\s*(.*)$")
_HEADINGS = frozenset(["SH", "SS", "Sh", "Ss"])
_BREAKS = frozenset(
    """
    PP P LP TP TQ HP RS RE IP It Pp Lp Bl El Bd Ed sp br nf fi EX EE Vb Ve Sp Dl D1 CD SY YS
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_ALTERNATING = frozenset(["BR", "IR", "RB", "RI", "BI", "IB"])
_CODE_START, _CODE_END = frozenset(["nf", "EX", "Vb", "Ds", "DS"]), frozenset(["fi", "EE", "Ve", "De", "DE"])
# Requests that set registers, fonts, tabs, indices, addresses: nothing of them prints in the text.
_SILENT = frozenset(
    """
    TH Dd Dt Os nr nh hy ad na so tr ta ft ne in ti PD rm als lf ll pl ps vs po cc ec eo hw hc ss cs fp UR MT ME IX UC Bk
    Ek Rs Re TS TE bp ce cu ul wh ch mk rt ev fam pp
    """.split()  # noqa: SIM905 - a list of this length reads as words
)


class _Reader:
    """State of one page while its lines go by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.roles: list[Role] = []
        self.strings: dict[str, str] = {}
        self.name = ""
        self._buffer: list[str] = []
        self._code = False
        self._glue = False

    def flush(self, role: Role | None = None) -> None:
        """End the paragraph."""
        text = "".join(self._buffer).strip()
        self._buffer.clear()
        self._glue = False
        if text:
            self.lines.append(text)
            self.roles.append(role if role is not None else Role.CODE if self._code else Role.TEXT)

    def text(self, line: str) -> None:
        """A line of text: joined to the paragraph, or a line of its own where nothing is filled."""
        glue = line.rstrip().endswith("\\c")
        printed = plain(line, self.strings)
        if self._code:
            self._buffer.append(printed.rstrip())
            self.flush()
        elif not printed.strip():
            self.flush()
        else:
            if self._buffer and not self._glue:
                self._buffer.append(" ")
            self._buffer.append(printed.strip())
            self._glue = glue

    def request(self, macro: str, rest: str) -> None:
        """A macro that is neither a condition nor a definition nor a table."""
        if macro == "ds":
            name, _, value = rest.partition(" ")
            self.strings.setdefault(name, plain(value.lstrip().removeprefix('"'), self.strings))
            return
        if macro in _HEADINGS:
            self.flush()
            self._code = False
            self._buffer.append(plain(" ".join(arguments(rest)), self.strings))
            self.flush(Role.HEADING)
            return
        if macro in _BREAKS or macro in _CODE_START or macro in _CODE_END:
            self.flush()
        if macro in _CODE_START or (macro == "Bd" and re.search(r"-(?:literal|unfilled)", rest)):
            self._code = True
        elif macro in _CODE_END or macro == "Ed":
            self._code = False
        if macro in ("IP", "TP", "HP"):
            tag = arguments(rest)[:1] if macro == "IP" else []
            if tag and plain(tag[0], self.strings).strip() not in ("", "*", "·", "・", "o", "-", "—"):
                self.text(tag[0])
                self.flush()
        elif macro == "It":
            if words := re.sub(r"^(?:Xo|Xc)\b", "", rest).strip():
                self.text(inline(arguments(words), self.name))
                self.flush()
        elif (
            macro in _SILENT or macro in _BREAKS or macro in _CODE_START or macro in _CODE_END or macro in ("Xo", "Xc")
        ):
            pass
        elif macro == "Nm" and not self.name and rest:
            self.name = plain(arguments(rest)[0], self.strings)
            self.text(inline(["Nm", *arguments(rest)], self.name))
        elif macro in _ALTERNATING:
            self.text("".join(arguments(rest)))
        elif macro in INLINE:
            self.text(inline([macro, *arguments(rest)], self.name))
        elif macro == "OP":
            self.text("[" + " ".join(arguments(rest)) + "]")
        elif rest:  # a font, or a macro of the page's own: its arguments print
            self.text(" ".join(arguments(rest)))


def roff_lines(content: str) -> tuple[list[str], list[Role]]:
    """Lines and roles of a manual page."""
    reader = _Reader()
    lines = iter(content.split("\n"))
    condition = True  # of the last `.ie`, for `.el`
    for line in lines:
        if line.startswith(('.\\"', "'\\\"", "...", "'''")):
            continue
        match = _REQUEST.match(line)
        taken = True
        while match and taken and match[1] in ("if", "ie", "el"):
            macro, rest = match[1], match[2]
            if macro == "el":
                taken = not condition
            else:
                taken, rest = _condition(rest)
                condition = taken if macro == "ie" else condition
            if taken:
                line = rest.replace("\\{\\", "").replace("\\{", "").strip()
                match = _REQUEST.match(line)
            else:
                _skip_braces(rest, lines)
        if not taken:
            continue
        if match is None:
            reader.text("" if line.startswith(".") else line)
        elif match[1] in ("de", "ig", "am", "de1"):
            _skip_definition(match[2], lines)
        elif match[1] == "TS":
            reader.flush()
            _table(lines, reader)
        elif not match[1].startswith("\\"):
            reader.request(match[1], match[2])
    reader.flush()
    return reader.lines, reader.roles


def _condition(text: str) -> tuple[bool, str]:
    """Whether a condition holds on a terminal (`n`), and what follows it. Comparisons of registers do not hold."""
    match = re.match(r"(!?)\s*([nt])\b\s*(.*)$", text)
    if match:
        return (match[2] == "n") != bool(match[1]), match[3]
    match = re.match(r"(?:!?\([^)]*\)|'[^']*'[^']*'|!?\S+)\s*(.*)$", text)
    return False, match[1] if match else ""


def _skip_braces(rest: str, lines: Iterator[str]) -> None:
    depth = rest.count("\\{") - rest.count("\\}")
    while depth > 0:
        line = next(lines, None)
        if line is None:
            return
        depth += line.count("\\{") - line.count("\\}")


def _skip_definition(rest: str, lines: Iterator[str]) -> None:
    names = rest.split()
    end = names[1] if len(names) > 1 else "."
    for line in lines:
        if re.match(rf"^[.']\s*{re.escape(end)}", line):
            return


def _table(lines: Iterator[str], reader: _Reader) -> None:
    """A tbl table: options and format, then rows of cells; `T{`...`T}` holds a cell of several lines."""
    separator, in_format = "\t", True
    cell: list[str] | None = None
    row = ""
    for line in lines:
        if line.startswith(".TE"):
            break
        if in_format:
            if tab := re.search(r"tab\s*\((.)\)", line):
                separator = tab[1]
            in_format = not re.search(r"\.\s*$", line)
        elif line.startswith(".T&"):
            in_format = True
        elif cell is not None:
            if line.startswith("T}"):
                row += " ".join(cell) + line[2:]
                cell = None
                if row.rstrip().endswith("T{"):
                    row, cell = row.rstrip()[:-2], []
            elif not re.match(r"^[.'](?:br|sp|nf|fi|\\\")", line):
                cell.append(_cell_text(line))
        elif line.rstrip().endswith("T{"):
            row, cell = row + line.rstrip()[:-2], []
        elif not re.match(r"^(?:[_=]+$|[.'](?!\\))", line):
            row = line
        if cell is None and row:
            cells = (plain(part, reader.strings).strip() for part in row.split(separator))
            reader.text("\u3000".join(part for part in cells if part and part not in ("_", "=")))
            reader.flush()
            row = ""


def _cell_text(line: str) -> str:
    match = _REQUEST.match(line)
    if not match:
        return line
    words = arguments(match[2])
    return "".join(words) if match[1] in _ALTERNATING else " ".join(words)

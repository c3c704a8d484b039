"""Escapes and strings of troff: one line of roff to plain text.

Fonts, sizes, motions and colours go; named characters, strings (`.ds`) and the usual escapes become what they print as.
Source: groff(7), groff_char(7). Cost: one regular expression over the line.
"""

from __future__ import annotations

import re

CHARACTERS = {
    "em": "—", "en": "–", "hy": "-", "mi": "-", "aq": "'", "dq": '"', "lq": '"', "rq": '"', "oq": "'", "cq": "'", "bu": "・",
    "co": "©", "rg": "®", "tm": "™", "ha": "^", "ti": "~", "rs": "\\", "ga": "`", "aa": "´", "sl": "/", "pl": "+", "eq": "=",
    "+-": "±", "mu": "×", "di": "÷", "de": "°", "->": "→", "<-": "←", "ra": ">", "la": "<", "ts": "ς", "sc": "§", "fm": "'",
    "dg": "†", "dd": "‡", "ah": "ˇ", "vc": "č", "12": "½", "14": "¼", "34": "¾", "Po": "£", "Ye": "¥", "Eu": "€", "at": "@",
    "sh": "#", "ul": "_", "rn": "‾", "ba": "|", "or": "|", "br": "|", "lB": "[", "rB": "]", "lC": "{", "rC": "}", "<=": "≦",
    ">=": "≧", "!=": "≠", "if": "∞", "*a": "α", "*b": "β", "*g": "γ", "*d": "δ", "*e": "ε", "*l": "λ", "*m": "μ", "*p": "π",
    "*s": "σ", "*S": "Σ", "*W": "Ω", "**": "*", ":a": "ä", ":o": "ö", ":u": "ü", "'a": "á", "'e": "é", "ss": "ß", "pd": "∂",
}  # fmt: skip
STRINGS = {
    "lq": '"',
    "rq": '"',
    "Aq": "'",
    "R": "®",
    "Tm": "™",
    "S": "",
    'L"': '"',
    'R"': '"',
    "L'": "'",
    "R'": "'",
    "--": "—",
    "PI": "π",
}
_SIMPLE = {"e": "\\", "-": "-", " ": " ", "0": " ", "~": " ", "t": "\t", "'": "'", "`": "`", ".": ".", "\\": "\\"}
_ESCAPE = re.compile(
    r"""\\(?:
    [fFmMY](?:\((?:..)|\[[^\]]*\]|.)            # fonts, colours
    |s(?:[-+]?\(\d\d|[-+]?\[[^\]]*\]|[-+]?'[^']*'|[-+]?\d{1,2})  # sizes
    |[hvwlLDxNbSAXHRZB]'(?:[^'\\]|\\[^w]|\\w'[^']*')*'           # motions, drawings, widths
    |[nkgV](?:\((?:..)|\[[^\]]*\]|[-+]?.)       # registers
    |\*(?:\((?P<string2>..)|\[(?P<string>[^\]]*)\]|(?P<string1>.))
    |\((?P<char2>..)|\[(?P<char>[^\]]*)\]
    |o'(?P<over>[^']*)'
    |["\#].*
    |(?P<other>.)|$)""",
    re.VERBOSE,
)


def plain(line: str, strings: dict[str, str]) -> str:
    """The line as it prints. `strings`: what `.ds` defined in this page."""
    if "\\" not in line:
        return line

    def printed(match: re.Match[str]) -> str:
        other = match["other"]
        if other is not None:
            return _SIMPLE.get(other, "")
        name = match["string2"] or match["string"] or match["string1"]
        if name is not None:
            return strings.get(name, STRINGS.get(name, ""))
        name = match["char2"] or match["char"]
        if name is not None:
            return _character(name)
        return match["over"] or ""

    return _ESCAPE.sub(printed, line)


def _character(name: str) -> str:
    if re.fullmatch(r"u[0-9A-F]{4,6}", name):
        return chr(int(name[1:], 16))
    return CHARACTERS.get(name, "")


def arguments(text: str) -> list[str]:
    """Arguments of a macro: separated by blanks, quoted with double quotes, a doubled quote inside stands for itself."""
    found = []
    for quoted, bare in re.findall(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s"\\]|(?<=[^\s])")+)', text):
        found.append(bare if bare else quoted.replace('""', '"'))
    return found

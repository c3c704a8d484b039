"""The inline macros of mdoc, the language of BSD manual pages: `.Fl a Ar file` prints `-a file`.

Macros call each other on one line; an enclosing one (`Op`, `Dq`) closes at the line's end, before closing punctuation.
Source: mdoc(7).
"""

from __future__ import annotations

_PLAIN = frozenset(
    """
    Ad An Ar At Bx Cd Cm Dv Em Er Ev Fa Fr Ft Fx Ic Li Ms No Nx Ox Pa Sx Sy Tn Ux Va Vt Lb Lk Mt St Rv
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_ENCLOSING = {
    "Op": "[]", "Pq": "()", "Dq": "「」", "Qq": '""', "Sq": "''", "Ql": "''", "Aq": "<>", "Bq": "[]", "Brq": "{}",
    "Oo": "[", "Po": "(", "Do": "「", "Qo": '"', "So": "'", "Ao": "<", "Bo": "[", "Bro": "{",
}  # fmt: skip
_CLOSING = {"Oc": "]", "Pc": ")", "Dc": "」", "Qc": '"', "Sc": "'", "Ac": ">", "Bc": "]", "Brc": "}"}
_NAMED = {"Ux": "UNIX", "Bx": "BSD", "Fx": "FreeBSD", "Nx": "NetBSD", "Ox": "OpenBSD", "At": "AT&T UNIX"}
_PUNCTUATION = frozenset(".,:;)]?!")
INLINE = _PLAIN | _ENCLOSING.keys() | _CLOSING.keys() | {"Fl", "Nm", "Xr", "Fn", "Ns", "In", "Nd"}


def inline(tokens: list[str], name: str) -> str:
    """Text of a line of inline macros and words. `name`: what `.Nm` stands for on this page."""
    out: list[str] = []
    closers: list[str] = []
    macro, glue, index = "", True, 0

    def put(word: str, tight: bool = False) -> None:
        nonlocal glue
        if out and not glue and not tight:
            out.append(" ")
        out.append(word)
        glue = False

    tail: list[str] = []
    while tokens and tokens[-1] in _PUNCTUATION and len(tokens) > 1:
        tail.insert(0, tokens.pop())
    while index < len(tokens):
        token = tokens[index]
        index += 1
        following = tokens[index] if index < len(tokens) else None
        if token == "Ns":
            glue = True
        elif token in _ENCLOSING:
            pair = _ENCLOSING[token]
            put(pair[0])
            glue = True
            if len(pair) == 2:
                closers.append(pair[1])
            macro = ""
        elif token in _CLOSING:
            put(_CLOSING[token], tight=True)
            macro = ""
        elif token in INLINE:
            macro = token
            if token in _NAMED:
                put(_NAMED[token])
            if token == "Nd":
                put("-")
            if token == "Nm" and (following is None or following in INLINE or following in _PUNCTUATION):
                put(name)
            if token == "Fl" and (following is None or following in INLINE):
                put("-")
                glue = following == "Fl"  # `Fl Fl verbose` is --verbose
        elif token in _PUNCTUATION and token != "(":
            put(token, tight=True)
        elif macro == "Fl":
            put("-" + token)
        elif macro == "Xr" and following is not None and following[:1].isdigit():
            put(f"{token}({following})")
            index += 1
        elif macro == "Fn":
            put(f"{token}({', '.join(_until_punctuation(tokens[index:]))})")
            index = len(tokens)
        elif macro == "In":
            put(f"<{token}>")
        else:
            put(token)
    return "".join(out) + "".join(reversed(closers)) + "".join(tail)


def _until_punctuation(tokens: list[str]) -> list[str]:
    return [token for token in tokens if token not in _PUNCTUATION]

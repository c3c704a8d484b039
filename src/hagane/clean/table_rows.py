"""A table reads as rows and not as a column of words: the short cells of a row become one line.

Cost: one pass over the lines of pages that have a table.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import groupby

from hagane.clean.dom import Tree
from hagane.clean.page import Role

_MAX_CELL, _MAX_ROW = 60, 160
_BLANK = "\u3000"
"""An ordinary blank between Japanese words would be taken for a line wrap."""


def join_rows(tree: Tree) -> Tree:
    """The tree with neighbouring lines of one table row joined, where all but the last are at most 60 characters long, all 160."""
    if not any(row >= 0 for row in tree.cells):
        return tree
    joined = replace(tree, lines=[], roles=[], owners=array("i"), links=array("i"), cells=array("i"))
    numbers = array("i")
    for row, group in groupby(range(len(tree.lines)), tree.cells.__getitem__):
        which = list(group)
        lines = [tree.lines[line] for line in which]
        if row >= 0 and len(lines) > 1 and _is_short(lines) and all(tree.roles[line] is Role.TEXT for line in which):
            numbers.extend([len(joined.lines)] * len(lines))
            joined.lines.append(_BLANK.join(lines))
            joined.roles.append(Role.TEXT)
            joined.owners.append(row)
            joined.links.append(sum(tree.links[which[0] : which[-1] + 1]))
            joined.cells.append(row)
            continue
        numbers.extend(range(len(joined.lines), len(joined.lines) + len(lines)))
        joined.lines.extend(lines)
        joined.roles.extend(tree.roles[which[0] : which[-1] + 1])
        for name in ("owners", "links", "cells"):
            getattr(joined, name).extend(getattr(tree, name)[which[0] : which[-1] + 1])
    numbers.append(len(joined.lines))
    firsts, ends = (array("i", [numbers[line] for line in bounds]) for bounds in (tree.firsts, tree.ends))
    return replace(joined, firsts=firsts, ends=ends)


def _is_short(lines: list[str]) -> bool:
    return all(len(line) <= _MAX_CELL for line in lines[:-1]) and sum(map(len, lines)) + len(lines) - 1 <= _MAX_ROW

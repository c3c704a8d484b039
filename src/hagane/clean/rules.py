"""The rules in the order in which they decide: what each measures, and on which side of its threshold it removes.

A rule measures without knowing any threshold, its own or another's; what it measured is stored for every line, and the decision
compares. So another threshold can be replayed without reading a page again. The first rule that takes a line keeps it.

To add a rule: a measuring function in a file of its own, a line here, and a threshold of the same name in `config.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Side = Literal["below", "to", "from", "above"]
_COMPARE: dict[Side, Callable[[Any, Any], Any]] = {
    "below": operator.lt,
    "to": operator.le,
    "from": operator.ge,
    "above": operator.gt,
}


@dataclass(frozen=True)
class Rule:
    """What a removal is called, and how a value is held against the threshold."""

    name: str
    unit: Literal["line", "page"]
    side: Side
    """Values on this side of the threshold are removed."""
    most: float
    """Upper end of the histogram of its values."""
    least: float = 0
    """Its lower end."""
    masks: bool = False
    """What it finds is replaced, not removed."""

    @property
    def action(self) -> str:
        """remove_document | remove_span | mask: as it stands in decisions.parquet."""
        return "mask" if self.masks else "remove_document" if self.unit == "page" else "remove_span"

    def removes(self, values: npt.NDArray[Any], threshold: float | None) -> npt.NDArray[np.bool_]:
        """Which values are on the removing side; NaN (not judged) never, and nothing where the threshold is None."""
        if threshold is None:
            return np.zeros(len(values), bool)
        return np.asarray(_COMPARE[self.side](values, threshold))


RULES = (
    # Main text of an HTML page.
    Rule("boilerplate", "line", "below", 1),
    Rule("outside_main", "line", "from", 1),
    Rule("link_density", "line", "above", 1),
    Rule("second_opinion", "line", "below", 1),
    Rule("stranded_heading", "line", "from", 1),
    # What needs no more than the page.
    Rule("broken_characters", "line", "above", 10),
    Rule("language", "page", "below", 1),
    Rule("code", "line", "below", 1),
    Rule("foreign_text", "line", "below", 1),
    Rule("copyright_line", "line", "to", 300),
    Rule("advert_mark", "line", "to", 300),
    Rule("breadcrumb", "line", "below", 10),
    Rule("tag_line", "line", "to", 300),
    Rule("noun_list", "line", "below", 1),
    Rule("self_repetition", "line", "above", 1),
    Rule("mojibake", "line", "above", 1),
    Rule("decoration", "line", "above", 1),
    Rule("same_letter", "line", "above", 1),
    Rule("contamination", "line", "from", 100),
    Rule("repeated_in_document", "line", "from", 10),
    Rule("adult_words", "page", "above", 0.2),
    Rule("discrimination_words", "page", "above", 0.2),
    Rule("abuse_words", "page", "above", 0.2),
    Rule("hojichar", "page", "from", 1),
    Rule("score", "page", "below", 2, least=-2),
    Rule("advert", "line", "above", 10, least=-10),
    # What needs the whole corpus.
    Rule("menu_line", "line", "above", 10, least=-10),
    Rule("too_short", "page", "below", 2000),
    Rule("little_japanese", "page", "below", 1),
    Rule("template", "page", "from", 1),
    Rule("exact_duplicate", "page", "from", 1),
    Rule("near_duplicate", "page", "from", 1),
    Rule("repeated_line", "line", "from", 100),
    Rule("repeated_passage", "line", "from", 2000),
    Rule("mostly_repeated", "page", "below", 1),
    Rule("empty_heading", "line", "from", 1),
    Rule("personal_data", "line", "from", 10, masks=True),
)
RULE = {rule.name: rule for rule in RULES}
NUMBER = {rule.name: number for number, rule in enumerate(RULES)}

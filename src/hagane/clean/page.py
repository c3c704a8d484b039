"""A page as lines: what every rule looks at and every decision points into.

All rules speak of one text: the page's lines after light normalisation, joined by newlines. A decision names its lines by number
and by character span in that text, so that it can be replayed, and no rule shifts another one's spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from hagane.clean.hojichar import Verdict


class Role(IntEnum):
    """What a line is on its page."""

    TEXT = 0
    HEADING = 1
    CODE = 2


@dataclass(frozen=True)
class Page:
    """A document as it was read, with all its lines."""

    id: str
    source: str
    site: str
    """Host of the page's address, the source where it has none: whose menus it carries."""
    raw_characters: int
    lines: Sequence[str]
    """Normalised; none is empty."""
    roles: Sequence[Role]
    values: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    """Measurements made while the page was read (main text of HTML): rule → one value a line."""
    verdict: Verdict | None = None
    """What a HojiChar chain says of the page, where there is one."""

    @classmethod
    def of(cls, identity: str, source: str, lines: Sequence[str], roles: Sequence[Role]) -> Page:
        """A page of plain text."""
        return cls(identity, source, source, sum(map(len, lines)), lines, roles)

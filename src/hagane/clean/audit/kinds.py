"""What each rule of the stage is for, in one table, and what the audit asks of the stage.

Where rules are renamed, this is the file to change. A rule that is not named here is for something else (language,
code, what is too short) and counts for none of the three kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAIN_TEXT = ("boilerplate", "outside_main", "link_density", "stranded_heading", "second_opinion")
"""Rules that tell the main text of an HTML page from the rest."""
KINDS: dict[str, tuple[str, ...]] = {
    "advert": ("advert", "advert_mark", "self_repetition"),
    "menu": ("menu_line", "breadcrumb", "tag_line", "copyright_line", "noun_list", *MAIN_TEXT),
    "template": ("template",),
}
COPIES = (
    "exact_duplicate",
    "near_duplicate",
    "repeated_line",
    "repeated_in_document",
    "repeated_passage",
    "mostly_repeated",
)
"""Rules that take what another document, or an earlier line, still has: nothing is lost."""


@dataclass(frozen=True)
class Target:
    """A figure of the audit, by its path, that has to be at least or at most so much."""

    path: tuple[str, ...]
    bound: float
    at_most: bool = False

    def value(self, figures: Mapping[str, Any]) -> float | None:
        """The figure, or None where it was not measured."""
        found: Any = figures
        for key in self.path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return float(found)

    def reached(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value <= self.bound if self.at_most else value >= self.bound


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """What is asked of these figures: of noise recall, of gold pages F1, of each clean text what is lost at most."""
    found = [Target(("kinds", kind, "recall"), 0.9) for kind in ("advert", "menu")]
    found.append(Target(("groups", "template 10%", "recall"), 0.85))
    found += [Target(("groups", f"template {share}", "recall"), 0.9) for share in ("25%", "50%", "75%", "100%")]
    for name in figures.get("clean", ()):
        found += [Target(("clean", name, "lost"), 0.02, True), Target(("clean", name, "template_flagged"), 0.01, True)]
    bounds = {"sites": 0.88, "manual": 0.95}
    found += [Target(("gold", kind, "f1"), bound) for kind, bound in bounds.items() if kind in figures.get("gold", ())]
    return found

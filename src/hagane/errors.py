"""What can go wrong, in words a user can act on.

Every error a user can cause is a `HaganeError`: *what* happened, *where* (file:line, row, key), and how to mend it. The
command line prints those three lines and no traceback; `exit_code` is 2 for wrong use and 1 for a run that failed.
"""

from __future__ import annotations


class HaganeError(Exception):
    """A failure that is explained: what, where, and the way out."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class UsageError(HaganeError):
    """The command or an argument is not right."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe or an override that cannot be read: unknown key, wrong type, missing input."""


class DataError(HaganeError):
    """Data that is not what was expected: missing, empty, truncated, without a needed column."""


class ArtifactError(HaganeError):
    """An output folder that is incomplete, changed, or of the wrong kind."""


class TrainingError(HaganeError):
    """Training that must not go on: a loss that is not finite, an empty label mask."""


class MissingToolError(HaganeError):
    """A program of the machine that is not there, with what to use instead."""

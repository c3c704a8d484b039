"""Answers that a program can check: text in, verdict out."""

from hagane.checks.repetition import repetitive
from hagane.checks.verify import passes

__all__ = ["passes", "repetitive"]

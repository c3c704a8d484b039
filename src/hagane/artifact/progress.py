"""What a person sees while a stage runs: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichBar

from hagane.artifact import processes

console = Console(stderr=True, highlight=False)
PLAIN_EVERY_SECONDS = 10.0


def note(text: str) -> None:
    """Print one line of what is happening; of several processes, the first does."""
    if processes.is_first():
        console.print(text, markup=False, soft_wrap=True)


class Progress:
    """How far a stage is; `update` may be called as often as one likes."""

    def __init__(self, total: int, label: str, bar: RichBar | None) -> None:
        self._total, self._label, self._bar = total, label, bar
        self._started = self._printed = time.monotonic()
        self._task = bar.add_task(label, total=total, figures="") if bar else None

    def update(self, done: int, **figures: float | str) -> None:
        """Show `done` of the total, with figures such as `loss=3.21`."""
        shown = " ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in figures.items()
        )
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, figures=shown)
            return
        now = time.monotonic()
        if now - self._printed >= PLAIN_EVERY_SECONDS or done == self._total:
            self._printed = now
            note(f"  {self._label} {done}/{self._total} ({now - self._started:.0f} s) {shown}".rstrip())


@contextmanager
def progress(total: int, label: str) -> Iterator[Progress]:
    """Show the progress of `total` things named `label` while the block runs."""
    if not (console.is_terminal and sys.stderr.isatty() and processes.is_first()):
        yield Progress(total, label, None)
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with RichBar(*columns, console=console, transient=True) as bar:
        yield Progress(total, label, bar)

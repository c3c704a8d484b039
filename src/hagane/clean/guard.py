"""At most so many seconds and bytes for one document; who asks for more is left out, and the run goes on.

Two nets. The inner one ends the document with an exception: a timer that counts the processor time of this process (the same
on a busy machine as on a quiet one) rings and interrupts Python code and `re`; a limit on the data segment makes `malloc` say
no, which Python, numpy and pyarrow pass on as `MemoryError`. A parser written in C does not look at signals, and may crash.
So in a worker of `hagane.clean.engine` there is the outer one: at twice the time the system ends the process, and the number
of the document it was at stands in a small file, the board. The engine repeats the task in a fresh worker, which leaves that
document out. Without a worker (`workers: 0`) there is the inner net only.

Time is the processor's: a document that sleeps is not noticed. The limit on memory needs Linux. Cost: about 25 us a document.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Overrun:
    """Why a document was given up: a word to count by, and more about it."""

    reason: Literal["time", "memory", "crash"]
    detail: str


class _TimeUpError(BaseException):
    """Not an `Exception`, so that no handler of the document's own code takes it."""


class _Place:
    """Where this process is in its task: guarded documents are numbered from 0, and the same in every attempt."""

    def __init__(self) -> None:
        self.board: int | None = None
        self._given_up: Mapping[int, Overrun] = {}
        self._following = 0

    def start(self, board: int, given_up: Mapping[int, Overrun]) -> None:
        self.board, self._given_up, self._following = board, given_up, 0
        self.leave()

    def enter(self) -> Overrun | None:
        """Count one document. What an earlier attempt found about it, or None: then the board names it."""
        number, self._following = self._following, self._following + 1
        if number in self._given_up:
            return self._given_up[number]
        self._write(number)
        return None

    def leave(self) -> None:
        self._write(-1)

    def _write(self, number: int) -> None:
        if self.board is not None:
            os.pwrite(self.board, number.to_bytes(8, "little", signed=True), 0)


_place = _Place()


def start_task(board: int, given_up: Mapping[int, Overrun]) -> None:
    """Count documents from 0 again; `given_up` are answered at once. `board` is a file that the parent reads."""
    _place.start(board, given_up)


def read_board(board: int) -> int | None:
    """The document that the writer of this board is at, or None outside of any."""
    written = os.pread(board, 8, 0)  # nothing before the first task
    number = int.from_bytes(written, "little", signed=True)
    return number if written and number >= 0 else None


def guarded(function: Callable[[T], R], document: T, *, seconds: float, memory: int) -> R | Overrun:
    """`function(document)`, or why it was given up: `seconds` of processor time, `memory` in bytes on top of what is held now.

    In the main thread only (`ValueError` elsewhere: signals go there), and not inside itself. Other errors of `function` pass.
    """
    known = _place.enter()
    if known is not None:
        return known
    before = signal.signal(signal.SIGPROF, _ring)
    limits = _limit(seconds, memory)
    try:
        try:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            return function(document)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _TimeUpError:
        return Overrun("time", f"More than {seconds:g} s of processor time.")
    except MemoryError:
        return Overrun("memory", f"More than {memory} bytes of memory.")
    finally:
        for kind, limit in limits.items():
            resource.setrlimit(kind, limit)
        signal.signal(signal.SIGPROF, before)
        _place.leave()


def _ring(number: int, frame: object) -> NoReturn:
    raise _TimeUpError


def _limit(seconds: float, memory: int) -> dict[int, tuple[int, int]]:
    """Lower this process's limits for one document. The limits before."""
    wanted = {}
    if sys.platform == "linux":
        wanted[resource.RLIMIT_DATA] = _data_bytes() + memory
    if _place.board is not None:
        wanted[resource.RLIMIT_CPU] = int(time.process_time() + 2 * seconds) + 1
    before = {kind: resource.getrlimit(kind) for kind in wanted}
    for kind, soft in wanted.items():
        hard = before[kind][1]
        resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    return before


def _data_bytes() -> int:
    """What the system counts against RLIMIT_DATA: private writable memory."""
    return int(os.pread(_statm(os.getpid()), 128, 0).split()[5]) * resource.getpagesize()


@lru_cache(1)
def _statm(process: int) -> int:
    """This process's open account of its memory: opening it costs ten times as much as reading it."""
    return os.open(f"/proc/{process}/statm", os.O_RDONLY)

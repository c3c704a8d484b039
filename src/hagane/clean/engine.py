"""Map a function over tasks in several processes, and lose nothing when one of them is killed.

A task's output is a file that is renamed into place, so a task may be run again: when a worker dies (the system was out of
memory, a parser crashed) its task goes to a fresh one. `concurrent.futures` would fail every task at that point, hence this pool.
A worker is a new Python, not a fork: the parent has threads (torch, Arrow) that a fork would leave in an unknown state. It starts
in about 0.1 s, imports what the function needs and no more, and has one thread for numpy, OpenMP and Arrow, so that two workers
on two cores are two threads. A worker ends with its parent, however that ends.

One worker is a process too, because a limit on a document's time and memory needs a process to lose (`hagane.clean.guard`);
`workers=0` runs in this one, for tests and debuggers.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Protocol, TypeVar

from hagane.clean.guard import Overrun, read_board
from hagane.errors import HaganeError

T = TypeVar("T")
R = TypeVar("R")

_ATTEMPTS = 3
_PROGRAM = "from hagane.clean.worker import serve; serve({pipe}, {board})"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"), "1")


class Engine(Protocol):
    """Where the work is done: here or on a cluster, with the same results."""

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """`function` of every task, in the order of the tasks; both can be pickled.

        `tasks` is read as work goes on, two ahead of every worker at most; results that wait for an earlier one are held. An
        error of `function` is raised here as itself. Raises `HaganeError` where a task ended three workers.
        """


@contextmanager
def local(workers: int) -> Iterator[Engine]:
    """An engine of `workers` processes on this machine; 0 is this process. To be used in the thread that made it."""
    if not workers:
        yield _Here()
        return
    pool = Pool(workers)
    try:
        yield pool
    finally:
        pool.end()


class _Here:
    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        return map(function, tasks)


@dataclass
class _Task:
    number: int
    value: Any
    deaths: list[int | None] = field(default_factory=list)
    """At which document of the task each worker died, since the last one that was given up."""
    given_up: dict[int, Overrun] = field(default_factory=dict)


class _Worker:
    """One process, the pipe to it, and the board on which it says at which document it is."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        self._board = tempfile.TemporaryFile()  # noqa: SIM115 -- `end` closes it
        ends = {"pipe": theirs.fileno(), "board": self._board.fileno()}
        # `-P` and the path: what this process imports, from where it imports it. The group of its own: Ctrl-C is for the parent.
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM.format(**ends)],
                stdin=subprocess.DEVNULL,
                pass_fds=tuple(ends.values()),
                env=os.environ | _ONE_THREAD | {"PYTHONPATH": path},
                process_group=0,
            )

    def end(self) -> tuple[int | None, int]:
        """End the process, if it has not ended by itself. The document it was at, and its exit status."""
        status = self._process.poll()
        if status is None:
            self._process.kill()
            status = self._process.wait()
        document = read_board(self._board.fileno())
        self.connection.close()
        self._board.close()
        return document, status


class Pool:
    """`workers` processes, started by the first task; `end` ends them."""

    def __init__(self, workers: int) -> None:
        self._count = workers
        self._workers: dict[Connection, _Worker] = {}
        self._idle: list[Connection] = []

    def end(self) -> None:
        """End every worker, also a busy one."""
        for connection in list(self._workers):
            self._dismiss(connection)

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
        """See `Engine`."""
        source = enumerate(tasks)
        dry = False
        waiting: deque[_Task] = deque()
        busy: dict[Connection, _Task] = {}
        done: dict[int, R] = {}
        following = 0
        try:
            while waiting or busy or not dry:
                if not dry and len(waiting) + len(busy) < 2 * self._count:
                    found = next(source, None)
                    dry = found is None
                    waiting.extend([_Task(*found)] if found else [])
                while waiting and len(busy) < self._count:
                    task = waiting.popleft()
                    connection = self._hire()
                    busy[connection] = task
                    with suppress(OSError):  # it has died; the end of its pipe says so below
                        connection.send_bytes(pickle.dumps((function, task.value, task.given_up)))
                full = dry or len(waiting) + len(busy) == 2 * self._count
                ready = wait(busy, None if full else 0) if busy else ()
                for connection in [each for each in busy if each in ready]:
                    task = busy.pop(connection)
                    try:
                        well, value = pickle.loads(connection.recv_bytes())
                    except (EOFError, OSError):
                        _note_death(task, *self._dismiss(connection))
                        waiting.appendleft(task)
                        continue
                    self._idle.append(connection)
                    if not well:
                        raise value
                    done[task.number] = value
                while following in done:
                    yield done.pop(following)
                    following += 1
        finally:
            for connection in busy:
                self._dismiss(connection)

    def _hire(self) -> Connection:
        while len(self._workers) < self._count:  # all at once, so that they import side by side
            worker = _Worker()
            self._workers[worker.connection] = worker
            self._idle.append(worker.connection)
        return self._idle.pop()

    def _dismiss(self, connection: Connection) -> tuple[int | None, int]:
        if connection in self._idle:
            self._idle.remove(connection)
        return self._workers.pop(connection).end()


def _note_death(task: _Task, document: int | None, status: int) -> None:
    """Give up the document that is to blame: at its time limit, or twice the same. Raises `HaganeError` at the third death else.

    Once is not enough: whoever kills a worker for reasons of his own must not change the output.
    """
    slow = status == -signal.SIGXCPU
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    task.deaths.append(document)
    if document is not None and (slow or task.deaths.count(document) == 2):
        task.given_up[document] = Overrun("time" if slow else "crash", f"It ended the worker ({how}).")
        task.deaths.clear()
    elif len(task.deaths) == _ATTEMPTS:
        raise HaganeError(
            f"A task ended {_ATTEMPTS} workers, the last one by {how}.",
            where=f"task {repr(task.value)[:200]}",
            fix="SIGKILL is most often a lack of memory: use fewer workers. `workers: 0` runs it in this process.",
        )

"""One command on several processes: which of them this is, and how they agree.

`torchrun` starts the same command many times and tells each process its number (RANK of WORLD_SIZE). All of them do the same
work on the same data, so most code need not know; what only one may do (printing, committing a folder, deciding whether a stage
is out of date) is done by the first, and the others take its word. Values go between processes as JSON: no pickle here either.

With one process nothing of torch.distributed is imported, and every call returns at once.
"""

from __future__ import annotations

import atexit
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hagane.errors import HaganeError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

_alone: ContextVar[bool] = ContextVar("alone", default=False)
_PATIENCE = timedelta(days=1)
"""How long a process waits for another: the first may clean a corpus by itself meanwhile. One that died is noticed at once."""


def count() -> int:
    """Processes that work together; 1 inside `alone()`."""
    return 1 if _alone.get() else int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK", "0")) if count() > 1 else 0


def is_first() -> bool:
    """Whether this process prints and commits."""
    return rank() == 0


@contextmanager
def alone() -> Iterator[None]:
    """Work as if there were no other process; they must not be waited for inside."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def from_first(function: Callable[[], T]) -> T:
    """What `function` returns in the first process, which alone calls it. The value must be JSON."""
    if count() == 1:
        return function()
    import torch

    data = json.dumps(function()).encode() if is_first() else b""
    length = torch.tensor([len(data)])
    copy_first(length)
    content = torch.tensor(list(data) if is_first() else [0] * int(length), dtype=torch.uint8)
    copy_first(content)
    value: T = json.loads(bytes(content.tolist()))
    return value


def folder_of_first(out: Path) -> Path:
    """The first process's `out`, which all must be able to read."""
    return Path(from_first(lambda: str(out.absolute())))


def copy_first(tensor: torch.Tensor) -> None:
    """Replace `tensor`, in place, by that of the first process; of the same shape and kind everywhere."""
    if count() > 1:
        import torch

        _join()
        with peers():
            torch.distributed.broadcast(tensor, src=0)


def add_up(tensor: torch.Tensor) -> None:
    """Replace `tensor`, in place, by its sum over all processes; all end with the same bits."""
    if count() > 1:
        import torch

        _join()
        with peers():
            torch.distributed.all_reduce(tensor)


def wait() -> None:
    """Return when every process has come here."""
    if count() > 1:
        import torch

        add_up(torch.zeros(1))


@contextmanager
def peers() -> Iterator[None]:
    """Say in words that another process is gone, where the communication library shows its own source lines."""
    try:
        yield
    except RuntimeError as error:
        if "gloo" not in str(error) and type(error).__name__ not in ("DistBackendError", "DistNetworkError"):
            raise
        raise HaganeError(
            "Another process of this run has stopped.",
            where=f"process {rank()} of {count()}",
            fix="Its own message says why.",
        ) from error


@cache
def _join() -> None:
    """Meet the others, once; CPU tensors travel by gloo, those of a GPU by NCCL."""
    import torch

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with peers():
        torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    # Left to the end of the interpreter, its threads may be torn down while they run, which aborts a process that has succeeded.
    atexit.register(torch.distributed.destroy_process_group)

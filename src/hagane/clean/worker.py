"""The other end of `hagane.clean.engine`: a process that takes one task after another until its parent is gone.

Messages are pickled: both ends are one program, and nothing of it comes from a file or outlives the run.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from hagane.clean.guard import start_task

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(pipe: int, board: int) -> None:
    """Answer every `(function, task, given up)` that comes through `pipe` with `(True, result)` or `(False, error)`."""
    for descriptor in (pipe, board):
        os.set_inheritable(descriptor, False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # elsewhere the worker notices when its task is done
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with Connection(pipe) as connection:
        while True:
            try:
                connection.send_bytes(_answer(connection.recv_bytes(), board))
            except (EOFError, OSError):
                return


def _answer(message: bytes, board: int) -> bytes:
    try:
        function, task, given_up = pickle.loads(message)
        start_task(board, given_up)
        return pickle.dumps((True, function(task)))
    except Exception as error:
        error.add_note(f"In a worker:\n{traceback.format_exc()}")
        return _pickled(error)


def _pickled(error: Exception) -> bytes:
    """The error itself, or its words where its class cannot be sent."""
    try:
        data = pickle.dumps((False, error))
        pickle.loads(data)
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.__notes__ = error.__notes__
        return pickle.dumps((False, told))
    return data

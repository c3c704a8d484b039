"""Run a program of the tests in several processes that talk by gloo, as torchrun would start them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_in_processes(program: Sequence[str], count: int, **environment: str) -> list[str]:
    """Run `python PROGRAM…` in `count` processes of one thread; what each wrote to its standard error. All must succeed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        # The programs import this module too.
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
        **environment,
    }
    started = [
        subprocess.Popen(
            [sys.executable, *program], env=shared | {"RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(count)
    ]
    told = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * count, told
    return told

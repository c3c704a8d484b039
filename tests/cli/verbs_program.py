"""Several processes that run command lines one after another, as `torchrun -m hagane …` runs each; also the program they run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hagane.artifact.files import read_json, write_json


def run_verbs(folder: Path, lines: Sequence[Sequence[str]], count: int) -> list[str]:
    """Run the command lines in `count` processes of one thread; what each process wrote to its standard error.

    One start for all lines: it takes longer than they do.
    """
    write_json(folder / "lines.json", lines)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "HAGANE_DTYPE": "float32",
    }
    program = [sys.executable, __file__, str(folder / "lines.json")]
    started = [
        subprocess.Popen(program, env=shared | {"RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(count)
    ]
    told = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * count, told
    return told


def _main(lines: Path) -> int:
    from hagane.cli.main import call

    return max(call(line) for line in read_json(lines))


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))

"""Several processes that run command lines one after another, as `torchrun -m hagane …` runs each; also the program they run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gloo import run_in_processes
from hagane.artifact.files import read_json, write_json


def run_verbs(folder: Path, lines: Sequence[Sequence[str]], count: int) -> list[str]:
    """Run the command lines in `count` processes of one thread; what each process wrote to its standard error.

    One start for all lines: it takes longer than they do.
    """
    write_json(folder / "lines.json", lines)
    return run_in_processes([__file__, str(folder / "lines.json")], count, HAGANE_DTYPE="float32")


def _main(lines: Path) -> int:
    from hagane.cli.main import call

    return max(call(line) for line in read_json(lines))


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))

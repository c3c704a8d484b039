from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from hagane.clean.engine import local
from hagane.errors import DataError, HaganeError


def _square(number: int) -> int:
    return number * number


def _touch(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    return number


def _die_once(folder: Path, number: int) -> int:
    """Every third task takes its worker with it, the first time."""
    mark = folder / f"{number}.died"
    if number % 3 == 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    with (folder / f"{number}.done").open("a") as file:
        file.write("x")
    return os.getpid()


def _die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _OddError(Exception):
    def __init__(self, one: int, two: int) -> None:  # what unpickles it knows one argument
        super().__init__(f"{one} and {two}")


def _fail(kind: str) -> None:
    if kind == "hagane":
        raise DataError("Nothing there.", where="row 3", fix="Look again.")
    if kind == "odd":
        raise _OddError(1, 2)
    raise ValueError(kind)


def _threads(_: int) -> dict[str, object]:
    import pyarrow as pa

    importlib.import_module("hagane.clean.stage")
    return {"arrow": (pa.cpu_count(), pa.io_thread_count()), "torch": "torch" in sys.modules, "pid": os.getpid()}


def _sleep(folder: Path, number: int) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def _sleep_in_two(folder: str) -> None:
    """The program of the tests about a parent that is ended."""
    with local(2) as engine:
        list(engine.map(partial(_sleep, Path(folder)), range(4)))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    with local(workers) as engine:
        assert list(engine.map(_square, range(50))) == [number**2 for number in range(50)]
        assert list(engine.map(_square, [])) == []


def test_tasks_are_read_two_ahead_of_every_worker(tmp_path: Path) -> None:
    ahead = []

    def tasks() -> Iterator[int]:
        for number in range(40):
            ahead.append(number - len(list(tmp_path.iterdir())))
            yield number

    with local(2) as engine:
        assert list(engine.map(partial(_touch, tmp_path), tasks())) == list(range(40))
    assert max(ahead) == 3  # unfinished ones beside the one that is read


def test_a_killed_worker_costs_one_more_attempt(tmp_path: Path) -> None:
    with local(2) as engine:
        workers = list(engine.map(partial(_die_once, tmp_path), range(9)))
    assert len(list(tmp_path.glob("*.died"))) == 3
    assert [(tmp_path / f"{number}.done").read_text() for number in range(9)] == ["x"] * 9
    assert len(set(workers)) > 2


def test_a_task_that_ends_three_workers_is_named() -> None:
    with local(2) as engine:
        with pytest.raises(HaganeError, match="ended 3 workers, the last one by SIGKILL") as caught:
            list(engine.map(_die, [7]))
        assert caught.value.where == "task 7"
        assert list(engine.map(_square, [3])) == [9]  # the engine is as good as new


def test_an_error_comes_as_itself_and_tells_where_it_was_raised() -> None:
    with local(1) as engine:
        with pytest.raises(DataError) as explained:
            list(engine.map(_fail, ["hagane"]))
        assert (explained.value.what, explained.value.where, explained.value.fix) == (
            "Nothing there.",
            "row 3",
            "Look again.",
        )
        with pytest.raises(ValueError, match="other") as plain:
            list(engine.map(_fail, ["other"]))
        assert "in _fail" in plain.value.__notes__[0]
        with pytest.raises(RuntimeError, match="_OddError: 1 and 2") as odd:
            list(engine.map(_fail, ["odd"]))
        assert "in _fail" in odd.value.__notes__[0]


def test_a_worker_has_one_thread_and_no_torch() -> None:
    with local(2) as engine:
        for found in engine.map(_threads, range(4)):
            assert (found["arrow"], found["torch"]) == ((1, 1), False)
            assert found["pid"] != os.getpid()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    # A shell's background job ignores Ctrl-C, and what it starts would, too.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += f"from test_engine import _sleep_in_two; _sleep_in_two({str(tmp_path)!r})"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL
    )
    _until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(mark.name) for mark in tmp_path.iterdir()]
    assert all(map(_alive, workers))
    parent.send_signal(number)
    assert parent.wait(60) == -number
    _until(lambda: not any(map(_alive, workers)))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)

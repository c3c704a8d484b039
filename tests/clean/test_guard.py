from __future__ import annotations

import os
import re
import resource
import signal
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from hagane.clean.dom import html_tree
from hagane.clean.engine import local
from hagane.clean.guard import Overrun, guarded

_MEGABYTE = 1 << 20


def _read(document: str) -> int | str:
    """What a page can do to its reader."""
    match document.split():
        case ["loop"]:
            while True:
                pass
        case ["swallow"]:  # no handler of its own saves it
            while True:
                try:
                    while True:
                        pass
                except Exception:
                    continue
        case ["regex"]:
            return str(re.search(r"(あ+)+い", "あ" * 60))
        case ["long_call"]:  # one call into C, which looks at no signal
            return (3**100_000_000).bit_length()
        case ["allocate", megabytes]:
            return len(bytearray(int(megabytes) * _MEGABYTE))
        case ["array", megabytes]:
            return len(np.ones(int(megabytes) * _MEGABYTE, np.uint8))
        case ["tree", paragraphs]:
            return len(html_tree("<p>あ" * int(paragraphs)).lines)
        case ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["abort"]:
            os.abort()
        case ["kill_once", mark]:
            if not Path(mark).exists():
                Path(mark).touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return document


def _read_all(documents: list[str], seconds: float = 0.2) -> list[int | str]:
    """The reason where a document was given up, else what was read."""
    found = [guarded(_read, document, seconds=seconds, memory=64 * _MEGABYTE) for document in documents]
    return [each.reason if isinstance(each, Overrun) else each for each in found]


_HELD = {"loop": "time", "swallow": "time", "regex": "time", "allocate 2048": "memory", "array 2048": "memory"}
"""What an exception ends, in any process."""
_ENDED = {"long_call": "time", "kill": "crash", "abort": "crash"}
"""What costs the worker."""


@pytest.mark.parametrize("workers", [0, 1])
def test_a_greedy_document_costs_itself_only(workers: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)
    documents = ["一", *(each for document in _HELD for each in (document, "間")), "allocate 32"]
    with local(workers) as engine:
        (found,) = engine.map(_read_all, [documents])
    assert found == ["一", *(each for reason in _HELD.values() for each in (reason, "間")), 32 * _MEGABYTE]
    assert (resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)) == before


def test_a_document_that_ends_the_worker_is_left_out_of_the_next_attempt() -> None:
    documents = ["一", *(each for document in _ENDED for each in (document, "間")), "loop"]
    with local(2) as engine:
        found = list(engine.map(_read_all, [["前"], documents, ["後"]]))
    assert found == [["前"], ["一", *(each for reason in _ENDED.values() for each in (reason, "間")), "time"], ["後"]]


def test_a_document_is_not_blamed_for_one_kill(tmp_path: Path) -> None:
    documents = ["一", f"kill_once {tmp_path / 'mark'}", "二"]
    with local(1) as engine:
        assert list(engine.map(_read_all, [documents])) == [documents]


def test_a_page_of_a_million_paragraphs_costs_itself_only() -> None:
    with local(1) as engine:
        patient = partial(_read_all, seconds=5)
        ((small, large, after),) = engine.map(patient, [["tree 10000", "tree 1000000", "後"]])
    assert (small, after) == (10_000, "後")
    assert large in ("memory", "time")  # close under its limit of memory a process can crawl


def test_only_the_main_thread_can_guard() -> None:
    raised: list[type[BaseException]] = []

    def run() -> None:
        try:
            guarded(_read, "一", seconds=1, memory=_MEGABYTE)
        except ValueError as error:
            raised.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert raised == [ValueError]

"""What the cleaning's engine costs: two workers against one, the start of a worker, the guard around a document.

Usage: python bench/engine.py [--quick]. One and two workers in turn, medians: hashing, which is nothing but computing, and the
first pass of the cleaning (read, extract, measure) over copies of the built-in pages, where the parent feeds the workers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hagane.clean.engine import Engine, local
from hagane.clean.guard import guarded
from hagane.clean.measure import RawBatch, Reading, measure, raw_batches
from hagane.corpus.document import RawDocument
from hagane.corpus.read import read_raw

_MEGABYTE = 1 << 20
_READING = Reading(seconds=10, memory=_MEGABYTE << 9)


def corpus(copies: int) -> tuple[list[RawBatch], int]:
    """Batches for the first pass, and the bytes in them."""
    found = [page for page in read_raw(["builtin"], limit=8 * _MEGABYTE) if isinstance(page, RawDocument)]
    pages = [replace(page, id=f"{copy}/{page.id}") for copy in range(copies) for page in found]
    return list(raw_batches(pages)), sum(len(page.content.encode("utf-8", "surrogatepass")) for page in pages)


def seconds(engine: Engine, function: Callable[[Any], Any], tasks: Sequence[Any]) -> float:
    begin = time.perf_counter()
    for _ in engine.map(function, tasks):
        pass
    return time.perf_counter() - begin


def in_turn(function: Callable[[Any], Any], tasks: Sequence[Any], rounds: int) -> tuple[float, float]:
    """Median seconds of one worker and of two; both engines live on, and have imported what they need."""
    with local(1) as one, local(2) as two:
        for engine in (one, two):
            seconds(engine, function, tasks[:4])
        turns = [(seconds(one, function, tasks), seconds(two, function, tasks)) for _ in range(rounds)]
    ones, twos = zip(*turns, strict=True)
    return statistics.median(ones), statistics.median(twos)


def start_up(rounds: int) -> float:
    """Seconds until a fresh worker has answered for the first time, with what the first pass imports."""
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, local(1) as engine:
            found.append(seconds(engine, partial(measure, Path(folder), _READING), [RawBatch(0, [])]))
    return statistics.median(found)


def guard_microseconds(documents: int) -> float:
    begin = time.perf_counter()
    for number in range(documents):
        guarded(abs, number, seconds=10, memory=_MEGABYTE << 9)
    return (time.perf_counter() - begin) / documents * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="three rounds instead of seven")
    rounds = 3 if parser.parse_args().quick else 7
    hashing = in_turn(partial(hashlib.pbkdf2_hmac, "sha256", b"hagane", b"salt"), [200_000] * 24, rounds)
    batches, size = corpus(200)
    with tempfile.TemporaryDirectory() as folder:
        cleaning = in_turn(partial(measure, Path(folder), _READING), batches, rounds)
    figures = {
        "hashing_seconds_one": hashing[0],
        "hashing_seconds_two": hashing[1],
        "first_pass_megabytes": size / 1e6,
        "first_pass_batches": len(batches),
        "first_pass_seconds_one": cleaning[0],
        "first_pass_seconds_two": cleaning[1],
        "worker_start_seconds": start_up(rounds),
        "guard_microseconds": guard_microseconds(20_000),
    }
    ratios = {"engine_two_cores": hashing[0] / hashing[1], "first_pass_two_cores": cleaning[0] / cleaning[1]}
    for name, value in {**figures, **ratios}.items():
        print(f"{name:24} {value:10.3f}")
    print(json.dumps({"bench": "engine", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()

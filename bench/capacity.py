"""What one month of Common Crawl would take in processor time and disk, from the rates of this machine.

Usage: python bench/capacity.py [--quick]

The gold pages of `clean_data.py` (the built-in ones where these are absent) are packed as a crawl, and every step is timed on them
in one process, in processor time: read (unpack, find records, tell the encoding), a test of the language, main text, measure,
decide. The plan multiplies; three constants are taken from elsewhere. The test of the language is a filter in front of the
stage, which itself measures every page that it is given: kana of the raw page, so that other languages cost no more than reading.
Cores are taken to add up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from clean_data import gold_pages
from hagane.clean.config import Config
from hagane.clean.engine import local
from hagane.clean.measure import measure_pages, measured_path, raw_batches
from hagane.clean.pages import page_of
from hagane.clean.stage import decide
from hagane.corpus.document import RawDocument
from hagane.corpus.read import read_raw

PACKED, UNPACKED, JAPANESE = 90e12, 400e12, 0.05
"""A month, assumed: bytes of 90,000 files (2.75 billion pages), the same unpacked, share of Japanese pages and bytes."""
CORES = (64, 512, 4096)
STEPS = ("read", "language", "main_text", "measure", "decide")
WRITTEN = {"measured": "measured", "asked": "checkpoints", "kept": "documents"}
_KANA = re.compile("[ぁ-ヶ]")
_KANA_LEAST = 20


def pack(pages: list[str], path: Path) -> int:
    """Write the pages as a crawl, a gzip member a record; returns the bytes of its records."""
    size = 0
    with path.open("wb") as file:
        for number, page in enumerate(pages):
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.encode("utf-8", "surrogatepass")
            head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://{number % 20}.example/{number}\r\n"
            head += f"Content-Type: application/http\r\nContent-Length: {len(answer)}\r\n\r\n"
            record = head.encode() + answer + b"\r\n\r\n"
            size += len(record)
            file.write(gzip.compress(record, 6))
    return size


def is_japanese(page: str) -> bool:
    """Whether the raw page has some kana; tags are not told from text."""
    return sum(1 for _ in islice(_KANA.finditer(page), _KANA_LEAST)) == _KANA_LEAST


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, found


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def one_round(crawl: Path, folder: Path) -> dict[str, float]:
    """Seconds of each step, and bytes written."""
    seconds: dict[str, float] = {}
    seconds["read"], found = timed(lambda: list(read_raw([str(crawl)])))
    raw = [page for page in found if isinstance(page, RawDocument)]
    foreign = [_KANA.sub("", page.content) for page in raw]  # a page with kana is told at its beginning
    seconds["language"], _ = timed(lambda: list(map(is_japanese, foreign)))
    batches = list(raw_batches(raw))
    seconds["main_text"], pages = timed(lambda: [[page_of(page) for page in batch.items] for batch in batches])
    measured = folder / "measured"
    measured.mkdir(parents=True)

    def measure_all() -> None:
        for number, of_batch in enumerate(pages):
            measure_pages(number, of_batch).save(measured_path(measured, number))

    seconds["measure"], _ = timed(measure_all)
    with local(0) as engine:
        config = Config(sources=[str(crawl)])
        seconds["decide"], _ = timed(lambda: decide(config, engine, measured, len(batches), folder))
    text = sum(len(line.encode("utf-8", "surrogatepass")) for batch in pages for page in batch for line in page.lines)
    written = {f"{what}_bytes": float(size_of(folder / where)) for what, where in WRITTEN.items()}
    shutil.rmtree(folder)
    return {**seconds, **written, "text_bytes": text}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round instead of five")
    rounds = 1 if parser.parse_args().quick else 5
    with tempfile.TemporaryDirectory() as name:
        crawl = Path(name) / "crawl.warc.gz"
        html = pack(gold_pages(), crawl)
        one_round(crawl, Path(name) / "first")  # imports and tables
        turns = [one_round(crawl, Path(name) / "out") for _ in range(rounds)]
    found = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    japanese = UNPACKED * JAPANESE
    print(f"{html / 1e6:.1f} MB of HTML with {found['text_bytes'] / 1e6:.1f} MB of text in all its lines\n")
    print("step        MB/s of HTML, one core   core hours a month")
    hours, rates = {}, {}
    for step in STEPS:
        rates[step] = html / 1e6 / found[step]
        hours[step] = (UNPACKED if step in ("read", "language") else japanese) / 1e6 / rates[step] / 3600
        print(f"{step:10} {rates[step]:24.1f} {hours[step]:20,.0f}")
    total = sum(hours.values())
    print(f"{'together':10} {'':24} {total:20,.0f}")
    feeds = (found["main_text"] + found["measure"]) / found["read"]
    print(f"\nIn the stage one process reads: it keeps {feeds:.0f} workers of the first pass busy.")
    print("\ncores    hours   GB/s of packed input")
    for cores in CORES:
        print(f"{cores:5} {total / cores:8,.1f} {PACKED / 1e9 / (total / cores * 3600):12.1f}")
    print("\ndisk        bytes a byte of HTML   TB a month")
    disk = {}
    for what in WRITTEN:
        share = found[f"{what}_bytes"] / html
        disk[what] = share * japanese / 1e12
        print(f"{what:10} {share:22.3f} {disk[what]:12.1f}")
    figures = {
        **{f"mb_per_second_{step}": round(rate, 2) for step, rate in rates.items()},
        **{f"core_hours_{step}": round(value) for step, value in hours.items()},
        "workers_fed": round(feeds, 1),
        **{f"hours_{cores}_cores": round(total / cores, 1) for cores in CORES},
        **{f"terabytes_{what}": round(value, 2) for what, value in disk.items()},
    }
    print(json.dumps({"bench": "capacity", "ratios": {}, "figures": figures}))


if __name__ == "__main__":
    main()

"""One contender of `bench/clean.py`, in a process of its own: on each line `go` it does its work on all documents once.

    python bench/clean_contender.py NAME --data FILE [--every N] [--workers N]

It answers with one JSON object a line: first when it is ready (after one document, so that dictionaries are loaded), then for each
`go` the seconds of processor time (with that of its children) and of the clock, how many documents it rejected and the most
memory it has held. FILE is JSON lines with `text` (pages: HTML), and for `minhash` a second one with pairs. Each contender runs in
the environment that its package lives in, so nothing but the standard library is imported before the name is known.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Work = Callable[[list[str]], int | None]
"""Texts in; how many are rejected (of pages: have nothing left), None for what rejects nothing."""
Maker = Callable[[list[str], int], Work]
"""From all texts (to prepare what is not to be measured) and the number of workers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(CONTENDERS))
    parser.add_argument("--data", type=Path, required=True, help="JSON lines with `text`.")
    parser.add_argument("--pairs", type=Path, help="JSON: [[text, text, similarity], ...].")
    parser.add_argument("--every", type=int, default=1, help="Take every N-th document only: a sample for a slow peer.")
    parser.add_argument("--workers", type=int, default=0, help="Worker processes of `stage`; 0: this process.")
    options = parser.parse_args()
    if options.workers < 2:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core each, and the same one
    texts = [json.loads(line)["text"] for line in options.data.open(encoding="utf-8")][:: options.every]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    with contextlib.redirect_stdout(sys.stderr):  # what a package prints is no answer
        work = CONTENDERS[options.name](texts, options.workers)
        work(texts[:1])
        error = rmse(SIGNERS[options.name](), options.pairs) if options.pairs else None
    say(documents=len(texts), bytes=size, rmse=error)
    for _ in sys.stdin:
        cpu, wall = processor(), time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            rejected = work(texts)
        say(cpu=processor() - cpu, wall=time.perf_counter() - wall, rejected=rejected)


def say(**values: Any) -> None:
    """An answer. The memory is this process's and that of its largest child."""
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**10
    print(json.dumps(values | {"peak_mib": peak}), flush=True)


def processor() -> float:
    """Seconds of processor time of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def stage(texts: list[str], workers: int) -> Work:
    """Ours, from a file of texts to documents and decisions, with all rules on."""
    from hagane.clean.stage import STAGE

    def work(texts: list[str]) -> int:
        with tempfile.TemporaryDirectory() as name:
            source, out = Path(name, "texts.jsonl"), Path(name, "out")
            source.write_text("\n".join(json_lines(texts)), encoding="utf-8")
            out.mkdir()
            STAGE.run(STAGE.config(sources=[str(source)], workers=workers, heldout_share=0.0), {}, out)
            documents = json.loads((out / "summary.json").read_text(encoding="utf-8"))["documents"]
        return int(documents["read"] - documents["kept"])

    return work


def json_lines(texts: list[str]) -> Iterator[str]:
    return (json.dumps({"text": text}, ensure_ascii=False) for text in texts)


def hojichar(texts: list[str], workers: int) -> Work:
    """Its Japanese chain, `hojichar_ja.py`."""
    import logging

    from hojichar_ja import FILTER

    logging.disable(logging.ERROR)

    def work(texts: list[str]) -> int:
        return sum(not FILTER(line) for line in json_lines(texts))

    return work


def datatrove(texts: list[str], workers: int) -> Work:
    """FineWeb-2's filters for Japanese, with its thresholds and in its order; the first that rejects ends a document."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.utils.typeshelper import Languages

    language = Languages.japanese
    chain = [
        GopherRepetitionFilter(
            language=language,
            dup_line_frac=0.375,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            top_n_grams=((2, 0.121), (3, 0.129), (4, 0.145)),
            dup_n_grams=((5, 0.307), (6, 0.283), (7, 0.264), (8, 0.248), (9, 0.234), (10, 0.223)),
        ),
        FineWebQualityFilter(
            language=language,
            line_punct_thr=0.167,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            new_line_ratio=0.162,
        ),
        GopherQualityFilter(
            language=language,
            min_avg_word_length=1,
            max_avg_word_length=5,
            max_non_alpha_words_ratio=0.759,
            stop_words=list("のにをはたてがとで年し・月れさ"),
        ),
    ]

    def work(texts: list[str]) -> int:
        documents = (Document(text=text, id=str(number)) for number, text in enumerate(texts))
        return sum(any(filter_.filter(document) is not True for filter_ in chain) for document in documents)

    return work


def minhash(texts: list[str], workers: int) -> Work:
    sign = SIGNERS["minhash"]()

    def work(texts: list[str]) -> None:
        for begin in range(0, len(texts), 500):  # about the stage's batches
            sign(texts[begin : begin + 500])

    return work


def rensa(texts: list[str], workers: int) -> Work:
    """From texts: Python makes the 5-grams, `RMinHash` the signature, a document at a time (faster than all at once)."""
    sign = SIGNERS["rensa"]()

    def work(texts: list[str]) -> None:
        sign(texts)

    return work


def rensa_prebuilt(texts: list[str], workers: int) -> Work:
    """From 5-grams that lie ready: what rensa would take if somebody else cut the texts."""
    from rensa import RMinHash

    ready = [grams(text) for text in texts]

    def work(texts: list[str]) -> None:
        RMinHash.digests_from_token_sets(ready[: len(texts)], num_perm=128, seed=42)

    return work


def grams(text: str) -> list[str]:
    return [text[i : i + 5] for i in range(len(text) - 4)]


def our_signer() -> Callable[[list[str]], Iterable[Any]]:
    from hagane.clean.minhash import signatures

    return signatures


def rensa_signer() -> Callable[[list[str]], Iterable[Any]]:
    from rensa import RMinHash

    def sign(texts: list[str]) -> Iterable[Any]:
        found = []
        for text in texts:
            one = RMinHash(num_perm=128, seed=42)
            one.update(grams(text))
            found.append(one.digest())
        return found

    return sign


def rmse(sign: Callable[[list[str]], Iterable[Any]], pairs: Path) -> float:
    """Root of the mean squared error of the estimated Jaccard similarity, over pairs of known similarity."""
    one, other, known = zip(*json.loads(pairs.read_text(encoding="utf-8")), strict=True)
    squares = []
    for left, right, true in zip(sign(list(one)), sign(list(other)), known, strict=True):
        agree = sum(int(a) == int(b) for a, b in zip(left, right, strict=True)) / len(left)
        squares.append((agree - true) ** 2)
    return float((sum(squares) / len(squares)) ** 0.5)


def html(texts: list[str], workers: int) -> Work:
    """Our fast tier: from HTML to the lines of the main text."""
    from hagane.clean.extract import Thresholds, html_lines, removed

    def extract(page: str) -> str:
        lines = html_lines(page)
        rules = removed(lines, Thresholds())
        return "\n".join(line for line, rule in zip(lines.lines, rules, strict=True) if not rule)

    return each(extract)


def trafilatura(texts: list[str], workers: int) -> Work:
    from trafilatura import extract

    return each(extract)


def trafilatura_fast(texts: list[str], workers: int) -> Work:
    from trafilatura import extract

    return each(lambda page: extract(page, fast=True))


def resiliparse(texts: list[str], workers: int) -> Work:
    from resiliparse.extract.html2text import extract_plain_text

    return each(lambda page: extract_plain_text(page, main_content=True, alt_texts=False, links=False))


def each(extract: Callable[[str], Any]) -> Work:
    return lambda pages: sum(not extract(page) for page in pages)


SIGNERS = {"minhash": our_signer, "rensa": rensa_signer}
CONTENDERS: dict[str, Maker] = {
    "stage": stage,
    "hojichar": hojichar,
    "datatrove": datatrove,
    "minhash": minhash,
    "rensa": rensa,
    "rensa_prebuilt": rensa_prebuilt,
    "html": html,
    "trafilatura": trafilatura,
    "trafilatura_fast": trafilatura_fast,
    "resiliparse": resiliparse,
}

if __name__ == "__main__":
    main()

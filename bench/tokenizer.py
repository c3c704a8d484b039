"""Encoding against Hugging Face `tokenizers`, and what training a vocabulary costs as the corpus grows.

Usage: python bench/tokenizer.py [--quick] [--text FILE_OR_FOLDER]. Text: JSON lines (gzip) with `text`, plain text files, or a
folder of either; without it the technical documents beside the repository, and where these are absent the built-in pages.
Two peers, the faster counts: the same unigram vocabulary through `tokenizer.json`, whose ids must be equal, and a byte-level
BPE of the same size that `tokenizers` trains on the same text. Whole documents in one batch; the programs in turn, medians.
Training runs in a child process for each corpus size (the text 1, 4 and 10 times); memory is the child's peak.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hagane.corpus.builtin import builtin_pages
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import backend
from hagane.tokenizer.train import sample_lines, train_sentencepiece

TEXT = Path(__file__).resolve().parents[2] / "shared" / "data" / "pretrain_techdoc.jsonl.gz"
SAMPLED = 20_000
Encode = Callable[[list[str]], list[list[int]]]


def documents(path: Path) -> Iterator[str]:
    """Texts of a file or folder, one at a time; of the built-in pages where there is no such path."""
    if not path.exists():
        yield from (page.gold for page in builtin_pages() if page.gold.strip())
        return
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.name.endswith((".jsonl", ".jsonl.gz")):
            with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as lines:
                yield from (json.loads(line)["text"] for line in lines)
        elif file.is_file():
            yield file.read_text(encoding="utf-8", errors="replace")


def vocabulary(path: Path, size: int) -> bytes:
    lines = sample_lines(documents(path), SAMPLED, seed=1)
    return train_sentencepiece(lines, vocab_size=size, character_coverage=0.9995)


def encoders(tokenizer: Tokenizer, texts: list[str]) -> dict[str, Encode]:
    """Ours and the peers; the ids of the same vocabulary are compared before anything is timed."""
    import tokenizers

    same = backend(tokenizer)
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(vocab_size=tokenizer.vocab_size, show_progress=False))

    def peer(one: tokenizers.Tokenizer) -> Encode:
        return lambda batch: [made.ids for made in one.encode_batch_fast(batch, add_special_tokens=False)]

    found = {"ours": tokenizer.encode_batch, "tokenizers unigram": peer(same), "tokenizers BPE": peer(bpe)}
    ours, theirs = found["ours"](texts), found["tokenizers unigram"](texts)
    assert ours == theirs, f"{sum(a != b for a, b in zip(ours, theirs, strict=True))} documents have other ids"
    characters, tokens = sum(map(len, texts)), sum(map(len, ours))
    print(f"{len(texts)} documents, {characters:,} characters, {tokens:,} tokens: equal ids in `tokenizers`")
    return found


def encoding(model: bytes, path: Path, characters: int, rounds: int) -> dict[str, float]:
    """Median seconds of each encoder over the same documents. Threads are those the process may use."""
    texts, total = [], 0
    for text in documents(path):
        texts.append(text)
        total += len(text)
        if total >= characters:
            break
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.model").write_bytes(model)
        found = encoders(Tokenizer.load(Path(folder)), texts)
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, encode in found.items():
            begin = time.perf_counter()
            encode(texts)
            seconds[name].append(time.perf_counter() - begin)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"  {name:20} {megabytes / value:7.1f} MB/s")
    return medians


def peak_megabytes() -> int:
    """Largest resident memory of this program so far. Not `ru_maxrss`, which counts what the parent held at the fork."""
    status = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 1024)


def train(path: Path, size: int, times: int) -> dict[str, float]:
    """Seconds and peak memory of sampling and training on the text `times` over; runs in a child process."""
    begin = time.perf_counter()
    before = peak_megabytes()
    seen = 0

    def repeated() -> Iterator[str]:
        nonlocal seen
        for _ in range(times):
            for text in documents(path):
                seen += len(text)
                yield text

    lines = sample_lines(repeated(), SAMPLED, seed=1)
    train_sentencepiece(lines, vocab_size=size, character_coverage=0.9995)
    return {
        "characters": seen,
        "sampled_lines": len(lines),
        "sampled_characters": sum(map(len, lines)),
        "seconds": round(time.perf_counter() - begin, 1),
        "start_mb": before,
        "peak_mb": peak_megabytes(),
    }


def child(arguments: list[str], threads: int) -> dict[str, float]:
    """Run this file with `arguments` on so many cores; the object it prints last."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    environment = os.environ | {"RAYON_NUM_THREADS": str(len(cores))}
    command = [sys.executable, __file__, *arguments]
    said = subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ).stdout.splitlines()
    for line in said[:-1]:
        print(line)
    made: dict[str, float] = json.loads(said[-1])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 pieces, less text, fewer rounds")
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--train", type=int, metavar="TIMES", help=argparse.SUPPRESS)
    parser.add_argument("--encode", type=Path, metavar="MODEL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size, characters, rounds = (2000, 1_000_000, 3) if options.quick else (8192, 4_000_000, 7)
    if options.train:
        print(json.dumps(train(options.text, size, options.train)))
        return
    if options.encode:
        print(json.dumps(encoding(options.encode.read_bytes(), options.text, characters, rounds)))
        return
    if not options.text.exists():
        print(f"no text at {options.text}: built-in pages only")
        size = 2000
    ratios: dict[str, float] = {}
    figures: dict[str, float] = {}
    given = ["--text", str(options.text), *(["--quick"] if options.quick else [])]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model")
        model.write_bytes(vocabulary(options.text, size))
        for threads in (1, 2):
            if threads > len(os.sched_getaffinity(0)):
                print(f"this process may not use {threads} cores: not measured")
                continue
            print(f"encoding, {threads} core{'s' * (threads > 1)}")
            medians = child([*given, "--encode", str(model)], threads)
            ours = medians.pop("ours")
            ratios["encode_vs_tokenizers" + ("_two_cores" if threads > 1 else "")] = round(
                min(medians.values()) / ours, 2
            )
            for name, value in medians.items():
                figures[f"times_as_fast_as_{name.replace(' ', '_')}_{threads}"] = round(value / ours, 2)
    for times in (1, 4, 10):
        row = child([*given, "--train", str(times)], 2)
        print(
            f"training on {row['characters']:12,} characters: {row['sampled_lines']:,} lines with "
            f"{row['sampled_characters']:,} characters sampled, {row['seconds']:5.1f} s, peak {row['peak_mb']:.0f} MB"
        )
        figures |= {f"training_{name}_{times}x": value for name, value in row.items()}
        if row["sampled_lines"] < SAMPLED:
            print(f"  fewer lines than the {SAMPLED:,} of a full sample: memory may still grow")
    print(json.dumps({"bench": "tokenizer", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()

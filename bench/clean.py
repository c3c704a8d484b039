"""Speed of cleaning, on one core, beside datatrove, HojiChar, rensa and trafilatura; and of two cores beside one.

    make clean-peers                # once: the peers, in environments of their own
    python bench/clean.py [--quick] [--rounds 5] [--only clean minhash html cores]
    python bench/clean.py --memory  # the stage's most memory at N and at 10 N documents

Every contender is a process of its own (`clean_contender.py`) that has loaded what it needs and works when its turn comes
(A B C A B C …) on the same documents (`clean_data.py`). A peer that is ten times slower takes every tenth of them; speeds are bytes
of UTF-8 a second. Ours is the whole stage with all rules, in one process: a file of texts in, documents and decisions out.
HojiChar and datatrove judge texts in memory, without their own reading, writing and worker processes, and may stop at the first
filter that rejects.

Ratios are medians over rounds of ours over the peer's, in processor time, which other programs on the machine disturb least;
`clean_two_cores` is the clock's, since it is about waiting: ten times as many documents, and the start of the workers included.
F1, precision and recall are `hagane clean audit`'s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from clean_data import documents, gold_pages, pairs_of_known_similarity

HERE = Path(__file__).resolve().parent
TEXT_PEERS = HERE.parent / ".venv-clean-peers" / "bin" / "python"
HTML_PEERS = HERE.parent / ".venv-html-peers" / "bin" / "python"
SLOW = 10
"""datatrove takes every tenth document."""
console = Console(highlight=False, width=110)


@dataclass
class Contender:
    """A process that works on command."""

    name: str
    process: subprocess.Popen[str]
    log: IO[str]
    """What it writes beside its answers; shown where it dies."""
    documents: int
    bytes: int
    rmse: float | None
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.rounds.append(read(self.process, self.log))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def speeds(self, clock: str = "cpu") -> list[float]:
        """MB/s of each round."""
        return [self.bytes / 1e6 / answer[clock] for answer in self.rounds]


def read(process: subprocess.Popen[str], log: IO[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        log.seek(0)
        print(log.read(), file=sys.stderr)
        raise SystemExit(f"a contender ended: {process.args!r}")
    found: dict[str, Any] = json.loads(line)
    return found


def start(python: str | Path, name: str, *options: str, label: str = "") -> Contender:
    command = [str(python), str(HERE / "clean_contender.py"), name, *options]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | one_thread
    )
    said = read(process, log)
    return Contender(label or name, process, log, said["documents"], said["bytes"], said["rmse"])


def compete(title: str, contenders: list[Contender], rounds: int) -> dict[str, Contender]:
    """All in turn, `rounds` times; prints a table and ends them."""
    for _ in range(rounds):
        for contender in contenders:
            contender.go()
    columns = ("MB/s", "least – most", "MB/s, clock", "documents/s", "rejected", "MiB", "RMSE")
    table = Table("contender", *columns, title=title)
    for one in contenders:
        one.end()
        cpu, wall, last = one.speeds(), one.speeds("wall"), one.rounds[-1]
        speed = statistics.median(cpu)
        table.add_row(
            one.name,
            f"{speed:.2f}",
            f"{min(cpu):.2f} – {max(cpu):.2f}",
            f"{statistics.median(wall):.2f}",
            f"{speed * 1e6 / one.bytes * one.documents:,.0f}",
            "" if last["rejected"] is None else f"{last['rejected'] / one.documents:.1%}",
            f"{last['peak_mib']:,.0f}",
            "" if one.rmse is None else f"{one.rmse:.4f}",
        )
    console.print(table)
    return {one.name: one for one in contenders}


def ratio(ours: Contender, peer: Contender, clock: str = "cpu") -> float:
    return statistics.median(a / b for a, b in zip(ours.speeds(clock), peer.speeds(clock), strict=True))


def write_rows(path: Path, texts: list[str]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    return path


def clean(data: Path, rounds: int) -> tuple[dict[str, float], dict[str, Contender]]:
    contenders = [start(sys.executable, "stage", "--data", str(data))]
    if TEXT_PEERS.exists():
        contenders.append(start(TEXT_PEERS, "hojichar", "--data", str(data)))
        contenders.append(start(TEXT_PEERS, "datatrove", "--data", str(data), "--every", str(SLOW)))
    else:
        console.print("HojiChar and datatrove are not installed: `make clean-peers`")
    found = compete("text in, decisions out, one core", contenders, rounds)
    peers = [name for name in ("datatrove", "hojichar") if name in found]
    return {f"clean_vs_{name}": ratio(found["stage"], found[name]) for name in peers}, found


def minhash(folder: Path, rounds: int) -> tuple[dict[str, float], dict[str, Contender]]:
    texts = documents(2000)  # not fewer: ours would be done in a few milliseconds
    data = write_rows(folder / "signed.jsonl", texts)
    pairs = folder / "pairs.json"
    pairs.write_text(json.dumps(pairs_of_known_similarity(400, texts)), encoding="utf-8")
    contenders = [start(sys.executable, "minhash", "--data", str(data), "--pairs", str(pairs))]
    if TEXT_PEERS.exists():
        contenders.append(start(TEXT_PEERS, "rensa", "--data", str(data), "--pairs", str(pairs)))
        contenders.append(start(TEXT_PEERS, "rensa_prebuilt", "--data", str(data)))
    else:
        console.print("rensa is not installed: `make clean-peers`")
    found = compete("MinHash, 128 numbers, character 5-grams, one core", contenders, rounds)
    return {"minhash_vs_rensa": ratio(found["minhash"], found["rensa"])} if "rensa" in found else {}, found


def html(folder: Path, rounds: int, quick: bool) -> tuple[dict[str, float], dict[str, Contender]]:
    pages = gold_pages()
    data = write_rows(folder / "pages.jsonl", pages[:: 4 if quick else 1])
    contenders = [start(sys.executable, "html", "--data", str(data))]
    if HTML_PEERS.exists():
        contenders += [
            start(HTML_PEERS, name, "--data", str(data)) for name in ("trafilatura", "trafilatura_fast", "resiliparse")
        ]
    else:
        console.print("trafilatura and resiliparse are not installed: `make clean-peers`")
    found = compete("HTML in, main text out, one core", contenders, rounds)
    return {"html_vs_trafilatura": ratio(found["html"], found["trafilatura"])} if len(found) > 1 else {}, found


def cores(folder: Path, count: int, rounds: int) -> tuple[dict[str, float], dict[str, Contender]]:
    data = write_rows(folder / "many.jsonl", documents(10 * count))  # every worker needs some batches to balance
    contenders = [
        start(sys.executable, "stage", "--data", str(data), "--workers", str(workers), label=f"{workers} workers")
        for workers in (1, 2)
    ]
    found = compete("the stage on one core and on two", contenders, rounds)
    return {"clean_two_cores": ratio(found["2 workers"], found["1 workers"], "wall")}, found


_STAGE_ALONE = """
import resource, sys
from pathlib import Path
from hagane.clean.stage import STAGE
STAGE.run(STAGE.config(sources=[sys.argv[1]], workers=1), {}, Path(sys.argv[2]))
print(sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**10)
"""


def memory(count: int, folder: Path) -> None:
    """Peak resident memory of the stage, each size in a process of its own."""
    peaks = {}
    for size in (count, 10 * count):
        data, out = write_rows(folder / f"{size}.jsonl", documents(size)), folder / f"out-{size}"
        out.mkdir()
        run = subprocess.run(
            [sys.executable, "-c", _STAGE_ALONE, str(data), str(out)], stdout=subprocess.PIPE, text=True, check=True
        )
        peaks[size] = float(run.stdout.split()[-1])
        console.print(f"{data.stat().st_size / 1e6:,.1f} MB: peak {peaks[size]:,.0f} MiB")
    figures = {f"peak_mib_{size}": peak for size, peak in peaks.items()}
    print(
        json.dumps(
            {
                "bench": "clean_memory",
                "ratios": {"memory_ten_times": peaks[10 * count] / peaks[count]},
                "figures": figures,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="Fewer documents and three rounds; within a minute.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=("clean", "minhash", "html", "cores"))
    parser.add_argument(
        "--memory", action="store_true", help="Only the stage's memory, at this number and ten times it."
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.memory:
            memory(options.documents, folder)
            return
        count, rounds = (400, 3) if options.quick else (options.documents, options.rounds)
        texts = documents(count)
        data = write_rows(folder / "texts.jsonl", texts)
        parts = {
            "clean": lambda: clean(data, rounds),
            "minhash": lambda: minhash(folder, rounds),
            "html": lambda: html(folder, rounds, options.quick),
            "cores": lambda: cores(folder, count, rounds),
        }
        ratios: dict[str, float] = {}
        figures: dict[str, Any] = {"documents": len(texts), "rounds": rounds}
        for part in options.only or parts:
            found, contenders = parts[part]()
            ratios |= found
            for one in contenders.values():
                key = one.name.replace(" ", "_")
                figures[f"mb_per_second_{key}"] = round(statistics.median(one.speeds()), 3)
                figures[f"peak_mib_{key}"] = round(one.rounds[-1]["peak_mib"])
                if one.rounds[-1]["rejected"] is not None:
                    figures[f"rejected_{key}"] = round(one.rounds[-1]["rejected"] / one.documents, 4)
                if one.rmse is not None:
                    figures[f"rmse_{key}"] = round(one.rmse, 4)
    print(
        json.dumps(
            {"bench": "clean", "ratios": {name: round(value, 3) for name, value in ratios.items()}, "figures": figures}
        )
    )


if __name__ == "__main__":
    main()

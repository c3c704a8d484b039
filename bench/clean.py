"""Main text and removed noise against gold, ours beside resiliparse and the whole body.

Usage: python bench/clean.py [--quick] [--gold FILE]. Gold pages: JSON lines (gzip) with `id`, `html`, `gold`; without the file
only the built-in pages are measured. Score: F1 over the multiset of character 4-grams, blanks left out, mean over pages, with a
bootstrap interval over pages. Speed: the extractors in turn, five rounds, medians.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hagane.clean.extract import Thresholds, html_lines, removed
from hagane.clean.stage import STAGE
from hagane.corpus.builtin import builtin_pages
from hagane.corpus.store import read_documents

GOLD = Path(__file__).resolve().parents[2] / "shared" / "data" / "html_gold_ja.jsonl.gz"
Extractor = Callable[[str], str]


def ours(html: str) -> str:
    page = html_lines(html)
    return "\n".join(line for line, rule in zip(page.lines, removed(page, Thresholds()), strict=True) if not rule)


def body(html: str) -> str:
    return "\n".join(html_lines(html).lines)


def extractors() -> dict[str, Extractor]:
    found: dict[str, Extractor] = {"body": body, "ours": ours}
    try:
        from resiliparse.extract.html2text import extract_plain_text
    except ImportError:
        print("resiliparse is not installed: no peer is measured (pip install resiliparse)")
        return found
    found["resiliparse"] = lambda html: str(extract_plain_text(html, main_content=True, alt_texts=False, links=False))
    return found


def f1(text: str, gold: str) -> float:
    one, other = (
        Counter(packed[i : i + 4] for i in range(max(len(packed) - 3, 1)))
        for packed in map("".join, (text.split(), gold.split()))
    )
    shared = sum((one & other).values())
    return 2 * shared / max(sum(one.values()) + sum(other.values()), 1)


def interval(values: list[float]) -> tuple[float, float]:
    draws = np.random.default_rng(1).choice(values, (2000, len(values))).mean(axis=1)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def measure(name: str, pages: list[tuple[str, str]], figures: dict[str, float]) -> None:
    for extractor, extract in extractors().items():
        scores = [f1(extract(html), gold) for html, gold in pages]
        low, high = interval(scores)
        figures[f"{name}_f1_{extractor}"] = round(statistics.mean(scores), 4)
        print(
            f"{name:10} {len(pages):4} pages  {extractor:12} F1 {statistics.mean(scores):.4f}  [{low:.4f}, {high:.4f}]"
        )


def speed(pages: list[str], rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, extract in extractors().items():
            start = time.process_time()
            for html in pages:
                extract(html)
            seconds.setdefault(name, []).append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def noise(figures: dict[str, float]) -> None:
    """The whole stage on the built-in pages: main text kept, labelled noise removed."""
    with tempfile.TemporaryDirectory() as folder:
        STAGE.run(STAGE.config(sources=["builtin"], heldout_share=0.5), {}, Path(folder))
        texts = {
            d.id.removeprefix("builtin/"): d.text
            for split in ("train", "heldout")
            for d in read_documents(Path(folder), split)
        }
    left, all_of = Counter[str](), Counter[str]()
    for page in builtin_pages():
        for piece in page.noise:
            all_of[piece.kind] += 1
            left[piece.kind] += piece.text in texts.get(page.name, "")
    scores = [
        f1(texts.get(page.name, ""), page.gold) for page in builtin_pages() if page.gold.strip() and page.name in texts
    ]
    figures["stage_f1_builtin"] = round(statistics.mean(scores), 4)
    print(f"stage      {len(scores):4} built-in documents, F1 {statistics.mean(scores):.4f}")
    for kind, count in sorted(all_of.items()):
        figures[f"noise_removed_{kind}"] = round(1 - left[kind] / count, 4)
        print(f"stage      {kind:10} {count - left[kind]} of {count} labelled pieces removed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rounds instead of seven")
    parser.add_argument("--gold", type=Path, default=GOLD)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    builtin = [(page.html, page.gold) for page in builtin_pages() if page.gold.strip()]
    measure("builtin", builtin, figures)
    htmls = [html for html, _ in builtin]
    if options.gold.is_file():
        with gzip.open(options.gold, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        manual = [(row["html"], row["gold"]) for row in rows if row["kind"].startswith("manual")]
        sites = [(row["html"], row["gold"]) for row in rows if not row["kind"].startswith("manual")]
        measure("sites", sites, figures)
        measure("manual", manual, figures)
        htmls = [html for html, _ in sites + manual]
    else:
        print(f"no gold pages at {options.gold}: built-in pages only")
    noise(figures)
    seconds = speed(htmls, 3 if options.quick else 7)
    megabytes = sum(map(len, htmls)) / 1e6
    ratios = {}
    for name, value in seconds.items():
        print(f"speed      {name:12} {megabytes / value:8.1f} M characters of HTML a second and core")
    if "resiliparse" in seconds:
        ratios["speed_vs_resiliparse"] = round(seconds["resiliparse"] / seconds["ours"], 3)
        for name in ("builtin", "sites", "manual"):
            if f"{name}_f1_ours" in figures:
                ratios[f"{name}_f1_vs_resiliparse"] = round(
                    figures[f"{name}_f1_ours"] / figures[f"{name}_f1_resiliparse"], 3
                )
    print(json.dumps({"bench": "clean", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()

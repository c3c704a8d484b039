"""What cleaning is worth to a model: equal tokens of clean, noisy and cleaned text, bits per character on clean text.

    make clean-peers
    python bench/clean_effect.py [--documents 8000] [--steps 300] [--seeds 1 2 3]

Clean text (literature, technical documents, statutes) gets noise of the three kinds from the audit's held-out half: advertising,
menus and machine-made texts. Four corpora then train the same model for the same number of tokens: the clean text itself, the
noisy one, the noisy one after our stage at its defaults, and after HojiChar's own command with its Japanese chain
(`hojichar_ja.py`). All have one vocabulary, learned from the clean text, and are scored on the same clean text of other works.
Both cleaners rewrite texts (width of letters, indents, empty lines), so every text, the scored ones too, is brought into one
plain form before training: what differs is what was taken out. A corpus that is too small for its tokens is read more than once;
the table tells how often.

`repaired`: the share of the noise's damage, (noisy − cleaned) / (noisy − clean), seed by seed; least and most beside the median.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from clean_data import GOOD_MIX, documents
from hagane.artifact.files import read_json
from hagane.clean.audit.noise.pages import noisy_pages, template_pages
from hagane.clean.audit.noise.vocabulary import Vocabulary
from hagane.clean.stage import STAGE as CLEAN
from hagane.corpus.document import Document
from hagane.corpus.store import read_documents, write_documents
from hagane.pretrain.stage import STAGE as PRETRAIN
from hagane.tokenizer.stage import STAGE as TOKENIZER

HERE = Path(__file__).resolve().parent
HOJICHAR = HERE.parent / ".venv-clean-peers" / "bin" / "hojichar"
EVEN, ODD = slice(0, None, 2), slice(1, None, 2)
"""Works that are trained on, and works that are scored."""
SHAPE = {
    "hidden_size": 128,
    "num_layers": 2,
    "num_heads": 2,
    "num_kv_heads": 2,
    "head_dim": 64,
    "intermediate_size": 344,
    "rows": 8,
    "seq": 256,
}
VOCAB, COVERAGE = 4096, 0.998
"""A small vocabulary has no room for every kanji; rare ones are bytes."""
TEMPLATES_EACH = 1000
"""Clean documents for one template of each kind."""
console = Console(highlight=False, width=110)


def noisy(texts: Sequence[str]) -> list[str]:
    """All of `texts` with noise in and around them, and pages of nothing but noise; about half of it all is noise."""
    words = Vocabulary.of(texts, heldout=True)
    draw = random.Random(1)
    pages = noisy_pages(draw, words, texts)
    made = template_pages(draw, words, texts, max(1, len(texts) // TEMPLATES_EACH))
    pages += [page for page in made if page.group]  # the good ones among them are in already
    draw.shuffle(pages)
    return [page.text for page in pages]


def cleaned_by_us(texts: Sequence[str], folder: Path) -> list[str]:
    out = folder / "out"
    out.mkdir(parents=True)
    CLEAN.run(CLEAN.config(sources=[str(write_rows(folder / "texts.jsonl", texts))], heldout_share=0.0), {}, out)
    return [document.text for document in read_documents(out)]


def cleaned_by_hojichar(texts: Sequence[str], folder: Path) -> list[str]:
    folder.mkdir(parents=True)
    source, out = write_rows(folder / "texts.jsonl", texts), folder / "out.jsonl"
    command = [str(HOJICHAR), "--profile", str(HERE / "hojichar_ja.py"), "--jobs", "1"]
    subprocess.run([*command, "--input", str(source), "--output", str(out)], check=True, capture_output=True)
    return [json.loads(line)["text"] for line in out.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, texts: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    return path


def plain(text: str) -> str:
    """NFKC, no indents, no empty lines."""
    lines = (line.strip() for line in unicodedata.normalize("NFKC", text).splitlines())
    return "\n".join(line for line in lines if line)


def artefact(folder: Path, train: Sequence[str], heldout: Sequence[str]) -> Path:
    for split, texts in (("train", train), ("heldout", heldout)):
        write_documents(folder, split, (Document(f"{split}/{i}", "bench", plain(text)) for i, text in enumerate(texts)))
    return folder


def bits(corpus: Path, tokenizer: Path, out: Path, steps: int, seed: int) -> dict[str, Any]:
    """The summary of one training."""
    out.mkdir(parents=True)
    train = {"steps": steps, "lr": 3e-3, "embedding_lr": 3e-3, "checkpoint_every": steps, "compile": False}
    config = PRETRAIN.config.model_validate({**SHAPE, "max_heldout_documents": 10**6, "train": train, "seed": seed})
    PRETRAIN.run(config, {"documents.corpus": corpus, "tokenizer": tokenizer}, out)
    summary: dict[str, Any] = read_json(out / "summary.json")
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=8000, help="Clean documents of about 1,000 characters.")
    parser.add_argument("--heldout", type=int, default=200, help="Documents that are scored.")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    good, scored = documents(options.documents, GOOD_MIX, EVEN), documents(options.heldout, GOOD_MIX, ODD)
    bad = noisy(good)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpora = {"clean": good, "noisy": bad, "ours": cleaned_by_us(bad, folder / "ours")}
        if HOJICHAR.exists():
            corpora["hojichar"] = cleaned_by_hojichar(bad, folder / "hojichar")
        else:
            console.print("HojiChar is not installed: `make clean-peers`")
        folders = {arm: artefact(folder / "corpora" / arm, texts, scored) for arm, texts in corpora.items()}
        (tokenizer := folder / "tokenizer").mkdir()
        TOKENIZER.run(
            TOKENIZER.config(vocab_size=VOCAB, character_coverage=COVERAGE), {"documents": folders["clean"]}, tokenizer
        )
        runs: dict[str, list[dict[str, Any]]] = {arm: [] for arm in folders}
        for seed in options.seeds:
            for arm, corpus in folders.items():
                runs[arm].append(bits(corpus, tokenizer, folder / "runs" / f"{arm}-{seed}", options.steps, seed))
                console.print(f"{arm}, seed {seed}: {runs[arm][-1]['bits_per_character']:.4f} bits per character")
    tell(corpora, runs)


def tell(corpora: dict[str, list[str]], runs: dict[str, list[dict[str, Any]]]) -> None:
    score = {arm: [run["bits_per_character"] for run in found] for arm, found in runs.items()}
    repaired = {
        arm: [(n - x) / (n - c) for n, x, c in zip(score["noisy"], score[arm], score["clean"], strict=True)]
        for arm in score
        if arm not in ("clean", "noisy")
    }
    seen = runs["clean"][0]["tokens_seen"]
    columns = ("documents", "M characters", "epochs", "bits per character", "seeds", "repaired", "least – most")
    table = Table("corpus", *columns, title=f"{seen:,} tokens each, scored on clean text of other works")
    for arm, texts in corpora.items():
        share = repaired.get(arm)
        table.add_row(
            arm,
            f"{len(texts):,}",
            f"{sum(map(len, texts)) / 1e6:.2f}",
            f"{runs[arm][0]['epochs']:.2f}",
            f"{statistics.mean(score[arm]):.4f}",
            " ".join(f"{value:.4f}" for value in score[arm]),
            f"{statistics.median(share):.0%}" if share else "",
            f"{min(share):.0%} – {max(share):.0%}" if share else "",
        )
    console.print(table)
    figures = {
        **{f"bits_{arm}": [round(value, 4) for value in values] for arm, values in score.items()},
        **{f"repaired_{arm}": [round(value, 3) for value in values] for arm, values in repaired.items()},
        **{f"epochs_{arm}": round(found[0]["epochs"], 3) for arm, found in runs.items()},
    }
    ratios = {f"repaired_{arm}": round(statistics.median(values), 3) for arm, values in repaired.items()}
    print(json.dumps({"bench": "clean_effect", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()

"""The tokenizer stage: train on the training documents, write both file formats, measure on the held-out documents.

Figures are for whole held-out documents: characters per token (higher is shorter text for the model) and the share of tokens
that are single bytes (characters the vocabulary does not hold).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from hagane.artifact.files import atomic_write, write_json
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.corpus.store import read_documents
from hagane.tokenizer.encode import FILES
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import sample_lines, train_sentencepiece
from hagane.tokenizer.unigram import UnigramTokenizer

_SAMPLES = 3
_SENTENCE = re.compile(r"(?:^|(?<=[。\n]))[^。\n]{15,60}。")


class Config(StageConfig):
    """What the vocabulary is made of."""

    vocab_size: int = Field(8192, ge=300, description="Entries, with 7 markers, the newline and 256 bytes among them.")
    max_sentences: int = Field(
        60_000, ge=1, description="Lines sampled from the corpus to learn from; bounds time and memory."
    )
    character_coverage: float = Field(
        0.9995, gt=0.9, le=1.0, description="Share of the corpus's characters that get an entry; the rest become bytes."
    )


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Write tokenizer.model, tokenizer.json, tokenizer_config.json and summary.json."""
    started = time.monotonic()
    documents = inputs["documents"]
    texts = (document.text for document in read_documents(documents, "train"))
    lines = sample_lines(texts, config.max_sentences, config.seed)
    characters = sum(map(len, lines))
    note(f"  learning {config.vocab_size:,} pieces from {len(lines):,} lines, {characters:,} characters")
    model = train_sentencepiece(lines, vocab_size=config.vocab_size, character_coverage=config.character_coverage)
    atomic_write(out / FILES[0], model)
    tokenizer = UnigramTokenizer(out)
    write_huggingface(tokenizer, out)
    summary: dict[str, Any] = {
        "vocab_size": tokenizer.vocab_size,
        "sampled_lines": len(lines),
        "sampled_characters": characters,
        "heldout": _measure(tokenizer, documents),
        "samples": _samples(tokenizer, documents, config.seed),
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(out / "summary.json", summary)
    note(f"  {summary['heldout']['characters_per_token']:.2f} characters per token on held-out documents")


def _measure(tokenizer: UnigramTokenizer, documents: Path) -> dict[str, Any]:
    count = characters = tokens = in_bytes = 0
    for document in read_documents(documents, "heldout"):
        ids = tokenizer.encode(document.text)
        count += 1
        characters += len(document.text)
        tokens += len(ids)
        in_bytes += sum(map(tokenizer.is_byte, ids))
    return {
        "documents": count,
        "characters": characters,
        "tokens": tokens,
        "characters_per_token": characters / max(tokens, 1),
        "byte_share": in_bytes / max(tokens, 1),
    }


def _samples(tokenizer: UnigramTokenizer, documents: Path, seed: int) -> list[dict[str, Any]]:
    """A few held-out sentences and how they are cut: the first sentence of some documents."""

    def first_sentences() -> Iterator[str]:
        for document in read_documents(documents, "heldout"):
            if found := _SENTENCE.search(document.text):
                yield found[0].strip()

    return [
        {"text": text, "pieces": tokenizer.pieces(text)} for text in sample_lines(first_sentences(), _SAMPLES, seed)
    ]


STAGE = Stage(
    name="tokenizer",
    title="トークナイザー: 文を語の断片に分ける / Tokenizer: cut text into pieces",
    config=Config,
    inputs={"documents": Input("documents", "cleaned documents")},
    run=run,
    produces="tokenizer",
)

"""Whether a tokenizer fits a model: an id without a row in the embedding would be an index error deep in training.

The other way round is common and harmless: models keep more rows than there are ids, because round sizes multiply faster.
"""

from __future__ import annotations

import json
from pathlib import Path

import sentencepiece

from hagane.errors import DataError
from hagane.model.config import DecoderConfig


def expect_vocabulary(config: DecoderConfig, tokenizer_size: int, where: Path) -> None:
    """Raise DataError if a tokenizer with ids below `tokenizer_size` can give an id that the model has no row for."""
    if tokenizer_size > config.vocab_size:
        raise DataError(
            f"The tokenizer has ids up to {tokenizer_size - 1}, but the model has rows for {config.vocab_size} only.",
            where=str(where),
            fix="Put the tokenizer that the model was trained with into its folder.",
        )


def tokenizer_size(folder: Path) -> int | None:
    """One more than the largest id of the tokenizer whose files lie in `folder`; None if there is none.

    Raises DataError for a file that cannot be read.
    """
    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            entries = content.get("model", {}).get("vocab", {})
            # Unigram lists its pieces in the order of their ids; BPE and WordPiece map pieces to ids.
            ids = range(len(entries)) if isinstance(entries, list) else entries.values()
            added = [token["id"] for token in content.get("added_tokens") or ()]
            return int(max([*added, max(ids, default=-1)])) + 1
        path = folder / "tokenizer.model"
        if path.is_file():
            size: int = sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size()
            return size
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"The tokenizer cannot be read: {error}", where=str(path), fix="Restore the file.") from error
    return None

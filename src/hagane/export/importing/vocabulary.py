"""The vocabulary of a GGUF file as `tokenizer.json` and `tokenizer_config.json`.

Byte-level BPE (llama.cpp calls it `gpt2`) is pieces and merges, which the file holds, and a rule that cuts a text into words
first, of which the file holds only a name. Each name that is known here was compared with llama.cpp on texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from hagane.artifact.files import write_json
from hagane.errors import DataError

_WORDS = {
    # Single digits, then the words of GPT-2.
    "smollm": [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)],
}
_PIECES = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}


def write_tokenizer(fields: Mapping[str, Any], folder: Path, where: Path) -> None:
    """Write the files into `folder`. Raises DataError for a kind of vocabulary that is not read."""
    kind, words = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if kind != "gpt2" or words not in _WORDS:
        raise DataError(
            f"the vocabulary is of the kind {kind} with the words of {words}; read are gpt2 with {', '.join(_WORDS)}",
            where=str(where),
            fix="give the model's Hugging Face folder instead",
        )
    pieces: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(_WORDS[words])
    made.decoder = decoders.ByteLevel()
    kinds = list(zip(pieces, fields["tokenizer.ggml.token_type"], strict=True))
    made.add_special_tokens(
        [AddedToken(piece, special=True) for piece, kind in kinds if kind == gguf.TokenType.CONTROL]
    )
    made.add_tokens([AddedToken(piece) for piece, kind in kinds if kind == gguf.TokenType.USER_DEFINED])
    ids = {name: fields.get(f"tokenizer.ggml.{key}_token_id") for key, name in _PIECES.items()}
    named = {name: pieces[number] for name, number in ids.items() if number is not None}
    begins = bool(fields.get("tokenizer.ggml.add_bos_token")) and "bos_token" in named
    if begins:
        bos = named["bos_token"]
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B:1", special_tokens=[(bos, ids["bos_token"])]
        )
    made.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **named,
    }
    if template := fields.get("tokenizer.chat_template"):
        config["chat_template"] = template
    write_json(folder / "tokenizer_config.json", config)

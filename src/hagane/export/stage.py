"""The export stage: one GGUF file, and a check that it says what the model says.

The native form of every model is its Hugging Face folder already; this adds the form llama.cpp and its relatives open. The check
answers five prompts greedily with the model itself and, where `xllamacpp` is installed, with llama.cpp reading the new file.
With f16 weights a near tie may fall the other way, so a different answer is shown, not an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field

from hagane.artifact.files import write_json
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.errors import DataError
from hagane.export.gguf import write_gguf
from hagane.export.llama_cpp import answers, available
from hagane.generate.decode import generate
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, model_folder
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.unigram import UnigramTokenizer

PROMPTS = (
    "次の文から「」の中の語を抜き出してください。\n「印刷」ボタンを押すと、文書が印刷されます。",
    "「設定」を3回繰り返してください。",
    "次の項目のうち最初のものを答えてください。\nりんご、みかん、ぶどう",
    "「ファイル」という語を使って一文を作ってください。",
    "このコマンドは何をしますか。",
)
_MAX_NEW_TOKENS = 48


class Config(StageConfig):
    """The form of the file."""

    dtype: Literal["f16", "f32"] = Field("f16", description="Number format of the matrices; norms are always f32.")
    name: str = Field("hagane", description="Name of the model, stored in the file.")


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Write model.gguf and summary.json."""
    folder = model_folder(inputs["from"])
    tokenizer = Tokenizer.load(folder)
    if not isinstance(tokenizer, UnigramTokenizer):
        raise DataError(
            "this model's vocabulary comes from elsewhere; only those of `hagane tokenizer` are written as GGUF",
            where=str(folder),
            fix="convert the folder with llama.cpp's convert_hf_to_gguf.py",
        )
    model = load_model(folder)  # before anything is written: it refuses broken weights
    path = out / "model.gguf"
    written = write_gguf(folder, tokenizer, path, dtype=config.dtype, name=config.name)
    note(f"  {written.parameters:,} parameters, {written.bytes / 1e6:.1f} MB as {config.dtype}")
    summary = {
        "file": path.name,
        "bytes": written.bytes,
        "architecture": written.architecture,
        "dtype": config.dtype,
        "tensors": written.tensors,
        "parameters": written.parameters,
        "tokenizer": {
            "kind": "t5 (unigram)",
            "pieces": tokenizer.vocab_size,
            "not_equal": "characters outside the vocabulary: UTF-8 bytes in sentencepiece, <unk> in llama.cpp",
        },
        "check": _check(model, tokenizer, path),
    }
    write_json(out / "summary.json", summary)


def _check(model: Decoder, tokenizer: UnigramTokenizer, path: Path) -> dict[str, Any]:
    model.compute_dtype = torch.float32
    prompts = [tokenizer.chat_prompt(prompt) for prompt in PROMPTS]
    made = generate(model, prompts, max_new_tokens=_MAX_NEW_TOKENS, stop_ids=tokenizer.stop_ids)
    rows: list[dict[str, Any]] = [
        {"prompt": prompt, "prompt_tokens": len(ids), "model": tokenizer.decode(answer.ids)}
        for prompt, ids, answer in zip(PROMPTS, prompts, made, strict=True)
    ]
    if not available():
        note("  not checked with llama.cpp: the package xllamacpp is not installed")
        return {"prompts": rows, "llama_cpp": None, "reason": "xllamacpp is not installed"}
    theirs = answers(path, [[{"role": "user", "content": prompt}] for prompt in PROMPTS], _MAX_NEW_TOKENS)
    for row, ids, answer in zip(rows, prompts, theirs, strict=True):
        row["llama_cpp"] = answer.text
        row["equal"] = answer.text == row["model"] and answer.prompt_tokens == len(ids)
    equal = sum(row["equal"] for row in rows)
    note(f"  llama.cpp gives the same greedy answer to {equal} of {len(rows)} prompts")
    return {"prompts": rows, "llama_cpp": {"equal": equal, "of": len(rows)}}


STAGE = Stage(
    name="export",
    title="書き出し: llama.cpp 用の GGUF ファイル / Export: a GGUF file for llama.cpp",
    config=Config,
    inputs={"from": Input("model", "the model to write")},
    run=run,
    produces="gguf",
)

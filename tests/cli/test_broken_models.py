"""A model folder that is broken is refused by every verb that opens it, in three lines; nothing is written or left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hagane.cli.main import call
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece
from hagane.train.random import generator

MATRIX, WEIGHTS = "model.layers.0.mlp.up_proj.weight", "model.safetensors"
TEXT = "設定ファイルを編集して、サーバーを再起動します。表の列の幅を変えます。"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`documents` and `model`, a language model over their vocabulary."""
    folder, words = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("words")
    for split in ("train", "heldout"):
        made = [Document(f"{split}{i}", "made", TEXT[i % 9 :] * 2) for i in range(8)]
        write_documents(folder / "documents", split, made)
    lines = [TEXT[i % 9 :] for i in range(200)]
    (words / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=547, character_coverage=1.0))
    tokenizer = Tokenizer.load(words)
    write_huggingface(tokenizer, words)
    ids = {"bos_id": tokenizer.bos_id, "eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1}
    model = Decoder(DecoderConfig(vocab_size=tokenizer.vocab_size, head_dim=8, **shape, **ids))
    model.init_weights(generator(1, 0, "weights"))
    save_model(model, folder / "model", words)
    return folder


def weights(change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], object]:
    def breaking(model: Path) -> None:
        tensors = load_file(model / WEIGHTS)
        change(tensors)
        save_file(tensors, model / WEIGHTS, {"format": "pt"})

    return breaking


def config(**changes: Any) -> Callable[[Path], object]:
    def breaking(model: Path) -> None:
        raw = json.loads((model / "config.json").read_text()) | changes
        (model / "config.json").write_text(json.dumps({key: value for key, value in raw.items() if value != "absent"}))

    return breaking


def written(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda model: (model / name).write_bytes(content)


def index_of_a_shard_that_is_gone(model: Path) -> None:
    names = load_file(model / WEIGHTS)
    (model / WEIGHTS).unlink()
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00002.safetensors")}
    (model / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def more_pieces(model: Path) -> None:
    raw = json.loads((model / "tokenizer.json").read_text())
    raw["model"]["vocab"] += [["余り", -9.0]]
    (model / "tokenizer.json").write_text(json.dumps(raw))


@pytest.mark.parametrize(
    ("breaking", "told"),
    [
        (weights(lambda t: t.pop(MATRIX)), (f"lack {MATRIX}", "Restore")),
        (weights(lambda t: t.update(extra=torch.ones(2))), ("hold extra", "of one model together")),
        (weights(lambda t: t.update({MATRIX: t[MATRIX][1:].clone()})), ("is [23, 16]", "asks for [24, 16]")),
        (weights(lambda t: t.update({MATRIX: t[MATRIX].long()})), (f"{MATRIX} holds int64", "quantized")),
        (weights(lambda t: t[MATRIX][3].fill_(torch.nan)), (f"{MATRIX} holds NaN", "Restore")),
        (weights(lambda t: t[MATRIX][3].fill_(-torch.inf)), (f"{MATRIX} holds NaN or infinity", "Restore")),
        (lambda model: os.truncate(model / WEIGHTS, 5000), ("cannot be read", WEIGHTS, "Restore")),
        (written(WEIGHTS, b""), ("cannot be read", WEIGHTS, "Restore")),
        (index_of_a_shard_that_is_gone, ("shard", "model-00001-of-00002", "Restore")),
        (lambda model: (model / WEIGHTS).rename(model / "pytorch_model.bin"), ("pickle", "save_pretrained")),
        (lambda model: (model / WEIGHTS).unlink(), ("no weights", WEIGHTS)),
        (lambda model: (model / "config.json").unlink(), ("no model here", "config.json")),
        (written("config.json", b"{"), ("not JSON", "config.json", "Restore")),
        (written("config.json", b"[]"), ("not an object", "config.json", "Restore")),
        (config(model_type="mamba"), ("'mamba'", "qwen3", "config.json")),
        (config(architectures=[7]), ("[7]", "Qwen3ForCausalLM", "config.json")),
        (config(architectures="absent"), ("None", "Qwen3ForCausalLM", "config.json")),
        (config(num_hidden_layers=-1), ("num_hidden_layers is -1", "config.json")),
        (config(num_attention_heads="absent"), ("no 'num_attention_heads'", "config.json")),
        (more_pieces, ("ids up to 547", "rows for 547")),
        (written("tokenizer.model", b"no pieces"), ("not a sentencepiece model", "tokenizer.model")),
    ],
)
def test_a_broken_model_is_refused(
    whole: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    breaking: Callable[[Path], object],
    told: tuple[str, ...],
) -> None:
    model, out = shutil.copytree(whole / "model", tmp_path / "model"), tmp_path / "out"
    breaking(model)
    documents = f"documents={whole / 'documents'}"
    for words in (
        ["chat", str(model), "-p", "設定"],
        ["pretrain", f"from={model}", documents, "seq=32", "train.steps=1", "train.compile=false", "-o", str(out)],
        ["evaluate", f"models.it={model}", documents, "-o", str(out)],
        ["export", f"from={model}", "-o", str(out)],
    ):
        assert call(words) == 1
        error = capsys.readouterr().err
        assert all(part in error for part in told), error
        assert str(model) in error.partition("where:")[2].partition("fix:")[0]
        assert error.partition("fix:")[2].strip()
        assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing is left behind"


def test_the_whole_one_is_opened(whole: Path) -> None:
    """Negative control."""
    assert call(["chat", str(whole / "model"), "-p", "設定", "--max-new-tokens", "1"]) == 0

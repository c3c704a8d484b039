"""Documents of two invented manuals, and a tiny untrained model over their vocabulary."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece
from hagane.train.random import generator

TOPICS = {"楽譜": "音符 五線 休符 歌詞 強弱 拍子 譜表 小節", "関数": "引数 戻り値 変数 配列 例外 構造体 定数 再帰"}
SHARED = "設定 指定 表示 変更 追加 削除 確認 選択"


def documents(split: str) -> Iterator[Document]:
    """Sentences that mix a few words of their topic with words that both manuals use."""
    for source, topic in TOPICS.items():
        draw = random.Random(f"{split}:{source}")
        for number in range(6):
            lines = []
            for _ in range(12):
                words = [*draw.sample(topic.split(), 2), *draw.sample(SHARED.split(), 3)]
                draw.shuffle(words)
                lines.append(f"{'と'.join(words)}については、次の章の説明のとおりにしてください。")
            yield Document(f"{split}-{source}-{number}", source, "\n".join(lines))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for split in ("train", "heldout"):
        write_documents(folder, split, documents(split))
    return folder


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, words = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("tokenizer")
    lines = [line for document in documents("train") for line in document.text.split("\n")]
    (words / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=640, character_coverage=0.999))
    tokenizer = Tokenizer.load(words)
    write_huggingface(tokenizer, words)
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_layers=2,
        num_heads=2,
        num_kv_heads=1,
        head_dim=16,
        bos_id=tokenizer.bos_id,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
    )
    model = Decoder(config)
    model.init_weights(generator(1, 0, "weights"))
    save_model(model, folder / "model", words)
    return folder

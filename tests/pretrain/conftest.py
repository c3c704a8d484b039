"""A made-up corpus and its vocabulary."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hagane.corpus.document import Document
from hagane.corpus.store import read_documents, write_documents
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece


def text(draw: random.Random) -> str:
    things = ["表", "列の幅", "ファイル", "設定", "画面", "文字列", "一覧", "サーバー"]
    deeds = ["開きます", "閉じます", "保存します", "選びます", "消します", "確かめます"]
    return "".join(f"{draw.choice(things)}を{draw.choice(deeds)}。" for _ in range(draw.randint(3, 12)))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    draw = random.Random(3)
    documents, tokenizer = tmp_path_factory.mktemp("documents"), tmp_path_factory.mktemp("tokenizer")
    for split, count in (("train", 120), ("heldout", 12)):
        write_documents(documents, split, [Document(f"{split}{i}", "ab"[i % 3 // 2], text(draw)) for i in range(count)])
    lines = [document.text for document in read_documents(documents, "train")]
    (tokenizer / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=558, character_coverage=1.0))
    write_huggingface(Tokenizer.load(tokenizer), tokenizer)
    return {"documents.made": documents, "tokenizer": tokenizer}

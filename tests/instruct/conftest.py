"""Material of the pages that ship with the package: every sixth is held out, two sources take turns."""

from __future__ import annotations

from importlib.resources import files

import pytest
import torch

from hagane.corpus.document import Document
from hagane.instruct.handwritten import Handwritten, divide, read
from hagane.instruct.material import Material, gather
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import sample_lines, train_sentencepiece

LABELS = {"even": "読み物", "odd": "手引き"}


@pytest.fixture(scope="session")
def documents() -> tuple[list[Document], list[Document]]:
    pages = sorted((files("hagane.corpus") / "builtin" / "gold").iterdir(), key=lambda page: page.name)
    texts = [
        Document(page.name, ("even", "odd")[number % 2], page.read_text(encoding="utf-8"))
        for number, page in enumerate(pages)
    ]
    return [d for i, d in enumerate(texts) if i % 6 > 1], [d for i, d in enumerate(texts) if i % 6 <= 1]


@pytest.fixture(scope="session")
def materials(documents: tuple[list[Document], list[Document]]) -> tuple[Material, Material]:
    return gather(*documents, labels=LABELS, word_count=2, seed=1)


@pytest.fixture(scope="session")
def written() -> Handwritten:
    return divide(read(), 1)


@pytest.fixture(scope="session")
def tokenizer(documents: tuple[list[Document], list[Document]], tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    lines = sample_lines((document.text for document in documents[0]), 2000, 1)
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=2000, character_coverage=0.999))
    tokenizer = Tokenizer.load(folder)
    write_huggingface(tokenizer, folder)
    return tokenizer


@pytest.fixture
def model(tokenizer: Tokenizer) -> Decoder:
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_layers=1,
        num_heads=2,
        num_kv_heads=1,
        head_dim=16,
        bos_id=tokenizer.bos_id,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
    )
    decoder = Decoder(config, torch.float32)
    decoder.init_weights(torch.Generator().manual_seed(1))
    return decoder

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hagane.export import stage
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import train_sentencepiece

SENTENCES = (
    "日本の首都は東京です。",
    "設定ファイルを編集して、サーバーを再起動します。",
    "表の列の幅を変えるには、境界をドラッグします。",
    "吾輩は猫である。名前はまだ無い。",
    "This option prints the version number (see man 1 ls).",
    *stage.PROMPTS,
)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    lines = [f"{first[: 6 + i % 7]}{second[i % 5 :]}" for i, first in enumerate(SENTENCES * 5) for second in SENTENCES]
    (folder / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=660, character_coverage=0.9995))
    made = Tokenizer.load(folder)
    write_huggingface(made, folder)
    return made


@pytest.fixture
def random_model(tokenizer: Tokenizer, tmp_path: Path) -> Callable[..., Decoder]:
    """Makes a tiny model with peaked logits, so that rounding decides nothing, and saves it into `tmp_path / "model"`."""

    def make(*, qk_norm: bool, tie_embeddings: bool) -> Decoder:
        config = DecoderConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=64,
            intermediate_size=128,
            num_layers=2,
            num_heads=4,
            num_kv_heads=2,
            head_dim=24,
            max_positions=256,
            qk_norm=qk_norm,
            tie_embeddings=tie_embeddings,
            bos_id=tokenizer.bos_id,
            eos_id=tokenizer.eos_id,
            pad_id=tokenizer.pad_id,
        )
        model = Decoder(config).eval()
        generator = torch.Generator().manual_seed(5)
        model.init_weights(generator)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(3)
                else:
                    parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
            # Single bytes make no text; how halves of a character are shown is each program's own business.
            model.head_weight[[i for i in range(tokenizer.vocab_size) if tokenizer.is_byte(i)]] = 0.0
        save_model(model, tmp_path / "model", tokenizer.folder)
        return model

    return make

"""`from`: a model from elsewhere goes on with its own tokenizer, and the folder it ends in opens in `transformers`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from hagane.artifact.files import read_json
from hagane.artifact.metrics import read_metrics
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.errors import DataError, UsageError
from hagane.model.hf import load_model
from hagane.model.lora import LoRAConfig
from hagane.pretrain import stage
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig
from hagane.train.mixture import Mixture, Source
from hagane.train.tokens import TokenStore

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 64,
}
CONFIG = stage.Config(
    rows=4, seq=32, train=TrainConfig(steps=3, lr=0.01, embedding_lr=0.02, warmup=0, schedule="constant", compile=False)
)


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAGANE_DTYPE", "float32")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    text = "設定ファイルを編集して、サーバーを再起動します。表の列の幅を変えます。"
    for split, count in (("train", 30), ("heldout", 4)):
        write_documents(folder, split, [Document(f"{split}{i}", "made", text[i % 9 :]) for i in range(count)])
    return folder


@pytest.fixture(params=[True, False], ids=["llama", "qwen"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model that `transformers` saved, with a byte-level tokenizer, with BOS or without; more rows than ids."""
    made = Backend(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|begin|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(["設定ファイルを編集します。"] * 3, trainer)
    path = tmp_path / "from"
    bos = {"bos_token_id": 1} if request.param else {"bos_token_id": None}
    ids = {"vocab_size": 320, "eos_token_id": 0, "pad_token_id": None, **bos}
    torch.manual_seed(3)
    model = (
        LlamaForCausalLM(LlamaConfig(**SHAPE, **ids, tie_word_embeddings=False))
        if request.param
        else Qwen3ForCausalLM(Qwen3Config(**SHAPE, **ids, tie_word_embeddings=True))
    )
    model.save_pretrained(path)
    made.save(str(path / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": special[0], "add_bos_token": request.param}
    (path / "tokenizer_config.json").write_text(
        json.dumps(config | {"bos_token": special[1] if request.param else None})
    )
    return path


def test_it_goes_on_and_opens_in_transformers(folder: Path, documents: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    stage.STAGE.run(CONFIG, {"from": folder, "documents.clean": documents}, out)
    losses = [row["loss"] for row in read_metrics(out / "metrics.jsonl") if "loss" in row]
    print(f"losses {losses}")
    assert len(losses) == 3
    assert losses[2] < losses[0] - 0.3
    summary = read_json(out / "summary.json")
    assert summary["bits_per_character"] < summary["bits_per_character_before"]

    ours, theirs = load_model(out), AutoModelForCausalLM.from_pretrained(out / "model")
    assert type(theirs) is type(AutoModelForCausalLM.from_pretrained(folder))
    tokens = torch.randint(0, 300, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert (theirs(tokens).logits - F.linear(ours(tokens), ours.head_weight)).abs().max() < 1e-4
        before = load_model(folder)
        assert (theirs(tokens).logits - F.linear(before(tokens), before.head_weight)).abs().max() > 1e-2
    assert theirs.config.vocab_size == 320
    assert theirs.config.bos_token_id == (1 if "Llama" in type(theirs).__name__ else None)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (out / "model" / name).read_bytes() == (folder / name).read_bytes()
    text = "設定を変える。"
    assert AutoTokenizer.from_pretrained(out / "model")(text, add_special_tokens=False).input_ids == (
        Tokenizer.load(out).encode(text)
    )


def test_documents_stay_apart_without_bos(folder: Path, tmp_path: Path) -> None:
    """Each begins with what the model has seen before a text: BOS, or the end of the text before."""
    tokenizer = Tokenizer.load(folder)
    texts = ["設定", "表の列の幅", "a"]
    opening = 1 if read_json(folder / "tokenizer_config.json")["bos_token"] else 0
    store = TokenStore.write(
        tmp_path / "tokens", tokenizer.encode_batch(texts), bos_id=tokenizer.bos_id, eos_id=tokenizer.eos_id
    )
    batch = Mixture([Source("all", store)], 1, store.total, seed=1).batch(0, 1, store.total)
    for number in range(3):
        inside = batch["segments"][0] == number
        tokens, targets = batch["tokens"][0][inside].tolist(), batch["targets"][0][inside].tolist()
        assert (tokens[0], tokens[-1]) == (opening, 0)
        assert tokenizer.decode(tokens) in texts
        # The first token of a text is learned from what opens it, and nothing from the end of another text.
        assert targets[: len(tokens) - 1] == tokens[1:]
        assert batch["weights"][0][inside].tolist() == [1.0] * (len(tokens) - 1) + [0.0]


def test_what_cannot_be_continued_is_told_before_training(folder: Path, documents: Path, tmp_path: Path) -> None:
    def refused(error: type[Exception], words: str, config: stage.Config = CONFIG, **inputs: Path) -> None:
        with pytest.raises(error, match=words):
            stage.run(config, {"documents.clean": documents, **inputs}, tmp_path)

    shaped = stage.Config(num_layers=2, train=CONFIG.train)
    refused(UsageError, "num_layers cannot be set", shaped, **{"from": folder})
    refused(UsageError, "the 64 positions", CONFIG.model_copy(update={"seq": 65}), **{"from": folder})
    config = read_json(folder / "tokenizer.json")
    config["added_tokens"].append(config["added_tokens"][0] | {"id": 400, "content": "<far>"})
    config["model"]["vocab"]["<far>"] = 400
    (folder / "tokenizer.json").write_text(json.dumps(config))
    refused(DataError, "ids up to 400", **{"from": folder})
    assert not (tmp_path / "metrics.jsonl").exists()


def test_with_lora_the_embedding_stays(folder: Path, documents: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    config = CONFIG.model_copy(update={"lora": LoRAConfig()})
    stage.run(config, {"from": folder, "documents.clean": documents}, out)
    summary = read_json(out / "summary.json")
    assert summary["bits_per_character"] < summary["bits_per_character_before"]
    assert torch.equal(load_model(out).embedding, load_model(folder).embedding)
    assert (out / "adapter" / "adapter_model.safetensors").is_file()
    with pytest.raises(UsageError, match="LoRA needs a model"):
        stage.run(config, {"tokenizer": folder, "documents.clean": documents}, tmp_path)

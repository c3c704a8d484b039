"""A saved folder opens in `transformers` with equal logits, and here again with equal bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from hagane.errors import ArtifactError, DataError
from hagane.model.classifier import SequenceClassifier
from hagane.model.decoder import Decoder
from hagane.model.hf import load_classifier, load_model, model_folder, save_classifier, save_model

Tiny = Callable[..., Decoder]


@pytest.mark.parametrize("tie_embeddings", [True, False])
@pytest.mark.parametrize("qk_norm", [True, False])
@torch.no_grad()
def test_transformers_gives_equal_logits(
    tiny: Tiny, tokens: torch.Tensor, tmp_path: Path, qk_norm: bool, tie_embeddings: bool
) -> None:
    model = tiny(qk_norm=qk_norm, tie_embeddings=tie_embeddings, rope_theta=500.0, norm_eps=1e-5)
    save_model(model, tmp_path, stop_ids=[7, 2])
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(theirs).__name__ == ("Qwen3ForCausalLM" if qk_norm else "LlamaForCausalLM")
    assert theirs.dtype == torch.float32
    assert theirs.generation_config.eos_token_id == [7, 2]
    logits = F.linear(model(tokens), model.head_weight)
    assert (theirs(tokens).logits - logits).abs().max() < 1e-4
    # Negative control: a changed query norm or projection is noticed.
    model.blocks[1].attention.qkv.weight[:4] *= 1.1  # type: ignore[union-attr, index, operator]
    assert (theirs(tokens).logits - F.linear(model(tokens), model.head_weight)).abs().max() > 1e-3


@pytest.mark.parametrize("tie_embeddings", [True, False])
def test_round_trip_gives_equal_bytes(tiny: Tiny, tmp_path: Path, tie_embeddings: bool) -> None:
    model = tiny(tie_embeddings=tie_embeddings)
    save_model(model, tmp_path / "artefact" / "model")
    again = load_model(tmp_path / "artefact")
    assert again.config == model.config
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in again.parameters())
    save_model(again, tmp_path / "second")
    for file in ("model.safetensors", "config.json", "generation_config.json"):
        assert (tmp_path / "second" / file).read_bytes() == (tmp_path / "artefact" / "model" / file).read_bytes()


def test_tokenizer_files_come_along_and_its_end_of_turn_stops(tiny: Tiny, tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "tokenizer.json").write_text(json.dumps({"added_tokens": [{"id": 6, "content": "<|end|>"}]}))
    (tokenizer / "summary.json").write_text("{}")
    save_model(tiny(), tmp_path / "first" / "model", tokenizer)
    save_model(tiny(), tmp_path / "second", tmp_path / "first")
    for folder in (tmp_path / "first" / "model", tmp_path / "second"):
        assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [6, 2]
        assert (folder / "tokenizer.json").read_bytes() == (tokenizer / "tokenizer.json").read_bytes()
        assert not (folder / "summary.json").exists()


@pytest.mark.parametrize("tie_embeddings", [True, False])
@torch.no_grad()
def test_classifier_opens_in_transformers(
    tiny: Tiny, tokens: torch.Tensor, tmp_path: Path, tie_embeddings: bool
) -> None:
    model = SequenceClassifier(tiny(tie_embeddings=tie_embeddings), 3, ["梅", "桜", "松"])
    model.score.copy_(torch.randn(3, 32, generator=torch.Generator().manual_seed(2)))
    save_classifier(model, tmp_path)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert theirs.config.id2label == {0: "梅", 1: "桜", 2: "松"}
    lengths = torch.tensor([40, 11, 25])
    padded = tokens.masked_fill(torch.arange(40) >= lengths[:, None], 3)
    last = torch.stack([torch.arange(3), lengths - 1], 1)
    scores = model(tokens, None, None, last)
    assert (theirs(padded).logits - scores).abs().max() < 1e-4
    again = load_classifier(tmp_path)
    assert again.labels == ("梅", "桜", "松")
    assert torch.equal(again(tokens, None, None, last), scores)
    assert not torch.equal(model(tokens, None, None, last - torch.tensor([0, 1])), scores)


def test_missing_and_foreign_folders_are_explained(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no model here"):
        model_folder(tmp_path)
    save_model(tiny(), tmp_path)
    with pytest.raises(DataError, match="SequenceClassification"):
        load_classifier(tmp_path)
    config = tmp_path / "config.json"
    good = json.loads(config.read_text())
    for change, words in (
        ({"model_type": "gpt2"}, "gpt2"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type"),
        ({"num_hidden_layers": None}, "not a complete model config"),
    ):
        config.write_text(json.dumps(good | change))
        with pytest.raises(DataError, match=words):
            load_model(tmp_path)
    config.write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        load_model(tmp_path)


def test_broken_weights_are_explained(tiny: Tiny, tmp_path: Path) -> None:
    save_model(tiny(), tmp_path)
    weights = tmp_path / "model.safetensors"
    good = load_file(weights)
    name = "model.layers.1.self_attn.k_proj.weight"
    for tensors, words in (
        ({key: value for key, value in good.items() if key != name}, "lack .*k_proj"),
        (good | {name: good[name][:-1]}, "config.json asks for"),
        (good | {"model.layers.0.self_attn.q_proj.bias": torch.zeros(64)}, "does not have"),
    ):
        save_file(tensors, weights)
        with pytest.raises(ArtifactError, match=words):
            load_model(tmp_path)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_model(tmp_path)
    weights.unlink()
    with pytest.raises(DataError, match="no weights"):
        load_model(tmp_path)

"""Folders as they are found: shards, half precision, old buffers, pickles, and tokenizers of another model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from published_shapes import SMALL, theirs
from safetensors.torch import load_file, save_file

from hagane.errors import ArtifactError, DataError
from hagane.model.hf import load_model, save_model
from hagane.model.hf_config import from_hf, to_hf
from hagane.model.vocabulary import expect_vocabulary, tokenizer_size


def change(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    raw = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in raw.items() if value != "absent"}))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_shards_load_as_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    source = theirs("llama-biased").to(dtype)
    source.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    model = load_model(tmp_path)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.blocks[1].feed_forward.down.weight, source.model.layers[1].mlp.down_proj.weight.float())
    # A stray shard of an earlier save is not part of the model, a missing one is noticed.
    save_file({"stray": torch.zeros(1)}, tmp_path / "model-stray.safetensors")
    load_model(tmp_path)
    next(tmp_path.glob("*-00002-*")).unlink()
    with pytest.raises(ArtifactError, match="shard"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ArtifactError, match="names no shards"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "module", "buffers"),
    [
        ("gpt-neox", "gpt_neox.layers.1.attention", ("bias", "masked_bias", "rotary_emb.inv_freq")),
        ("sarashina2-7b", "model.layers.0.self_attn", ("rotary_emb.inv_freq",)),
    ],
)
def test_buffers_of_old_checkpoints_are_left_out(
    tmp_path: Path, name: str, module: str, buffers: tuple[str, ...]
) -> None:
    theirs(name).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    good = load_file(weights)
    save_file(good | {f"{module}.{buffer}": torch.ones(1) for buffer in buffers}, weights, {"format": "pt"})
    save_model(load_model(tmp_path), tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")
    assert again.keys() == good.keys()
    assert all(torch.equal(again[key], tensor) for key, tensor in good.items())


@pytest.mark.parametrize("file", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pth", "last.ckpt"])
def test_a_pickle_is_never_opened(tmp_path: Path, file: str) -> None:
    source = theirs("sarashina2-7b")
    source.config.save_pretrained(tmp_path)
    change(tmp_path, architectures=["LlamaForCausalLM"])
    # Opening this would fail in another way: it is no pickle at all.
    (tmp_path / file).write_bytes(b"not even a pickle")
    for path in (tmp_path, tmp_path / file):
        with pytest.raises(DataError, match="pickle checkpoint is not opened") as caught:
            load_model(path)
        assert file in caught.value.where
        assert "save_pretrained" in caught.value.fix


def test_several_ends_survive_a_round_trip(tmp_path: Path) -> None:
    raw = SMALL["sarashina2-7b"] | {"eos_token_id": [7, 2, 9]}
    config = from_hf(raw, tmp_path)
    assert (config.eos_id, config.other_eos_ids) == (7, (2, 9))
    assert to_hf(config, "ForCausalLM")["eos_token_id"] == [7, 2, 9]
    theirs("sarashina2-7b", eos_token_id=[7, 2, 9]).save_pretrained(tmp_path)
    save_model(load_model(tmp_path), tmp_path / "again")
    assert json.loads((tmp_path / "again" / "generation_config.json").read_text())["eos_token_id"] == [7, 2, 9]


def test_absent_keys_mean_what_they_mean_to_transformers() -> None:
    def read(name: str, *absent: str) -> Any:
        return from_hf({key: value for key, value in SMALL[name].items() if key not in absent}, Path("config.json"))

    llama = read("sarashina2-7b", "num_key_value_heads", "rope_theta", "attention_bias", "tie_word_embeddings")
    assert llama == read("sarashina2-7b")
    assert read("qwen3", "head_dim").head_dim == 128
    assert read("mistral", "sliding_window").window == 4096
    assert read("mistral-unwindowed").window is None
    neox = read("sarashina1-7b", "rotary_pct", "use_parallel_residual")
    assert (neox.rotary_share, neox.parallel_residual) == (0.25, True)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("sarashina2-7b", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_type"),
        ("sarashina2-7b", {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "rope_type"),
        ("sarashina2-7b", {"quantization_config": {"bits": 8}}, "quantization_config"),
        ("sarashina2-7b", {"hidden_act": "gelu"}, "hidden_act"),
        ("sarashina1-7b", {"hidden_act": "gelu_fast"}, "hidden_act"),
        ("qwen2", {"use_sliding_window": True}, "use_sliding_window"),
        ("qwen3", {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        ("mistral", {"attention_bias": True}, "attention_bias"),
        ("mistral", {"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ("sarashina1-7b", {"num_attention_heads": 0}, "complete"),
        ("sarashina1-7b", {"rotary_pct": 0.01}, "complete"),
        ("sarashina2-7b", {"rms_norm_eps": None}, "complete"),
        ("sarashina2-7b", {"model_type": ["llama"]}, "model_type"),
    ],
)
def test_what_the_decoder_cannot_be_is_refused_by_name(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        from_hf(SMALL[name] | changes, Path("config.json"))
    assert caught.value.where == "config.json"


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    theirs("gpt-neox").save_pretrained(tmp_path)
    assert tokenizer_size(tmp_path) is None
    tokenizer = tmp_path / "tokenizer.json"
    for vocab in ([["a", 0.0]] * 200, {"a": 0, "b": 199}):
        tokenizer.write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": [{"id": 5, "content": "<s>"}]}))
        assert tokenizer_size(tmp_path) == 200
        model = load_model(tmp_path)
    tokenizer.write_text(json.dumps({"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 200, "content": "<s>"}]}))
    with pytest.raises(DataError, match="ids up to 200, but the model has rows for 200 only"):
        load_model(tmp_path)
    tokenizer.write_text("[]")
    with pytest.raises(DataError, match="cannot be read"):
        load_model(tmp_path)
    expect_vocabulary(model.config, 200, tmp_path)
    with pytest.raises(DataError, match="rows for 200"):
        expect_vocabulary(model.config, 201, tmp_path)

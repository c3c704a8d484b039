"""Five families are one decoder: equal logits with `transformers` both ways, equal packed, cached and whole passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from published_shapes import PUBLISHED, SMALL, ours, shake, theirs
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from hagane.errors import DataError
from hagane.generate.decode import generate
from hagane.model.cache import KeyValueCache
from hagane.model.classifier import SequenceClassifier
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import load_classifier, load_model, save_classifier, save_model
from hagane.model.hf_config import from_hf, to_hf

TOKENS = torch.randint(4, 200, (3, 40), generator=torch.Generator().manual_seed(1))
every_family = pytest.mark.parametrize("name", SMALL)

OTHERWISE: dict[str, dict[str, Any]] = {
    "sarashina2-7b": {"rope_theta": 500.0},
    "sarashina2-13b": {"norm_eps": 0.1},
    "sarashina1-7b": {"parallel_residual": True},
    "llama-biased": {"out_bias": False},
    "mistral": {"window": None},
    "mistral-unwindowed": {"window": 39},
    "qwen2": {"qkv_bias": False},
    "qwen3": {"qk_norm": False},
    "gpt-neox": {"rotary_share": 1.0},
}
"""One setting of each family changed, for negative controls."""


def logits(model: Decoder) -> torch.Tensor:
    return F.linear(model(TOKENS), model.head_weight)


@every_family
@torch.no_grad()
def test_logits_are_equal_in_both_directions(name: str, tmp_path: Path) -> None:
    source = theirs(name)
    source.save_pretrained(tmp_path / "theirs")
    model = load_model(tmp_path / "theirs")
    expected = source(TOKENS).logits
    difference = float((logits(model) - expected).abs().max())
    print(f"{name}: largest difference of logits {difference:.1e} (logits up to {float(expected.abs().max()):.1f})")
    assert difference < 1e-4
    assert model.config == from_hf(SMALL[name], Path("config.json"))

    save_model(model, tmp_path / "ours")
    back = AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    assert type(back) is type(source)
    state = back.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in source.state_dict().items())
    assert torch.equal(back(TOKENS).logits, expected)
    assert load_model(tmp_path / "ours").config == model.config

    changed = Decoder(model.config.model_copy(update=OTHERWISE[name]))
    changed.load_state_dict(model.state_dict(), strict=False)
    assert (logits(changed) - expected).abs().max() > 1e-3, "negative control"


@every_family
@torch.no_grad()
def test_cached_decoding_equals_the_whole_pass(name: str) -> None:
    """Uneven prompts padded on the right, then single tokens, then several at once."""
    model, lengths = ours(name), torch.tensor([5, 15, 11])
    whole = model(TOKENS)
    cache = KeyValueCache(model.config, 3, torch.float32)
    model(TOKENS[:, :15].masked_fill(torch.arange(15) >= lengths[:, None], 0), cache=cache)
    cache.set_lengths(lengths)
    for new in (1, 1, 7, 1):
        places = cache.lengths[:, None] + torch.arange(new)
        hidden = model(TOKENS.gather(1, places), cache=cache)
        expected = whole.gather(1, places[..., None].expand(-1, -1, whole.shape[-1]))
        torch.testing.assert_close(hidden, expected, atol=2e-5, rtol=1e-4)


@every_family
@torch.no_grad()
def test_greedy_answers_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    """Uneven prompts that share a batch and take each other's places, against the peer's whole passes one by one."""
    source = theirs(name)
    source.save_pretrained(tmp_path)
    prompts = [row[:length].tolist() for row, length in zip(TOKENS.repeat(2, 1), (3, 11, 6, 6, 2, 9), strict=True)]
    expected = []
    for prompt in prompts:
        ids = list(prompt)
        for _ in range(14):
            ids.append(int(source(torch.tensor([ids])).logits[0, -1].argmax()))
        expected.append(ids[len(prompt) :])
    for rows in (1, 4):
        answers = generate(load_model(tmp_path), prompts, max_new_tokens=14, stop_ids=[], batch_size=rows)
        assert [answer.ids for answer in answers] == expected
    assert len({tuple(ids) for ids in expected}) == len(prompts), "prompts must not all lead to one answer"


@every_family
@torch.no_grad()
def test_packed_documents_of_a_family_equal_separate_ones(name: str) -> None:
    model, lengths = ours(name), [9, 17, 14]
    segments = torch.cat([torch.full((n,), i, dtype=torch.int32) for i, n in enumerate(lengths)])[None]
    positions = torch.cat([torch.arange(n) for n in lengths])[None]
    together = model(TOKENS[:1], segments, positions)
    for text, hidden in zip(TOKENS[0].split(lengths), together[0].split(lengths), strict=True):
        torch.testing.assert_close(hidden, model(text[None])[0], atol=2e-5, rtol=1e-4)
    assert (together - model(TOKENS[:1], None, positions))[0, 9:].abs().max() > 0.01, "negative control"


@torch.no_grad()
def test_a_window_hides_what_is_older() -> None:
    model, changed = ours("mistral"), TOKENS.clone()
    changed[:, 0] = 5
    difference = (model(TOKENS) - model(changed)).abs().amax((0, 2))
    # Two layers of a window of 9 reach 8 tokens back each.
    assert (difference[:17] > 0).all()
    assert (difference[17:] == 0).all()


@every_family
def test_a_family_compiles_as_one_block(name: str) -> None:
    model = ours(name)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    for block in model.blocks:
        block.compile(backend="eager", dynamic=False, fullgraph=True)
    whole = model(TOKENS)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    torch.testing.assert_close(whole, ours(name)(TOKENS))


@every_family
def test_roles_count_and_fresh_weights_of_a_family(name: str) -> None:
    model = ours(name)
    roles, parameters = model.roles(), dict(model.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == model.config.parameters_count
    assert all(sum(roles[key].splits) == len(parameter) for key, parameter in parameters.items())
    assert {key for key, role in roles.items() if role.kind == "vector"} == {
        key for key, parameter in parameters.items() if parameter.ndim == 1
    }
    assert roles["blocks.0.attention.qkv.weight"].splits == model.config.qkv_rows
    if model.config.qkv_bias:
        assert roles["blocks.1.attention.qkv.bias"].splits == model.config.qkv_rows
    model.init_weights(torch.Generator().manual_seed(0))
    for key, parameter in parameters.items():
        if key.endswith("bias"):
            assert not parameter.any()
        elif parameter.ndim == 1:
            assert (parameter == 1).all()
    shake(model)
    torch.testing.assert_close(model.inference_copy()(TOKENS), model(TOKENS), atol=1e-5, rtol=1e-5)


def test_logical_matrices_of_gpt_neox_are_whole(tmp_path: Path) -> None:
    """In its files each head has its own query, key and value rows; here all queries come first."""
    source = theirs("gpt-neox")
    source.save_pretrained(tmp_path)
    attention = load_model(tmp_path).blocks[1].attention
    for own, fused in (("weight", (4, 3, 16, 64)), ("bias", (4, 3, 16))):
        stored = getattr(source.gpt_neox.layers[1].attention.query_key_value, own).view(fused)
        for number, part in enumerate(getattr(attention.qkv, own).split(64)):
            assert torch.equal(part, stored[:, number].reshape(part.shape))


@every_family
@torch.no_grad()
def test_classifier_of_a_family(name: str, tmp_path: Path) -> None:
    decoder = ours(name)
    model = SequenceClassifier(decoder, 3)
    model.score.copy_(torch.randn(model.score.shape, generator=torch.Generator().manual_seed(2)))
    save_classifier(model, tmp_path)
    other = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    other.config.pad_token_id = 3
    lengths = torch.tensor([40, 11, 25])
    padded = TOKENS.masked_fill(torch.arange(40) >= lengths[:, None], 3)
    last = torch.stack([torch.arange(3), lengths - 1], 1)
    scores = model(TOKENS, None, None, last)
    assert (other(padded).logits - scores).abs().max() < 1e-4
    assert torch.equal(load_classifier(tmp_path)(TOKENS, None, None, last), scores)


def test_published_shapes_have_the_published_sizes() -> None:
    billions = {name: from_hf(raw, Path("config.json")).parameters_count / 1e9 for name, raw in PUBLISHED.items()}
    print({name: round(size, 2) for name, size in billions.items()})
    assert billions == pytest.approx({"sarashina2-7b": 7.32, "sarashina2-13b": 13.74, "sarashina1-7b": 6.86}, abs=0.01)


def test_a_shape_between_families_is_not_written() -> None:
    shape = {"vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_layers": 1, "num_heads": 2, "head_dim": 4}
    for settings in ({"parallel_residual": True}, {"mlp_bias": True}, {"norm": "layer"}, {"window": 4}):
        with pytest.raises(DataError, match="has this shape"):
            to_hf(DecoderConfig(**shape, num_kv_heads=1, **settings), "ForCausalLM")

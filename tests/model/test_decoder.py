"""What must hold of the decoder whatever its weights: packed equals separate, cached equals whole, names fit roles."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hagane.model.cache import PAGE, KeyValueCache
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder

Tiny = Callable[..., Decoder]


def packed(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    segments = torch.cat([torch.full((n,), i, dtype=torch.int32) for i, n in enumerate(lengths)])
    return segments[None], torch.cat([torch.arange(n) for n in lengths])[None]


@pytest.mark.parametrize("qk_norm", [True, False])
def test_packed_documents_equal_separate_ones(tiny: Tiny, tokens: torch.Tensor, qk_norm: bool) -> None:
    model, lengths = tiny(qk_norm=qk_norm), [9, 17, 14]
    row = tokens[:1]
    segments, positions = packed(lengths)
    together = model(row, segments, positions)[0].split(lengths)
    for text, hidden in zip(row[0].split(lengths), together, strict=True):
        torch.testing.assert_close(hidden, model(text[None])[0], atol=2e-6, rtol=1e-5)


def test_without_segments_documents_see_one_another(tiny: Tiny, tokens: torch.Tensor) -> None:
    """Negative control of the test above."""
    model, row = tiny(), tokens[:1]
    segments, positions = packed([9, 17, 14])
    assert (model(row, segments, positions) - model(row, None, positions))[0, 9:].abs().max() > 0.1


def test_nothing_sees_the_future(tiny: Tiny, tokens: torch.Tensor) -> None:
    model, changed = tiny(), tokens.clone()
    changed[:, 20:] = 5
    torch.testing.assert_close(model(tokens)[:, :20], model(changed)[:, :20])
    assert not torch.allclose(model(tokens)[:, 20:], model(changed)[:, 20:])


def test_cache_equals_the_whole_pass(tiny: Tiny, tokens: torch.Tensor) -> None:
    """Uneven prompts padded on the right, then single tokens, then several at once."""
    model, lengths = tiny(), torch.tensor([5, 12, 9])
    whole = model(tokens)
    cache = KeyValueCache(model.config, 3, torch.float32)
    padded = tokens[:, :12].masked_fill(torch.arange(12) >= lengths[:, None], 0)
    with torch.no_grad():
        model(padded, cache=cache)
        cache.set_lengths(lengths)
        for new in (1, 1, 3, 1):
            places = cache.lengths[:, None] + torch.arange(new)
            hidden = model(tokens.gather(1, places), cache=cache)
            expected = whole.gather(1, places[..., None].expand(-1, -1, whole.shape[-1]))
            torch.testing.assert_close(hidden, expected, atol=5e-6, rtol=1e-5)
        cache.keep(torch.tensor([2, 0]))
        places = cache.lengths[:, None]
        hidden = model(tokens[[2, 0]].gather(1, places), cache=cache)
    torch.testing.assert_close(hidden[:, 0], whole[[2, 0], places[:, 0]], atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("tie_embeddings", [True, False])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_roles_and_count_cover_every_parameter(tiny: Tiny, tie_embeddings: bool, qk_norm: bool) -> None:
    model = tiny(tie_embeddings=tie_embeddings, qk_norm=qk_norm)
    roles, parameters = model.roles(), dict(model.named_parameters())
    assert roles.keys() == parameters.keys()
    assert sum(p.numel() for p in parameters.values()) == model.config.parameters_count
    assert all(sum(roles[name].splits) == parameter.shape[0] for name, parameter in parameters.items())
    assert roles["blocks.0.attention.qkv.weight"].splits == (64, 32, 32)
    assert roles["blocks.1.feed_forward.gate_up.weight"].splits == (48, 48)
    assert sum(role.kind == "matrix" for role in roles.values()) == 4 * 2
    assert (model.head_weight is model.embedding) == tie_embeddings


def test_fresh_weights_depend_on_the_seed_alone(tiny: Tiny) -> None:
    torch.manual_seed(7)
    first = tiny(seed=1)
    torch.rand(3)
    second, other = tiny(seed=1), tiny(seed=2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.embedding, other.embedding)


def test_a_cache_grows_shrinks_and_is_refilled_without_a_trace(tiny: Tiny) -> None:
    """Rows pass several pages, leave, and give their place to others: each sees its own tokens alone."""
    model = tiny()
    tokens = torch.randint(0, model.config.vocab_size, (4, 2 * PAGE + 9), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        whole = model(tokens)
        cache = KeyValueCache(model.config, 3, torch.float32)
        rooms = set()
        for place in range(2 * PAGE + 3):
            hidden = model(tokens[:3, place : place + 1], cache=cache)
            torch.testing.assert_close(hidden[:, 0], whole[:3, place], atol=5e-6, rtol=1e-5)
            rooms.add(cache.room)
        assert rooms == {PAGE, 2 * PAGE, 3 * PAGE}
        cache.keep(torch.tensor([1, 2]))
        fresh = KeyValueCache(model.config, 1, torch.float32)
        model(tokens[3:, :7], cache=fresh)
        cache.put(torch.tensor([0]), fresh)
        assert cache.lengths.tolist() == [7, 2 * PAGE + 3]
        for step in range(3):
            places = cache.lengths[:, None]
            hidden = model(tokens[[3, 2]].gather(1, places), cache=cache)[:, 0]
            expected = whole[[3, 2], places[:, 0]]
            torch.testing.assert_close(hidden, expected, atol=5e-6, rtol=1e-5, msg=f"step {step}")
        cache.keep(torch.tensor([0]))
        model(tokens[3:, 10:11], cache=cache)
        assert cache.room == PAGE  # what only the long row needed is no longer looked at


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_inference_copy_is_the_same_model(
    tiny: Tiny, tokens: torch.Tensor, dtype: torch.dtype, rounding: float, qk_norm: bool
) -> None:
    model = tiny(tie_embeddings=False, qk_norm=qk_norm)
    model.compute_dtype = dtype
    twin = model.inference_copy()
    assert {p.dtype for p in twin.parameters()} == {dtype}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert (twin(tokens) - model(tokens)).abs().mean() < rounding
    other = tiny(tie_embeddings=False, qk_norm=qk_norm, seed=2)
    assert (twin(tokens) - other(tokens)).abs().mean() > 0.1, "negative control"


def test_identical_blocks_are_compiled_once() -> None:
    shape = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_layers": 3}
    model = Decoder(DecoderConfig(**shape, num_heads=2, num_kv_heads=1, head_dim=16))
    model.init_weights(torch.Generator().manual_seed(0))
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    # The graphs are what is counted; running them uncompiled keeps the test free of a C++ compiler.
    for block in model.blocks:
        block.compile(backend="eager", dynamic=False)
    segments, positions = packed([10, 22])
    model(torch.zeros(1, 32, dtype=torch.int64), segments, positions).sum().backward()
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_a_shape_that_cannot_be_is_refused() -> None:
    shape = {"vocab_size": 9, "hidden_size": 8, "intermediate_size": 8, "num_layers": 1}
    with pytest.raises(ValueError, match="not a multiple"):
        DecoderConfig(**shape, num_heads=3, num_kv_heads=2, head_dim=4)
    with pytest.raises(ValueError, match="odd"):
        DecoderConfig(**shape, num_heads=2, num_kv_heads=2, head_dim=5)

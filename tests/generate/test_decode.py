"""Batched decoding gives what decoding one prompt by hand, without a cache, gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F

from hagane.errors import DataError, UsageError
from hagane.generate.decode import Generated, generate, generate_stream
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder

STOPS = [5, 6, 7]


@pytest.fixture(scope="module")
def model() -> Decoder:
    """A random model that ends some of its answers early and others never."""
    config = DecoderConfig(
        vocab_size=61,
        hidden_size=32,
        intermediate_size=48,
        num_layers=2,
        num_heads=4,
        num_kv_heads=2,
        head_dim=16,
        max_positions=64,
    )
    model = Decoder(config)
    model.init_weights(torch.Generator().manual_seed(0), std=0.3)
    return model


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, 21, (37,), generator=generator).tolist()
    return [torch.randint(8, 61, (n,), generator=generator).tolist() for n in lengths]


@torch.no_grad()
def by_hand(model: Decoder, prompt: Sequence[int], max_new_tokens: int) -> Generated:
    ids: list[int] = []
    for _ in range(max_new_tokens):
        hidden = model(torch.tensor([[*prompt, *ids]]))[0, -1]
        token = int(F.linear(hidden, model.head_weight).argmax())
        if token in STOPS:
            return Generated(ids, True)
        ids.append(token)
    return Generated(ids, False)


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_greedy_equals_decoding_by_hand(model: Decoder, prompts: list[list[int]], batch_size: int) -> None:
    answers = generate(model, prompts, max_new_tokens=24, stop_ids=STOPS, batch_size=batch_size)
    assert answers == [by_hand(model, prompt, 24) for prompt in prompts]
    # The prompts exercise what is claimed: answers that end early, and answers that are cut off.
    assert {answer.stopped for answer in answers} == {True, False}
    assert len({len(answer.ids) for answer in answers}) > 4
    assert all(len(answer.ids) == 24 for answer in answers if not answer.stopped)


@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_a_sample_does_not_depend_on_its_batch(model: Decoder, prompts: list[list[int]], top_p: float) -> None:
    settings = {"max_new_tokens": 16, "stop_ids": STOPS, "temperature": 1.0, "top_p": top_p, "seed": 3}
    wide = generate(model, prompts, batch_size=64, **settings)  # type: ignore[arg-type]
    narrow = generate(model, prompts, batch_size=3, **settings)  # type: ignore[arg-type]
    assert wide == narrow
    assert wide == generate(model, prompts, batch_size=64, **settings)  # type: ignore[arg-type]
    other = generate(model, prompts, batch_size=64, **(settings | {"seed": 4}))  # type: ignore[arg-type]
    assert sum(a != b for a, b in zip(wide, other, strict=True)) > len(prompts) // 2


def test_repeated_prompts_give_different_samples(model: Decoder) -> None:
    answers = generate(model, [[9, 10, 11]] * 8, max_new_tokens=16, stop_ids=STOPS, temperature=1.0)
    assert len({tuple(answer.ids) for answer in answers}) > 4


def test_the_stream_gives_the_same_ids(model: Decoder, prompts: list[list[int]]) -> None:
    for prompt in prompts[:6]:
        for temperature in (0.0, 0.9):
            settings = {"max_new_tokens": 12, "stop_ids": STOPS, "temperature": temperature, "top_p": 0.9, "seed": 5}
            whole = generate(model, [prompt], **settings)[0]  # type: ignore[arg-type]
            assert list(generate_stream(model, prompt, **settings)) == whole.ids  # type: ignore[arg-type]


def test_answers_end_where_the_model_ends(model: Decoder) -> None:
    prompt = [9] * 60
    answer = generate(model, [prompt], max_new_tokens=24, stop_ids=[])[0]
    assert (len(answer.ids), answer.stopped) == (4, False)
    with pytest.raises(DataError, match="no place"):
        generate(model, [[9], [9] * 64], max_new_tokens=4, stop_ids=STOPS)


def test_wrong_use_is_refused(model: Decoder) -> None:
    with pytest.raises(DataError, match="empty"):
        generate(model, [[]], max_new_tokens=4, stop_ids=STOPS)
    for wrong in ({"temperature": -1.0}, {"temperature": 1.0, "top_p": 0.0}, {"max_new_tokens": 0}, {"batch_size": 0}):
        with pytest.raises(UsageError):
            generate(model, [[9]], **({"max_new_tokens": 4, "stop_ids": STOPS} | wrong))  # type: ignore[arg-type]
    assert generate(model, [], max_new_tokens=4, stop_ids=STOPS) == []

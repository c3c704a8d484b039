"""Order is a pure function of (data, seed, step); nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hagane.errors import DataError
from hagane.train.batches import Example, PackedExamples, TokenStore, pack_rows, stream_batch

BOS, EOS = 1, 2


@pytest.fixture
def documents() -> list[list[int]]:
    draw = np.random.default_rng(5)
    lengths = draw.integers(1, 40, size=23)
    # Every token is unique, so that a token names its document and place.
    numbers = iter(range(10, 10_000))
    return [[next(numbers) for _ in range(length)] for length in lengths]


@pytest.fixture
def store(documents: list[list[int]], tmp_path: Path) -> TokenStore:
    return TokenStore.write(tmp_path / "tokens.bin", documents, bos_id=BOS, eos_id=EOS)


def test_every_document_exactly_once_an_epoch(documents: list[list[int]], store: TokenStore) -> None:
    rows, seq = 3, 16
    stream = [int(t) for step in range(60) for t in stream_batch(store, step, rows, seq, seed=7)["tokens"].flatten()]
    wholes = {tuple(ids) for ids in documents}
    epochs = [stream[i * store.total : (i + 1) * store.total] for i in range(len(stream) // store.total)]
    assert len(epochs) >= 2
    orders = []
    for epoch in epochs:
        text = [tuple(part[:-1]) for part in _split_after(epoch, EOS)]
        assert [part[0] for part in text] == [BOS] * len(documents)
        orders.append([part[1:] for part in text])
        assert Counter(orders[-1]) == Counter(wholes)
    assert orders[0] != orders[1]


def test_every_token_but_bos_is_a_target_once_an_epoch(documents: list[list[int]], store: TokenStore) -> None:
    rows, seq = 2, 8
    batches = [stream_batch(store, step, rows, seq, seed=1) for step in range(store.total // (rows * seq))]
    seen = Counter(int(t) for batch in batches for t in batch["targets"][batch["weights"] > 0])
    assert BOS not in seen
    everything = {token for ids in documents for token in ids}
    left = store.total - len(batches) * rows * seq
    assert len(everything - set(seen)) <= left
    assert all(count == 1 for token, count in seen.items() if token != EOS)


def test_places_of_a_stream_row(store: TokenStore) -> None:
    for step in range(20):
        batch = stream_batch(store, step, 2, 32, seed=3)
        for tokens, targets, weights, segments, positions in zip(
            *(batch[key] for key in ("tokens", "targets", "weights", "segments", "positions")), strict=True
        ):
            assert positions[0] == 0
            assert segments[0] == 0
            assert torch.equal(tokens[1:], targets[:-1])
            opens = tokens == BOS
            assert bool((positions[opens] == 0).all())
            same = segments[1:] == segments[:-1]
            assert torch.equal(positions[1:][same], positions[:-1][same] + 1)
            assert torch.equal(~same, opens[1:])
            assert torch.equal(weights > 0, targets != BOS)


def test_a_batch_depends_on_nothing_but_its_step(documents: list[list[int]], store: TokenStore, tmp_path: Path) -> None:
    in_order = [stream_batch(store, step, 2, 16, seed=4) for step in range(80)]
    again = TokenStore.write(tmp_path / "again.bin", documents, bos_id=BOS, eos_id=EOS)
    for step in (71, 0, 33):
        for key, value in stream_batch(again, step, 2, 16, seed=4).items():
            assert torch.equal(value, in_order[step][key])
    other = stream_batch(store, 0, 2, 16, seed=5)
    assert not torch.equal(other["tokens"], in_order[0]["tokens"])


def test_a_corpus_without_tokens_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        TokenStore.write(tmp_path / "tokens.bin", [[]], bos_id=BOS, eos_id=EOS)


@given(st.lists(st.integers(1, 64), max_size=60))
def test_packing_keeps_every_item_and_fills_rows(lengths: list[int]) -> None:
    plan = pack_rows(lengths, 64)
    assert sorted(item for row in plan for item in row) == list(range(len(lengths)))
    sizes = sorted(sum(lengths[item] for item in row) for row in plan)
    assert all(size <= 64 for size in sizes)
    # Of best fit: no two rows could have been one.
    assert len(sizes) < 2 or sizes[0] + sizes[1] > 64


def test_too_long_an_example_is_named() -> None:
    with pytest.raises(DataError, match="Example 2 has 9 tokens"):
        pack_rows([3, 8, 9], 8)


def examples(count: int) -> list[Example]:
    draw = np.random.default_rng(9)
    numbers = iter(range(100, 100_000))
    made = []
    for length in draw.integers(2, 20, size=count):
        tokens = [next(numbers) for _ in range(length)]
        made.append(Example(tokens, [0.0] + [float(i % 3) for i in range(1, length)]))
    return made


def test_packed_epoch_holds_every_example_once() -> None:
    data = examples(50)
    packed = PackedExamples(data, rows=2, seq=64, seed=1)
    for epoch in range(2):
        steps = range(epoch * packed.steps_per_epoch, (epoch + 1) * packed.steps_per_epoch)
        found = [packed.batch(step) for step in steps]
        assert sorted(int(n) for batch in found for n in batch["examples"]) == list(range(50))
        for batch in found:
            for number, (row, column) in zip(batch["examples"].tolist(), batch["ends"].tolist(), strict=True):
                assert int(batch["tokens"][row, column]) == data[number].tokens[-1]


def test_packed_tokens_targets_and_weights_are_the_examples() -> None:
    data = examples(30)
    batch = PackedExamples(data, rows=8, seq=64, seed=2).batch(0)
    assert batch["tokens"].shape == (8, 64)
    for place, number in enumerate(batch["examples"].tolist()):
        here = batch["sequence_index"] == place
        example = data[number]
        assert batch["tokens"][here].tolist() == list(example.tokens)
        assert batch["targets"][here].tolist()[:-1] == list(example.tokens[1:])
        assert batch["weights"][here].tolist() == [*example.weights[1:], 0.0]
        assert batch["positions"][here].tolist() == list(range(len(example.tokens)))
        assert len(set(batch["segments"][here].tolist())) == 1
    padding = batch["sequence_index"] < 0
    assert bool((batch["weights"][padding] == 0).all())
    assert bool((batch["segments"][padding] == -1).all())


def _split_after(tokens: list[int], mark: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for token in tokens:
        parts[-1].append(token)
        if token == mark:
            parts.append([])
    return parts[:-1]

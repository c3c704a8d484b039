"""Packing: every example once, whole, and in an order that is a pure function of (data, seed, step)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import whole_batch

from hagane.errors import DataError
from hagane.train.batches import Example, PackedExamples, pack_rows


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
        found = [whole_batch(packed, step) for step in steps]
        assert sorted(int(n) for batch in found for n in batch["examples"]) == list(range(50))
        for batch in found:
            for number, (row, column) in zip(batch["examples"].tolist(), batch["ends"].tolist(), strict=True):
                assert int(batch["tokens"][row, column]) == data[number].tokens[-1]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_processes_share_the_rows_of_a_step(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    packed = PackedExamples(examples(50), rows=4, seq=64, seed=1)
    whole = [whole_batch(packed, step) for step in range(packed.steps_per_epoch)]
    monkeypatch.setenv("WORLD_SIZE", str(count))
    for step, batch in enumerate(whole):
        shares = packed.shares(step)
        assert [len(share["tokens"]) for share in shares] == [-(-4 // count)] * count
        assert sorted(int(n) for share in shares for n in share["examples"]) == sorted(batch["examples"].tolist())
        assert sum(float(share["weights"].sum()) for share in shares) == float(batch["weights"].sum())


def test_packed_tokens_targets_and_weights_are_the_examples() -> None:
    data = examples(30)
    batch = whole_batch(PackedExamples(data, rows=8, seq=64, seed=2), 0)
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

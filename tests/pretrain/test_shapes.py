"""Whatever the shapes of the steps, the mixture and the number of processes: each document once an epoch."""

from __future__ import annotations

from collections import Counter
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.pretrain.stage import Config
from hagane.pretrain.task import HeldOut, NextToken
from hagane.pretrain.warmup import Shapes
from hagane.train.loop import TrainConfig
from hagane.train.losses import token_logprob
from hagane.train.mixture import Mixture, Source
from hagane.train.random import generator
from hagane.train.tokens import TokenStore

BOS, EOS = 1, 2
SEED = 3


def store(documents: list[list[int]]) -> TokenStore:
    whole = [[BOS, *ids, EOS] for ids in documents]
    starts = np.cumsum([0, *map(len, whole)])
    return TokenStore(np.array([token for ids in whole for token in ids], dtype=np.uint32), starts)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(0.1, 5)), min_size=1, max_size=3
    ),
    st.builds(
        Shapes,
        steps=st.integers(1, 8),
        rows=st.integers(1, 3),
        seq=st.sampled_from([12, 16, 24]),
        micro_batches=st.sampled_from([4, 8]),
        seq_warmup=st.sampled_from([0.0, 0.3, 0.8]),
        batch_warmup=st.sampled_from([0.0, 0.4, 0.9]),
    ),
    st.sampled_from([1, 2, 3, 4]),
)
def test_every_document_once_an_epoch(sources: list[tuple[list[int], float]], shapes: Shapes, world_size: int) -> None:
    numbers = count(10)  # a token says which document it is of
    documents = [[[next(numbers) for _ in range(length)] for length in lengths] for lengths, _ in sources]
    mixture = Mixture(
        [Source(str(i), store(documents[i]), weight) for i, (_, weight) in enumerate(sources)],
        shapes.tokens // shapes.seq,
        shapes.seq,
        SEED,
    )
    task = NextToken(mixture, shapes, HeldOut([], 0, 0), BOS)
    owner = {token: i for i, some in enumerate(documents) for ids in some for token in ids}
    read: list[list[int]] = [[] for _ in sources]
    targets: Counter[int] = Counter()
    for step in range(shapes.steps):
        batches = task.batches(step, torch.nn.Identity())
        dealt = [list(enumerate(batches))[rank::world_size] for rank in range(world_size)]
        for _, batch in sorted((pair for rank in dealt for pair in rank), key=lambda pair: pair[0]):
            targets.update(batch["targets"][batch["weights"] > 0].tolist())
            for row, labels in zip(batch["tokens"].tolist(), batch["targets"].tolist(), strict=True):
                # A row is of one source, and of any three tokens one is neither BOS nor EOS.
                known = [owner[token] for token in (*row, *labels) if token in owner]
                assert len(set(known)) == 1
                read[known[0]] += row
    for some, tokens, each in zip(documents, read, mixture.sources, strict=True):
        total = each.store.total
        for begin in range(0, len(tokens) - total + 1, total):
            text = " ".join(map(str, tokens[begin : begin + total])).removesuffix(f" {EOS}").split(f" {EOS} ")
            assert Counter(text) == Counter(" ".join(map(str, [BOS, *ids])) for ids in some)
        rest = Counter(token for token in tokens if token in owner)
        assert all(rest[token] in (len(tokens) // total, len(tokens) // total + 1) for ids in some for token in ids)
    assert sum(map(len, read)) == shapes.tokens
    for some, tokens, each in zip(documents, read, mixture.sources, strict=True):
        expected = Counter(each.store.read(SEED, 1, len(tokens))[0].tolist() if tokens else [])
        assert all(targets[token] == expected[token] for ids in some for token in ids)
    assert BOS not in targets


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.sampled_from([4, 8, 12]), st.floats(0, 0.99), st.floats(0, 0.99))
def test_where_a_step_begins_is_the_sum_of_the_steps_before(
    steps: int, micro_batches: int, seq_warmup: float, batch_warmup: float
) -> None:
    shapes = Shapes(steps, 2, 16, micro_batches, seq_warmup, batch_warmup)
    place = 0
    for step in range(steps):
        assert shapes.begin(step) == place
        place += shapes.micro_batches_at(step) * shapes.micro_batch_tokens
    assert shapes.tokens == place
    sizes = [(shapes.micro_batches_at(step), shapes.seq_at(step)) for step in range(steps)]
    assert sizes == sorted(sizes, key=lambda size: size[0])
    assert {size[0] for size in sizes} <= {micro_batches // 4, micro_batches // 2, micro_batches}
    assert [size[1] for size in sizes] == sorted(size[1] for size in sizes)


def test_a_warm_up_of_ten_steps() -> None:
    shapes = Shapes(steps=10, rows=2, seq=16, micro_batches=8, seq_warmup=0.4, batch_warmup=0.6)
    assert [shapes.seq_at(step) for step in range(10)] == [4, 4, 8, 8, 16, 16, 16, 16, 16, 16]
    assert [shapes.micro_batches_at(step) for step in range(10)] == [2, 2, 2, 4, 4, 4, 8, 8, 8, 8]


@pytest.mark.parametrize("wrong", [{"seq": 30, "seq_warmup": 0.1}, {"micro_batches": 6, "batch_warmup": 0.1}])
def test_a_size_without_a_quarter_cannot_be_warmed_up(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="begins with a quarter of"):
        Config(train=TrainConfig(steps=10), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("masked", [True, False])
def test_documents_in_one_row_are_as_if_each_were_alone(masked: bool) -> None:
    """Without the mask (the negative control) all but the first document of the row read what stands before them."""
    documents = [[5, 9, 7, 20], [11, 6], [30, 31, 32, 33, 34, 12]]
    model = Decoder(
        DecoderConfig(
            vocab_size=50, hidden_size=16, intermediate_size=24, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=8
        )
    )
    model.init_weights(generator(1, 0, "weights"))
    everything = store(documents)
    row = Mixture([Source("all", everything)], 1, everything.total, SEED).batch(0, 1, everything.total)
    segments = row["segments"] if masked else torch.zeros_like(row["segments"])
    with torch.no_grad():
        hidden = model(row["tokens"], segments, row["positions"])
        together = token_logprob(hidden[0], model.head_weight, row["targets"][0])
        differences = []
        for number, place in enumerate(everything.order(SEED, 0)[0].tolist()):
            alone = torch.tensor([[BOS, *documents[place], EOS]])
            expected = token_logprob(model(alone[:, :-1])[0], model.head_weight, alone[0, 1:])
            found = together[(row["segments"][0] == number) & (row["weights"][0] > 0)]
            differences.append(float((found - expected).abs().max()))
    print(
        f"\nlargest difference of a token's log-probability, {'' if masked else 'not '}masked: {max(differences):.1e}"
    )
    assert (max(differences) < 1e-5) == masked

"""The stream of pretraining: its order is a pure function of (data, seed, place), nothing is lost, shares and caps are kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.errors import DataError
from hagane.train.mixture import Mixture, Source
from hagane.train.task import Batch
from hagane.train.tokens import TokenStore

BOS, EOS = 1, 2


def batch_of(store: TokenStore, step: int, rows: int, seq: int, seed: int) -> Batch:
    return Mixture([Source("all", store)], 1000, seq, seed).batch(step * rows * seq, rows, seq)


@pytest.fixture
def documents() -> list[list[int]]:
    draw = np.random.default_rng(5)
    lengths = draw.integers(1, 40, size=23)
    # Every token is unique, so that a token names its document and place.
    numbers = iter(range(10, 10_000))
    return [[next(numbers) for _ in range(length)] for length in lengths]


@pytest.fixture
def store(documents: list[list[int]], tmp_path: Path) -> TokenStore:
    return TokenStore.write(tmp_path / "tokens", documents, bos_id=BOS, eos_id=EOS)


def test_every_document_exactly_once_an_epoch(documents: list[list[int]], store: TokenStore) -> None:
    rows, seq = 3, 16
    stream = [int(t) for step in range(60) for t in batch_of(store, step, rows, seq, seed=7)["tokens"].flatten()]
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
    batches = [batch_of(store, step, rows, seq, seed=1) for step in range(store.total // (rows * seq))]
    seen = Counter(int(t) for batch in batches for t in batch["targets"][batch["weights"] > 0])
    assert BOS not in seen
    everything = {token for ids in documents for token in ids}
    left = store.total - len(batches) * rows * seq
    assert len(everything - set(seen)) <= left
    assert all(count == 1 for token, count in seen.items() if token != EOS)


def test_places_of_a_stream_row(store: TokenStore) -> None:
    for step in range(20):
        batch = batch_of(store, step, 2, 32, seed=3)
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
    in_order = [batch_of(store, step, 2, 16, seed=4) for step in range(80)]
    again = TokenStore.write(tmp_path / "again", documents, bos_id=BOS, eos_id=EOS)
    for step in (71, 0, 33):
        for key, value in batch_of(again, step, 2, 16, seed=4).items():
            assert torch.equal(value, in_order[step][key])
    other = batch_of(store, 0, 2, 16, seed=5)
    assert not torch.equal(other["tokens"], in_order[0]["tokens"])


def test_a_corpus_without_tokens_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        TokenStore.write(tmp_path / "tokens", [[]], bos_id=BOS, eos_id=EOS)


def source(name: str, tokens: int, weight: float, max_epochs: float = math.inf) -> Source:
    """One document of so many tokens, all the same."""
    return Source(name, TokenStore(np.zeros(tokens, np.uint32), np.array([0, tokens])), weight, max_epochs)


def sources_of_rows(mixture: Mixture, rows: int) -> np.ndarray:
    """Number of the source of each row, found in what is read: source k holds nothing but the token k."""
    for number, each in enumerate(mixture.sources):
        each.store.tokens[:] = number
    return mixture.batch(0, rows, mixture.seq)["tokens"][:, 0].numpy()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.05, 10), min_size=1, max_size=5), st.integers(1, 300))
def test_the_shares_are_right_over_every_stretch(weights: list[float], rows: int) -> None:
    mixture = Mixture([source("", 16, weight) for weight in weights], rows, 8, seed=1)
    read = sources_of_rows(mixture, rows)
    for number, weight in enumerate(weights):
        expected = np.arange(1, rows + 1) * weight / sum(weights)
        assert np.abs(np.cumsum(read == number) - expected).max() <= len(weights) / 2 + 0.5
    assert mixture.rows_read() == np.bincount(read, minlength=len(weights)).tolist()
    shorter = Mixture(mixture.sources, rows // 2 + 1, 8, seed=1)
    assert np.array_equal(sources_of_rows(shorter, rows // 2 + 1), read[: rows // 2 + 1]), "the length changes nothing"


def test_a_source_at_its_cap_stops_and_the_others_go_on_in_proportion() -> None:
    rows, seq = 10_000, 8
    sources = [source("ja", 4_000 * seq, 0.5), source("en", 500 * seq, 0.3, 2), source("code", 9_000 * seq, 0.2, 4)]
    mixture = Mixture(sources, rows, seq, seed=1)
    read = sources_of_rows(mixture, rows)
    ja, en, code = mixture.rows_read()
    end = mixture.last_row(1) + 1
    print(f"\nrows: ja {ja}, en {en} (all before row {end}), code {code}")
    assert en == 1000
    assert end == pytest.approx(1000 / 0.3, abs=3)
    for begin, stop, shares in ((0, end, (0.5, 0.3, 0.2)), (end, rows, (5 / 7, 0, 2 / 7))):
        found = np.bincount(read[begin:stop], minlength=3) / (stop - begin)
        assert found == pytest.approx(np.array(shares), abs=0.001)


def test_caps_that_leave_too_little_are_refused() -> None:
    sources = [source("ja", 85, 1, 2), source("en", 40, 5, 1.5)]
    assert Mixture(sources, 21 + 7, 8, seed=1).rows_read() == [21, 7]
    with pytest.raises(DataError, match=r"reads 232 tokens; with their `max_epochs` the sources hold 224"):
        Mixture(sources, 29, 8, seed=1)


def test_the_reserve_is_what_the_caps_leave_behind_the_run() -> None:
    sources = [source("ja", 85, 1, 2), source("en", 40, 5, 1.5)]
    alone, spare = Mixture(sources, 20, 8, seed=1), Mixture(sources, 20, 8, seed=1, reserve=100)
    assert spare.rows_read() == alone.rows_read()
    assert [spare.last_row(number) for number in (0, 1)] == [alone.last_row(number) for number in (0, 1)]
    assert np.array_equal(sources_of_rows(spare, 20), sources_of_rows(alone, 20))
    assert np.bincount(sources_of_rows(spare, 28)).tolist() == [21, 7]
    with pytest.raises(DataError, match="ends after 28 rows"):
        spare.batch(28 * 8, 1, 8)


def test_a_store_that_was_cut_off_has_no_name(tmp_path: Path) -> None:
    def killed() -> Iterator[list[int]]:
        yield [5, 6]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TokenStore.write(tmp_path / "tokens", killed(), bos_id=BOS, eos_id=EOS)
    assert not (tmp_path / "tokens").exists()
    TokenStore.write(tmp_path / "tokens", [[7]], bos_id=BOS, eos_id=EOS)
    assert TokenStore.open(tmp_path / "tokens").tokens.tolist() == [BOS, 7, EOS]


def _split_after(tokens: list[int], mark: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for token in tokens:
        parts[-1].append(token)
        if token == mark:
            parts.append([])
    return parts[:-1]

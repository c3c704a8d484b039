"""Pairs packed into rows give the log-probabilities and scores that each answer has alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hagane.errors import DataError
from hagane.model.classifier import SequenceClassifier
from hagane.model.decoder import Decoder
from hagane.prefer.examples import Pair
from hagane.prefer.logprobs import answer_lengths, answer_logprobs
from hagane.prefer.packing import PackedPairs, example, pack_pairs
from hagane.prefer.reward.task import scores
from hagane.tokenizer.encode import Tokenizer
from hagane.train.task import Batch

PAIRS = [
    Pair(f"{'犬と猫と' * (i % 4)}表の幅は。", "はい。" + "設定" * (i % 5), "いいえ", rejected_stopped=i % 2 == 0)
    for i in range(13)
]


@pytest.fixture
def packed(tokenizer: Tokenizer) -> PackedPairs:
    found = pack_pairs(PAIRS, tokenizer, rows=2, seq=128, seed=1, label="test")
    assert len(found.batches) > 1
    assert sorted(found.pairs, key=PAIRS.index) == PAIRS
    return found


def alone(model: Decoder, tokenizer: Tokenizer, prompt: str, said: str, stopped: bool) -> tuple[float, int]:
    """Log-probability and number of tokens of one answer in a row of its own, by the full logits."""
    asked, ids = tokenizer.chat_example(prompt, said)
    ids = ids if stopped else ids[:-1]
    tokens = torch.tensor([[*asked, *ids]])
    logits = F.linear(model(tokens)[0], model.head_weight)
    found = F.log_softmax(logits.double(), -1)[len(asked) - 1 : -1].gather(1, torch.tensor(ids)[:, None])
    return float(found.sum().detach()), len(ids)


def one_by_one(
    model: Decoder, tokenizer: Tokenizer, packed: PackedPairs, batch: Batch
) -> tuple[list[float], list[int]]:
    pairs = [packed.pairs[number // 2] for number in batch["examples"][0::2].tolist()]
    found = [
        alone(model, tokenizer, pair.prompt, text, stopped)
        for pair in pairs
        for text, stopped in ((pair.chosen, pair.chosen_stopped), (pair.rejected, pair.rejected_stopped))
    ]
    return [logprob for logprob, _ in found], [length for _, length in found]


def test_both_answers_of_a_pair_are_in_one_row(packed: PackedPairs) -> None:
    for batch in packed.batches:
        numbers, rows = batch["examples"], batch["ends"][:, 0]
        assert torch.equal(numbers[0::2] + 1, numbers[1::2])
        assert torch.equal(rows[0::2], rows[1::2])


def test_packed_equals_separate(model: Decoder, tokenizer: Tokenizer, packed: PackedPairs) -> None:
    for batch in packed.batches:
        logprobs, lengths = one_by_one(model, tokenizer, packed, batch)
        torch.testing.assert_close(answer_logprobs(model, batch), torch.tensor(logprobs), rtol=1e-5, atol=1e-4)
        assert answer_lengths(batch).tolist() == lengths


def test_the_comparison_can_fail(model: Decoder, tokenizer: Tokenizer, packed: PackedPairs) -> None:
    """Negative control: without segments an answer reads the ones before it in its row."""
    batch = packed.batches[0] | {"segments": torch.zeros_like(packed.batches[0]["segments"])}
    logprobs, _ = one_by_one(model, tokenizer, packed, batch)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(answer_logprobs(model, batch), torch.tensor(logprobs), rtol=1e-3, atol=1e-2)


def test_rewards_packed_equal_separate(model: Decoder, packed: PackedPairs) -> None:
    classifier = SequenceClassifier(model, 1)
    with torch.no_grad():
        classifier.score.normal_(generator=torch.Generator().manual_seed(1))
    batch = packed.batches[0]
    for number, reward in enumerate(scores(classifier, batch).tolist()):
        tokens = batch["tokens"][batch["sequence_index"] == number][None]
        last = torch.tensor([[0, tokens.shape[1] - 1]])
        assert reward == pytest.approx(float(classifier(tokens, None, None, last).detach()), abs=1e-4)


def test_only_an_answer_that_stopped_teaches_to_stop(tokenizer: Tokenizer) -> None:
    whole, cut = (example(tokenizer, "表は。", "はい。", stopped) for stopped in (True, False))
    assert [*cut.tokens, tokenizer.end_id] == list(whole.tokens)
    assert sum(cut.weights) == sum(whole.weights) - 1


def test_every_epoch_sees_every_batch_once(packed: PackedPairs) -> None:
    count = packed.steps_per_epoch
    seen = [batch["examples"].tolist() for step in range(count, 2 * count) for batch in packed.at(step, 1)]
    assert sorted(seen) == sorted(batch["examples"].tolist() for batch in packed.batches)


def test_pairs_that_do_not_fit_are_counted(tokenizer: Tokenizer) -> None:
    long = Pair("表" * 100, "はい", "いいえ")
    assert pack_pairs([*PAIRS, long], tokenizer, rows=2, seq=128, seed=1, label="test").too_long == 1
    with pytest.raises(DataError, match="None of 1"):
        pack_pairs([long], tokenizer, rows=2, seq=128, seed=1, label="test")

"""Only the response is learned, to its end marker; and a tiny model does learn it."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import pytest

from hagane.errors import TrainingError
from hagane.instruct.examples import encode, encode_row
from hagane.instruct.families import FAMILIES
from hagane.instruct.family import Row
from hagane.instruct.handwritten import Handwritten
from hagane.instruct.material import Material
from hagane.instruct.prompts import training_rows
from hagane.instruct.task import InstructTask
from hagane.model.decoder import Decoder
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig, train


@pytest.fixture(scope="module")
def rows(materials: tuple[Material, Material], written: Handwritten) -> list[Row]:
    return list(islice(training_rows(FAMILIES, materials[0], written, {}, 1, set()), 600))


def test_only_the_response_is_learned_to_its_end(rows: list[Row], tokenizer: Tokenizer) -> None:
    for row in rows:
        example = encode_row(row, tokenizer)
        learned = [token for token, weight in zip(example.tokens, example.weights, strict=True) if weight > 0]
        assert learned[-1] == example.tokens[-1] == tokenizer.end_id
        assert tokenizer.decode(learned) == row.response
        assert sum(example.weights) == pytest.approx(math.sqrt(len(learned)))
        assert example.tokens[: -len(learned)] == tokenizer.chat_prompt(row.prompt)


def test_long_rows_are_dropped_and_counted(rows: list[Row], tokenizer: Tokenizer) -> None:
    done = encode(rows, tokenizer, max_tokens=40)
    assert max(len(example.tokens) for example in done.examples) <= 40
    assert len(done.examples) == len(done.rows)
    assert done.dropped.total() == len(rows) - len(done.examples) > 0
    assert encode(rows, tokenizer, max_tokens=200, until_tokens=500).tokens < 700


def test_nothing_to_learn_is_an_error(rows: list[Row], tokenizer: Tokenizer) -> None:
    with pytest.raises(TrainingError, match="longer than 5 tokens"):
        encode(rows, tokenizer, max_tokens=5)


def test_a_tiny_model_learns_from_packed_rows(
    rows: list[Row], tokenizer: Tokenizer, model: Decoder, tmp_path: Path
) -> None:
    examples = encode(rows, tokenizer, max_tokens=128).examples
    task = InstructTask(examples[:500], examples[500:], rows=4, seq=128, seed=1)
    settings = TrainConfig(steps=20, lr=1e-2, embedding_lr=1e-2, compile=False)
    result = train(model, task, settings, tmp_path, "instruct")
    before, after = (evaluation["heldout_loss"] for evaluation in (result.evaluations[0], result.evaluations[-1]))
    assert before == pytest.approx(math.log(tokenizer.vocab_size), rel=0.05)
    assert after < 0.9 * before

from __future__ import annotations

import pytest

from hagane.errors import DataError
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.train import MAX_LINE_CHARS, SCORE_STEP, sample_lines, train_sentencepiece


def test_the_same_lines_give_the_same_bytes(lines: list[str]) -> None:
    first, second, other = (
        train_sentencepiece(given, vocab_size=650, character_coverage=0.995) for given in (lines, lines, lines[::2])
    )
    assert first == second
    assert first != other


def test_markers_have_the_first_ids_and_newline_is_one_piece(tokenizer: Tokenizer) -> None:
    markers = ["<unk>", "<s>", "</s>", "<pad>", "<|user|>", "<|assistant|>", "<|end|>", "\n"]
    assert [tokenizer.piece(number) for number in range(8)] == markers
    assert tokenizer.encode("\n\n") == [7, 7]
    assert all(tokenizer.is_byte(number) for number in range(8, 264))


def test_scores_are_sums_without_rounding(tokenizer: Tokenizer) -> None:
    scores = [tokenizer.score(number) for number in range(264, tokenizer.vocab_size)]
    assert all((score / SCORE_STEP).is_integer() for score in scores)
    assert len(set(scores)) > 20


def test_ascii_and_kana_are_inside_though_the_corpus_lacks_them(tokenizer: Tokenizer, lines: list[str]) -> None:
    typed = "~ぢヂ@"
    assert not set(typed) & set("".join(lines))
    assert not any(map(tokenizer.is_byte, tokenizer.encode(typed)))
    assert all(map(tokenizer.is_byte, tokenizer.encode("鬱")))


@pytest.mark.parametrize(("vocab_size", "fix"), [(5000, "or less"), (320, "well above")])
def test_a_vocabulary_the_text_does_not_carry_is_an_error_with_a_size_that_works(
    lines: list[str], vocab_size: int, fix: str
) -> None:
    with pytest.raises(DataError, match=fix) as caught:
        train_sentencepiece(lines[:40], vocab_size=vocab_size, character_coverage=0.9995)
    if vocab_size == 5000:
        largest = int(caught.value.fix.split()[3])
        train_sentencepiece(lines[:40], vocab_size=largest, character_coverage=0.9995)


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="no text"):
        train_sentencepiece([], vocab_size=400, character_coverage=0.9995)


def test_sampling_is_bounded_even_and_seeded() -> None:
    texts = [f"{i}\n\n  \n{i}b" for i in range(500)]
    assert sample_lines(iter(texts), 10_000, 1) == [line for i in range(500) for line in (f"{i}", f"{i}b")]
    kept = sample_lines(iter(texts), 200, 1)
    assert len(kept) == 200
    assert kept == sample_lines(iter(texts), 200, 1) != sample_lines(iter(texts), 200, 2)
    late = sum(int(line.rstrip("b")) >= 250 for line in kept)
    assert 60 < late < 140
    assert [len(part) for part in sample_lines(["あ" * (2 * MAX_LINE_CHARS + 1)], 9, 1)] == [MAX_LINE_CHARS] * 2 + [1]

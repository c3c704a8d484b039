"""Which sampled answers become pairs, and which prompts are held out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hagane.errors import DataError
from hagane.prefer.examples import Pair, read_pairs, write_pairs
from hagane.prefer.pairs.select import by_family, counts, pairs_of, shares, split_by_prompt
from hagane.prefer.prompts import Prompt
from hagane.prefer.sampling import Sample

PROMPT = Prompt("「犬」を使って短い文を書いて。", "use_word", {"kind": "one_sentence_with_word", "word": "犬"})


def sample(text: str, good: bool, stopped: bool = True) -> Sample:
    return Sample(text, stopped, good, [1], [2])


def texts(samples: list[Sample], most: int = 2) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in pairs_of(PROMPT, samples, most)]


def test_good_is_preferred_to_bad_and_no_answer_is_used_twice() -> None:
    samples = [
        sample("犬が走る。", True),
        sample("猫が走る。", False),
        sample("白い犬だ。", True),
        sample("猫、猫", False),
    ]
    assert texts(samples) == [("犬が走る。", "猫が走る。"), ("白い犬だ。", "猫、猫")]
    assert texts(samples, most=1) == [("犬が走る。", "猫が走る。")]


def test_one_sided_prompts_give_no_pair() -> None:
    assert texts([sample("犬が走る。", True), sample("白い犬だ。", True)]) == []
    assert texts([sample("猫が走る。", False), sample("猫、猫", False)]) == []


def test_answers_that_only_look_different_make_no_pair() -> None:
    """A cut-off answer with the same text, another width or other spaces: nothing to prefer there."""
    assert texts([sample("犬が3匹。", True), sample("犬が ３匹。", False, stopped=False), sample("", False)]) == []
    assert len(texts([sample("犬が3匹。", True), sample("犬が ４匹。", False)])) == 1


def test_held_out_is_split_by_prompt() -> None:
    pairs = [Pair(f"問い{i // 2}", f"答え{i}", "否") for i in range(80)]
    split = split_by_prompt(pairs, 0.1, seed=3)
    heldout = {pair.prompt for pair in split if pair.split == "heldout"}
    assert len(heldout) == 4
    assert sum(pair.split == "heldout" for pair in split) == 8
    assert split == split_by_prompt(pairs, 0.1, seed=3)
    assert heldout != {pair.prompt for pair in split_by_prompt(pairs, 0.1, seed=4) if pair.split == "heldout"}


@given(
    st.integers(0, 200),
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0, 1), st.integers(0, 60)), min_size=1),
)
def test_shares_spend_what_they_can(total: int, families: dict[str, tuple[float, int]]) -> None:
    wishes = {name: wish for name, (wish, _) in families.items()}
    limits = {name: limit for name, (_, limit) in families.items()}
    given_ = shares(total, wishes, limits)
    assert all(0 <= given_[name] <= (limits[name] if wishes[name] > 0 else 0) for name in families)
    assert sum(given_.values()) == min(total, sum(limits[name] for name in families if wishes[name] > 0))


def test_more_goes_where_pairs_are() -> None:
    given_ = shares(90, {"perfect": 0.0, "half": 0.6, "hard": 0.3}, {"perfect": 500, "half": 500, "hard": 500})
    assert given_ == {"perfect": 0, "half": 60, "hard": 30}


def test_counts_by_family() -> None:
    mixed = [sample("犬が走る。", True), sample("猫。", False, stopped=False)]
    figures = counts([(PROMPT, mixed), (PROMPT, [sample("猫。", False)] * 2)])["use_word"]
    assert dict(figures) == {"prompts": 2, "samples": 4, "passed": 1, "stopped": 3, "mixed": 1, "all_fail": 1}


def test_order_of_prompts_does_not_depend_on_the_order_of_the_file() -> None:
    prompts = [replace(PROMPT, text=f"問い{i}") for i in range(20)]
    assert by_family(prompts, seed=1) == by_family(prompts[::-1], seed=1)


def test_pairs_file_round_trip_and_its_errors(tmp_path: Path) -> None:
    pairs = [
        Pair("問い1", "はい", "いいえ", family="f", check={"kind": "equals"}),
        Pair("問い2", "a", "b", split="heldout"),
    ]
    write_pairs(tmp_path, pairs)
    assert read_pairs(tmp_path) == (pairs[:1], pairs[1:])
    write_pairs(tmp_path, [pairs[0], replace(pairs[0], split="heldout")])
    with pytest.raises(DataError, match="both splits"):
        read_pairs(tmp_path)
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "問い", "chosen": "はい"}\n')
    with pytest.raises(DataError, match="rejected") as raised:
        read_pairs(tmp_path)
    assert raised.value.where.endswith("pairs.jsonl:1")

"""Skeletons keep what binds a sentence together, whatever batch they are measured in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.skeleton import Skeletons, read_symbols, sentence_skeletons

TEXT = st.lists(st.text(alphabet="あいのは。！、カタ漢字製品AB 3.「」", max_size=12), min_size=1, max_size=8)


def skeletons(lines: Sequence[str]) -> Skeletons:
    codepoints = np.frombuffer("".join(lines).encode("utf-32-le"), np.uint32)
    return sentence_skeletons(
        read_symbols(codepoints, np.append(0, np.cumsum([len(line) for line in lines], dtype=int)))
    )


def test_what_is_put_in_does_not_count_and_what_binds_does() -> None:
    found = skeletons(
        [
            "東京都の天気は晴れです。最高気温は25.5度でしょう。",
            "New York の天気は雨れです。",  # a Latin name of two words is one filling
            "ジョン・スミス１号の天気は晴れです。",
            "東京都の天気も晴れです。",
        ]
    )
    assert found.line.tolist() == [0, 0, 1, 2, 3]
    assert found.keys[0] == found.keys[2] == found.keys[3]
    assert len(set(found.keys.tolist())) == 3
    assert len(set(found.fillings.tolist())) == 5
    assert (found.fixed[0], found.hiragana[0], found.slots[0], found.characters[0]) == (6, 5, 3, 12)


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_batch_equals_its_lines_one_by_one(lines: list[str]) -> None:
    batch, text = skeletons(lines), "".join(lines)
    alone = [skeletons([line]) for line in lines]
    for name in ("keys", "fillings", "characters", "fixed", "hiragana", "slots"):
        expected = np.concatenate([getattr(one, name) for one in alone])
        np.testing.assert_array_equal(getattr(batch, name), expected)
    for start, end, characters in zip(batch.start, batch.end, batch.characters, strict=True):
        assert len(text[start:end].replace(" ", "")) == characters
    assert batch.characters.sum() == len(text.replace(" ", ""))

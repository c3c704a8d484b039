"""One-permutation MinHash estimates Jaccard as well as rensa does."""

from __future__ import annotations

import numpy as np
import rensa

from hagane.clean.minhash import signatures, similarity

ALPHABET = np.array(list("あいうえおかきくけこさしすせそたちつてとなにぬねの鋼鉄炭素刃物火水木金土日月"))


def grams(text: str) -> set[str]:
    return {text[i : i + 5] for i in range(len(text) - 4)}


def pairs(count: int) -> list[tuple[str, str, float]]:
    """Texts and copies of them with a growing share of pieces replaced; the true Jaccard of their 5-grams."""
    generator = np.random.default_rng(3)
    found = []
    for index in range(count):
        one = generator.choice(ALPHABET, 1200)
        other = one.copy()
        for start in range(0, 1200, 60):
            if generator.random() < index / count:
                other[start : start + 30] = generator.choice(ALPHABET, 30)
        a, b = "".join(one), "".join(other)
        found.append((a, b, len(grams(a) & grams(b)) / len(grams(a) | grams(b))))
    return found


def test_estimates_are_as_close_to_the_truth_as_rensas() -> None:
    sample = pairs(150)
    truth = np.array([jaccard for _, _, jaccard in sample])
    ours = similarity(signatures([a for a, _, _ in sample]), signatures([b for _, b, _ in sample]))
    theirs = []
    for a, b, _ in sample:
        sketches = []
        for text in (a, b):
            sketch = rensa.RMinHash(num_perm=128, seed=7)
            sketch.update(sorted(grams(text)))
            sketches.append(np.array(sketch.digest()))
        theirs.append((sketches[0] == sketches[1]).mean())
    error, peer = np.sqrt(np.mean((ours - truth) ** 2)), np.sqrt(np.mean((np.array(theirs) - truth) ** 2))
    assert truth.min() < 0.3
    assert truth.max() > 0.9
    assert abs(np.mean(ours - truth)) < 0.015
    assert error < 0.045
    assert error < 1.4 * peer


def test_a_batch_equals_one_by_one_and_blanks_do_not_count() -> None:
    texts = [*(a for a, _, _ in pairs(20)), "", "短い", "ちょうど五字"]  # more than one block
    batch = signatures(texts)
    np.testing.assert_array_equal(batch, np.concatenate([signatures([text]) for text in texts]))
    np.testing.assert_array_equal(signatures(["鋼は 硬い\n金属です"]), signatures(["鋼は硬い金属です"]))
    assert not np.array_equal(signatures(["鋼は硬い金属です"]), signatures(["鋼は硬い金属だ"]))

"""From checked samples to preference pairs.

Several answers to one prompt, each passing its check or failing it: a passing one is preferred to a failing one. A prompt
that always passes or always fails teaches nothing about preference and gives no pair. Which *kinds* of prompt give pairs is not
known beforehand, so a quarter of the sampling is spent evenly over the families and the rest goes where pairs were found.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hagane.prefer.examples import Pair
from hagane.prefer.prompts import Prompt
from hagane.prefer.sampling import Sample


def folded(text: str) -> str:
    """`text` without differences that nobody would prefer by: character width and white space."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def pairs_of(prompt: Prompt, samples: Sequence[Sample], most: int) -> list[Pair]:
    """At most `most` pairs, no answer used twice. Empty answers and answers equal when folded make no pair."""
    good: dict[str, Sample] = {}
    bad: dict[str, Sample] = {}
    for sample in samples:
        (good if sample.good else bad).setdefault(folded(sample.text), sample)
    chosen = [sample for key, sample in good.items() if key not in bad]
    rejected = [sample for key, sample in bad.items() if key and key not in good]
    return [
        Pair(prompt.text, yes.text, no.text, yes.stopped, no.stopped, prompt.family, "train", prompt.check)
        for yes, no in zip(chosen[:most], rejected[:most], strict=False)
    ]


def split_by_prompt(pairs: Sequence[Pair], share: float, seed: int) -> list[Pair]:
    """Mark all pairs of a `share` of the prompts as held out; which prompts follows from their text and the seed."""
    prompts = sorted({pair.prompt for pair in pairs}, key=lambda text: _digest(text, seed))
    heldout = set(prompts[: max(1, round(share * len(prompts)))])
    return [replace(pair, split="heldout" if pair.prompt in heldout else "train") for pair in pairs]


def _digest(text: str, seed: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16, salt=seed.to_bytes(8, "little", signed=True)).digest()


def by_family(prompts: Sequence[Prompt], seed: int) -> dict[str, list[Prompt]]:
    """Prompts of each family in an order that follows from their text and the seed."""
    families: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in sorted(prompts, key=lambda prompt: _digest(prompt.text, seed)):
        families[prompt.family].append(prompt)
    return dict(sorted(families.items()))


def shares(total: int, wishes: Mapping[str, float], limits: Mapping[str, int]) -> dict[str, int]:
    """Share `total` out in proportion to `wishes`, nobody above its limit; what is left over goes to the others.

    A family with wish 0 gets nothing. Water-filling: at most one round a family.
    """
    given = dict.fromkeys(wishes, 0)
    open_ = {name for name, wish in wishes.items() if wish > 0 and limits[name] > 0}
    while open_ and sum(given.values()) < total:
        left, weight = total - sum(given.values()), sum(wishes[name] for name in open_)
        parts = {name: max(1, int(left * wishes[name] / weight)) for name in sorted(open_)}
        for name, part in parts.items():
            given[name] += min(part, limits[name] - given[name], total - sum(given.values()))
        open_ = {name for name in open_ if given[name] < limits[name]}
    return given


def expected_yield(row: Mapping[str, int]) -> float:
    """Share of a family's prompts that will give pairs, from its `counts` so far.

    Half a prompt is added to either side, so that a family is not given up, nor trusted, after a few prompts.
    """
    return (row.get("mixed", 0) + 0.5) / (row.get("prompts", 0) + 1)


def counts(answered: Sequence[tuple[Prompt, Sequence[Sample]]]) -> dict[str, Counter[str]]:
    """For each family: prompts, samples, passed, stopped, all_pass, all_fail, mixed."""
    figures: dict[str, Counter[str]] = defaultdict(Counter)
    for prompt, samples in answered:
        passed = sum(sample.good for sample in samples)
        outcome = "all_fail" if passed == 0 else "all_pass" if passed == len(samples) else "mixed"
        stopped = sum(sample.stopped for sample in samples)
        figures[prompt.family].update(
            {"prompts": 1, "samples": len(samples), "passed": passed, "stopped": stopped, outcome: 1}
        )
    return dict(figures)

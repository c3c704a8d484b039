"""Held-out instructions whose answers a program checks (after IFEval, Zhou et al. 2023).

An answer passes when it ends by itself and its check says yes. The pass rate is told for familiar and held-out wordings
apart: a model that only learned its training phrases falls on the second. `unstopped` also counts answers whose text
passes although the model went on until it was cut off, so that "cannot stop" and "cannot do it" are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hagane.checks import passes
from hagane.evaluate.bootstrap import mean_interval
from hagane.evaluate.rows import Prompt
from hagane.generate.decode import generate
from hagane.model.decoder import Decoder
from hagane.tokenizer.encode import Tokenizer

BATCH = 64


@dataclass(frozen=True)
class Answer:
    """What a model said, whether it ended by itself, and whether the text alone passes the check."""

    text: str
    stopped: bool
    right: bool

    @property
    def passed(self) -> bool:
        """The verdict: right, and ended."""
        return self.right and self.stopped


def answer(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[Answer]:
    """One answer to each prompt in the chat format; greedy at temperature 0."""
    generated = generate(
        model,
        [tokenizer.chat_prompt(prompt.text) for prompt in prompts],
        max_new_tokens=max_new_tokens,
        stop_ids=tokenizer.stop_ids,
        temperature=temperature,
        seed=seed,
        batch_size=BATCH,
    )
    texts = [tokenizer.decode(one.ids) for one in generated]
    return [
        Answer(text, one.stopped, passes(prompt.check, text))
        for prompt, text, one in zip(prompts, texts, generated, strict=True)
    ]


def summarise(prompts: Sequence[Prompt], answers: Sequence[Sequence[Answer]], seed: int) -> dict[str, Any]:
    """Pass rates overall, by wording and by family; `answers[i]` are the samples of prompt i, at least one each.

    Intervals resample prompts. Lengths are characters.
    """
    rate = np.array([np.mean([one.passed for one in some]) for some in answers])
    every = [one for some in answers for one in some]

    def over(**wanted: str) -> dict[str, Any] | None:
        """Pass rate of the prompts of a family or wording, None where there is none."""
        rows = [i for i, p in enumerate(prompts) if all(getattr(p, key) == value for key, value in wanted.items())]
        return dict(mean_interval(rate[rows], seed=seed)) if rows else None

    return {
        "overall": mean_interval(rate, seed=seed),
        "familiar": over(wording="familiar"),
        "heldout": over(wording="heldout"),
        "families": {
            family: {wording: over(family=family, wording=wording) for wording in ("familiar", "heldout")}
            for family in sorted({prompt.family for prompt in prompts})
        },
        "unstopped": float(np.mean([one.right for one in every])),
        "stop_rate": float(np.mean([one.stopped for one in every])),
        "mean_length": float(np.mean([len(one.text) for one in every])),
    }

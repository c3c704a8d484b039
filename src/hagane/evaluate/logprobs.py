"""Log-probability of a continuation after a context: what few-shot choices and preference pairs are measured by.

Sequences of all lengths are packed into rows of one shape (attention stays inside a sequence), and only the places that
predict the continuation go through the head. A short context therefore costs what it holds, not what the longest holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hagane.model.decoder import Decoder
from hagane.train.batches import Example
from hagane.train.score import example_logprobs

SEQ = 512


def continuation_logprobs(model: Decoder, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
    """Summed log-probability (nats, float64 [pairs]) of each continuation after its context.

    pairs: (context ids, continuation ids), neither empty. A context is cut at its front where both do not fit.
    """
    model.eval()
    longest = min(model.config.max_positions, max([SEQ, *(len(before) + len(after) for before, after in pairs)]))
    examples = []
    for before, after in pairs:
        tokens = [*before, *after][-longest:]
        labelled = min(len(after), len(tokens) - 1)
        examples.append(Example(tokens, [0.0] * (len(tokens) - labelled) + [1.0] * labelled))
    summed: np.ndarray = example_logprobs(model, examples, longest).numpy()
    return summed

"""Preference pairs under a model: how probable it finds the chosen and the rejected answer.

Preference tuning is to move the two apart. That can be done by making both less probable, the rejected one faster, and then
the ordering improves while the model gets worse (Pal et al. 2024, "Smaug", section 3). So the two log-probabilities are
told beside the share of pairs that are in order.

The implicit reward of an answer is how much more probable it became than under the model that tuning started from
(Rafailov et al. 2023, section 4); its ordering does not reward answers that were probable, or short, before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hagane.evaluate.bootstrap import mean_interval
from hagane.evaluate.logprobs import continuation_logprobs
from hagane.evaluate.rows import Pair
from hagane.model.decoder import Decoder
from hagane.tokenizer.encode import Tokenizer


def pair_logprobs(model: Decoder, tokenizer: Tokenizer, pairs: Sequence[Pair]) -> np.ndarray:
    """Log-probability in nats of chosen and rejected answers after their prompt: float64 [pairs, 2].

    The end of the answer counts where the answer had one.
    """
    sequences = []
    for pair in pairs:
        for text, stopped in ((pair.chosen, pair.chosen_stopped), (pair.rejected, pair.rejected_stopped)):
            prompt, response = tokenizer.chat_example(pair.prompt, text)
            sequences.append((prompt, response if stopped else response[:-1]))
    return continuation_logprobs(model, sequences).reshape(-1, 2)


def summarise(logprobs: np.ndarray, reference: np.ndarray | None, seed: int) -> dict[str, Any]:
    """Figures of one model; `reference` are those of the model it was tuned from. Both float [pairs, 2].

    Log-probabilities are nats per answer.
    """
    figures: dict[str, Any] = {
        "chosen_logprob": mean_interval(logprobs[:, 0], seed=seed),
        "rejected_logprob": mean_interval(logprobs[:, 1], seed=seed),
        "ordered": mean_interval(logprobs[:, 0] > logprobs[:, 1], seed=seed),
    }
    if reference is not None:
        moved = logprobs - reference
        figures["chosen_change"] = mean_interval(moved[:, 0], seed=seed)
        figures["rejected_change"] = mean_interval(moved[:, 1], seed=seed)
        # Nothing moved: neither order is right, as for the reference against itself.
        ordered = np.where(moved[:, 0] == moved[:, 1], 0.5, moved[:, 0] > moved[:, 1])
        figures["reward_ordered"] = mean_interval(ordered, seed=seed)
    return figures

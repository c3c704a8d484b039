"""What rate one would begin with, knowing only the size of the model: a power law fitted by others.

Porian et al. 2024, "Resolving discrepancies in compute-optimal scaling of language models", as AI2's OLMo ladder uses it:
the peak is 0.0047 · (N / 108 M)^(−1/3), N the parameters without embeddings. It belongs to AdamW, about twenty tokens a
parameter, and batches of 160 · (N / 108 M)^(2/3) rows of 2,048 tokens, on models of 5 M to 901 M parameters. A demo's model is
no larger than the smallest of these, reads less and takes smaller batches: a place to start a sweep, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Porian et al. 2024; OLMo ladder"
SMALLEST, LARGEST = 5e6, 901e6
"""Parameters of the models in that paper."""
TOKENS_PER_PARAMETER = 20

_LR, _PARAMETERS = 0.0047, 108e6
_ROWS, _ROW = 160, 2048


@dataclass(frozen=True)
class Prior:
    """A first guess, and the run it is meant for."""

    lr: float
    parameters: float
    """Without embeddings."""
    tokens: float
    """Read in all."""
    batch_tokens: float
    """Of one update."""

    @property
    def covered(self) -> bool:
        """Whether the model is of a size that the rule was fitted to."""
        return SMALLEST <= self.parameters <= LARGEST


def prior(parameters: float) -> Prior:
    """The rule for a model of `parameters`, embeddings not counted."""
    ratio = parameters / _PARAMETERS
    return Prior(
        lr=_LR * ratio ** (-1 / 3),
        parameters=parameters,
        tokens=TOKENS_PER_PARAMETER * parameters,
        batch_tokens=_ROWS * _ROW * ratio ** (2 / 3),
    )

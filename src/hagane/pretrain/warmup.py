"""Short rows first, small batches first: the shape of each step as a pure function of its number.

Short rows keep early gradients calm (Li, Zhang and He 2022, "The stability-efficiency dilemma: sequence length warmup for GPT
models") and cost less attention. A step reads as many tokens in more rows, as in Pouransari et al. 2024, "Dataset decomposition:
variable sequence length curriculum". A larger batch pays once the loss has fallen and gradients are noisier (McCandlish et al.
2018, "An empirical model of large-batch training", §2; Smith et al. 2018, "Don't decay the learning rate, increase the batch
size"); it grows by micro-batches, which compile nothing.

Either warm-up has two stages, a quarter and a half of the full size, since each length of a row is compiled once more (half a
minute the first time). Where a step begins in the stream has a closed form, so no state is added.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shapes:
    """Rows, their length and the micro-batches of every step of a run."""

    steps: int
    rows: int
    seq: int
    """Tokens of a row; divisible by 4 where there is a warm-up of it."""
    micro_batches: int
    """Of a step; divisible by 4 where there is a warm-up of them."""
    seq_warmup: float = 0.0
    """Share of the steps."""
    batch_warmup: float = 0.0
    """Share of the steps."""

    @property
    def micro_batch_tokens(self) -> int:
        """Tokens of a micro-batch, the same in every step."""
        return self.rows * self.seq

    @property
    def tokens(self) -> int:
        """Tokens of the whole run."""
        return self.begin(self.steps)

    def seq_at(self, step: int) -> int:
        """Tokens of a row at `step`."""
        quarters, halves = self._stages(self.seq_warmup)
        return self.seq // (4 if step < quarters else 2 if step < halves else 1)

    def micro_batches_at(self, step: int) -> int:
        """Micro-batches of `step`."""
        return (self.begin(step + 1) - self.begin(step)) // self.micro_batch_tokens

    def begin(self, step: int) -> int:
        """Tokens read before `step`."""
        quarters, halves = self._stages(self.batch_warmup)
        full = step * self.micro_batches
        # Each step of the first stage lacks three quarters of its micro-batches, each of the second one half.
        lacking = min(step, quarters) * self.micro_batches * 3 // 4
        lacking += (min(step, halves) - min(step, quarters)) * self.micro_batches // 2
        return (full - lacking) * self.micro_batch_tokens

    def _stages(self, share: float) -> tuple[int, int]:
        """The steps at which the first and the second stage of a warm-up end."""
        end = round(share * self.steps)
        return end // 2, end

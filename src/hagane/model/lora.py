"""LoRA: the weights stay as they are and a product of two thin matrices is learned beside each (Hu et al. 2021, section 4).

A matrix W [rows, columns] acts as W + (alpha / rank) · B · A with A [rank, columns] and B [rows, rank]. B starts at zero, so
the first step begins with the very model that was given. Queries, keys and values lie in one matrix here, gate and up in
another; each logical matrix has an A and a B of its own all the same, under the names that `peft` gives them.

The weights need no gradients, no optimizer state and no place in a checkpoint; in exchange each matrix does two thin products
more. `merge` adds the product to W, and nothing of it is left afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from hagane.errors import UsageError
from hagane.model.decoder import Decoder, Linear, Role
from hagane.model.hf_weights import names


class LoRAConfig(BaseModel):
    """Which matrices are adapted, and how much."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(8, gt=0, description="Rank of what is learned beside each matrix.")
    alpha: float = Field(16.0, gt=0, description="The product counts alpha / rank times.")
    targets: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
        description="Matrices that are adapted, by their Hugging Face names.",
    )


class Adapter(nn.Module):
    """What is added to the output of one `Linear`: thin products for the targeted ones of its logical matrices."""

    def __init__(self, columns: int, splits: Sequence[int], targeted: Sequence[bool], config: LoRAConfig) -> None:
        """splits: rows of the logical matrices, in order; targeted: which of them are adapted."""
        super().__init__()
        self.rank, self.scale = config.rank, config.alpha / config.rank
        self.splits, self.targeted = tuple(splits), tuple(targeted)
        self.rows = tuple(rows for rows, wanted in zip(splits, targeted, strict=True) if wanted)
        self.a = nn.Parameter(torch.empty(len(self.rows) * self.rank, columns))
        """The A of each targeted matrix, one under another."""
        self.b = nn.Parameter(torch.zeros(sum(self.rows), self.rank))
        """The B of each targeted matrix, one under another."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., columns] → [..., rows of all logical matrices]."""
        low = F.linear(x, self.a.to(x.dtype)) * self.scale
        ups = torch.split(self.b.to(x.dtype), list(self.rows))
        pairs = iter(zip(torch.split(low, self.rank, -1), ups, strict=True))
        parts = []
        for rows, wanted in zip(self.splits, self.targeted, strict=True):
            parts.append(F.linear(*next(pairs)) if wanted else x.new_zeros(*x.shape[:-1], rows))
        return torch.cat(parts, -1)

    def delta(self) -> Tensor:
        """What the product adds to the weight, float32 [rows, columns]."""
        added: Tensor = self(torch.eye(self.a.shape[1], device=self.a.device))
        return added.mT

    def roles(self) -> dict[str, Role]:
        """Role of both parameters: matrices, as many as are targeted."""
        return {"a": Role("matrix", (self.rank,) * len(self.rows)), "b": Role("matrix", self.rows)}


def adapt(decoder: Decoder, config: LoRAConfig | None, generator: torch.Generator) -> None:
    """Freeze the decoder and put an adapter on every targeted matrix; without a config nothing is done.

    A is uniform in ±1/√columns, as in `peft`, and drawn from `generator`. Raises UsageError for a target that is not there and
    for GPT-NeoX.
    """
    if config is None:
        return
    if decoder.config.family == "gpt_neox":
        raise UsageError(
            "GPT-NeoX stores queries, keys and values head by head in one matrix; LoRA does not adapt it.",
            where="lora",
            fix="Train all weights, or give a model of another family.",
        )
    roles, found = decoder.roles(), set()
    decoder.requires_grad_(False)
    for own, role in roles.items():
        if role.kind != "matrix":
            continue
        kinds = [name.split(".")[-2] for name in names(own, decoder.config)]
        found |= set(kinds)
        targeted = [kind in config.targets for kind in kinds]
        if any(targeted):
            linear = decoder.get_submodule(own.removesuffix(".weight"))
            assert isinstance(linear, Linear)
            adapter = Adapter(linear.weight.shape[1], role.splits, targeted, config)
            bound = linear.weight.shape[1] ** -0.5
            with torch.no_grad():
                adapter.a.copy_((torch.rand(adapter.a.shape, generator=generator) * 2 - 1) * bound)
            linear.adapter = adapter
    if missing := sorted(set(config.targets) - found):
        raise UsageError(
            f"The model has no matrix {missing[0]!r} that LoRA could adapt.",
            where="lora.targets",
            fix=f"Choose among {', '.join(sorted(found))}.",
        )


def adapters(decoder: Decoder) -> Iterator[tuple[str, Linear, Adapter]]:
    """(name of the weight, its matrix, its adapter) of everything that is adapted."""
    for name, module in decoder.named_modules():
        if isinstance(module, Linear) and isinstance(module.adapter, Adapter):
            yield f"{name}.weight", module, module.adapter


@torch.no_grad()
def merge(decoder: Decoder) -> None:
    """Add every adapter to its weight and take it off; the decoder is whole and trainable again."""
    for _, linear, adapter in list(adapters(decoder)):
        linear.weight.add_(adapter.delta())
        linear.adapter = None
    decoder.requires_grad_(True)

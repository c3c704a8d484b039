"""The head and its losses, in chunks: the full logits never exist.

With a vocabulary of V and N labelled places the logits are N·V numbers, by far the largest tensor of a small model. Here a chunk
of places at a time goes through the head, and what is needed of its logits is taken before the next chunk overwrites them.

`lm_loss` makes its gradients in the forward pass (the way of Hsu et al. 2024, Liger Kernel §3.2): softmax minus one-hot is at hand
there, so the head is multiplied three times, as in an ordinary step, and not four. `token_logprob` gives each place's
log-probability and must wait for the gradient of each, so its backward pass computes the logits once more.

Only labelled places are computed. Chunks have one static shape (the last is filled up with places of weight zero), so that the
elementwise part compiles once. Sums and the head's gradient are float32 whatever the hidden states are.
`F.linear_cross_entropy` returns a bfloat16 loss for bfloat16 input and does not serve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hagane.train.compile import fused

CHUNK = 512


def lm_loss(
    hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int = CHUNK, z_loss: float = 0.0
) -> Tensor:
    """Σ weight · −log p(target), a float32 scalar: divide by the weight of the whole step, not here.

    hidden: [..., dim] of any float type; head: [vocab, dim]; targets: [...] int64; weights: [...], 0 = not labelled.
    z_loss: with gradients, also Σ weight · z_loss · (log Z)², which keeps the normalizer Z near 1 (Chowdhery et al. 2022,
    "PaLM", §5, with 1e-4).
    """
    hidden, targets, weights = hidden.reshape(-1, hidden.size(-1)), targets.reshape(-1), weights.reshape(-1).float()
    labelled = weights.nonzero().squeeze(1)
    if torch.is_grad_enabled() and (hidden.requires_grad or head.requires_grad):
        return _apply(_SummedLoss, hidden, head, targets, weights, labelled, chunk, z_loss)
    return -(token_logprob(hidden[labelled], head, targets[labelled], chunk) * weights[labelled]).sum()


def token_logprob(hidden: Tensor, head: Tensor, targets: Tensor, chunk: int = CHUNK) -> Tensor:
    """log p(target) of each place, [N] float32, differentiable in hidden and head.

    hidden: [N, dim] of any float type; head: [vocab, dim]; targets: [N] int64. Pass labelled places only.
    """
    return _apply(_TokenLogprob, hidden, head, targets, chunk)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


def _summed_loss_core(logits: Tensor, targets: Tensor, weights: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """(Σ weight · (−log p + z_loss · (log Z)²), its gradient by the logits in their type). logits: [chunk, vocab]."""
    full = logits.float()
    normalizer = torch.logsumexp(full, 1)
    loss = ((normalizer - full.gather(1, targets[:, None]).squeeze(1)) * weights).sum()
    # Comparing with every column instead of a scatter lets the compiler make one pass over the logits.
    hit = torch.arange(logits.size(1), device=logits.device)[None, :] == targets[:, None]
    gradient = (torch.exp(full - normalizer[:, None]) - hit.float()) * weights[:, None]
    if z_loss:
        loss = loss + z_loss * (normalizer * normalizer * weights).sum()
        gradient = gradient + torch.exp(full - normalizer[:, None]) * (2 * z_loss * normalizer * weights)[:, None]
    return loss, gradient.to(logits.dtype)


def _logprob_core(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(log p(target), log of the normalizer), both [chunk] float32."""
    full = logits.float()
    normalizer = torch.logsumexp(full, 1)
    return full.gather(1, targets[:, None]).squeeze(1) - normalizer, normalizer


def _logprob_gradient_core(logits: Tensor, targets: Tensor, normalizer: Tensor, gradient: Tensor) -> Tensor:
    """Gradient of Σ gradient · log p(target) by the logits, in their type."""
    hit = torch.arange(logits.size(1), device=logits.device)[None, :] == targets[:, None]
    return ((hit.float() - torch.exp(logits.float() - normalizer[:, None])) * gradient[:, None]).to(logits.dtype)


def _chunks(count: int, chunk: int) -> Iterator[slice]:
    for begin in range(0, count, chunk):
        yield slice(begin, min(begin + chunk, count))


def _filled(part: Tensor, chunk: int) -> Tensor:
    """`part` with zero rows up to `chunk` rows."""
    missing = chunk - part.size(0)
    return part if missing == 0 else torch.cat([part, part.new_zeros(missing, *part.shape[1:])])


class _SummedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        targets: Tensor,
        weights: Tensor,
        labelled: Tensor,
        chunk: int,
        z_loss: float,
    ) -> Tensor:
        core = fused(_summed_loss_core)
        weight = head.to(hidden.dtype)
        of_hidden = torch.zeros_like(hidden) if ctx.needs_input_grad[0] else None
        of_head = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for piece in _chunks(len(labelled), chunk):
            places = labelled[piece]
            states = _filled(hidden[places], chunk)
            loss, gradient = core(
                F.linear(states, weight), _filled(targets[places], chunk), _filled(weights[places], chunk), z_loss
            )
            total += loss
            if of_hidden is not None:
                of_hidden.index_copy_(0, places, (gradient @ weight)[: len(places)])
            if of_head is not None:
                of_head += gradient.t() @ states
        ctx.save_for_backward(of_hidden, of_head)
        ctx.head_dtype = head.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_head = ctx.saved_tensors
        scale = outputs[0]
        return (
            None if of_hidden is None else of_hidden * scale.to(of_hidden.dtype),
            None if of_head is None else (of_head * scale).to(ctx.head_dtype),
            *(None,) * 5,
        )


class _TokenLogprob(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, chunk: int) -> Tensor:
        core = fused(_logprob_core)
        weight = head.to(hidden.dtype)
        logprobs = torch.empty(hidden.size(0), dtype=torch.float32, device=hidden.device)
        normalizers = torch.empty_like(logprobs)
        for piece in _chunks(hidden.size(0), chunk):
            size = piece.stop - piece.start
            states = _filled(hidden[piece], chunk)
            logprob, normalizer = core(F.linear(states, weight), _filled(targets[piece], chunk))
            logprobs[piece], normalizers[piece] = logprob[:size], normalizer[:size]
        ctx.save_for_backward(hidden, head, targets, normalizers)
        ctx.chunk = chunk
        return logprobs

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        hidden, head, targets, normalizers = ctx.saved_tensors
        core = fused(_logprob_gradient_core)
        weight = head.to(hidden.dtype)
        of_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        of_head = torch.zeros_like(head, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for piece in _chunks(hidden.size(0), ctx.chunk):
            states = _filled(hidden[piece], ctx.chunk)
            columns = (targets, normalizers, outputs[0].float())
            gradient = core(F.linear(states, weight), *(_filled(column[piece], ctx.chunk) for column in columns))
            if of_hidden is not None:
                of_hidden[piece] = (gradient @ weight)[: piece.stop - piece.start]
            if of_head is not None:
                of_head += gradient.t() @ states
        return of_hidden, None if of_head is None else of_head.to(head.dtype), None, None

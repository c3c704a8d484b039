"""Chunked losses equal `F.cross_entropy` in float64, gradients too, whatever the chunk."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hagane.train import losses
from hagane.train.losses import lm_loss, token_logprob

N, DIM, VOCAB = 150, 32, 211
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]
Loss = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]


def inputs(dtype: torch.dtype) -> Inputs:
    draw = torch.Generator().manual_seed(3)
    hidden = torch.randn(N, DIM, generator=draw).to(dtype).requires_grad_()
    head = (torch.randn(VOCAB, DIM, generator=draw) * 0.2).requires_grad_()
    targets = torch.randint(0, VOCAB, (N,), generator=draw)
    weights = torch.rand(N, generator=draw) * (torch.rand(N, generator=draw) > 0.4)
    return hidden, head, targets, weights


def reference(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
    return (F.cross_entropy(hidden.double() @ head.double().t(), targets, reduction="none") * weights).sum()


def by_logprob(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
    return -(token_logprob(hidden, head, targets, chunk) * weights).sum()


def run(loss: Loss, dtype: torch.dtype, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
    hidden, head, targets, weights = inputs(dtype)
    value = loss(hidden, head, targets, weights, chunk)
    (value / 7).backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None
    assert head.grad is not None
    return value.detach().double(), hidden.grad.double(), head.grad.double()


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("chunk", [1, 64, 1024])
@pytest.mark.parametrize("loss", [lm_loss, by_logprob])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
def test_value_and_gradients(loss: Loss, dtype: torch.dtype, tolerance: float, chunk: int) -> None:
    for ours, exact in zip(run(loss, dtype, chunk), run(reference, dtype, chunk), strict=True):
        assert distance(ours, exact) < tolerance


def test_the_comparison_can_fail() -> None:
    """Negative control: one target more or less must be noticed."""

    def shifted(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
        return lm_loss(hidden, head, targets.roll(1), weights, chunk)

    for ours, exact in zip(run(shifted, torch.float32, 64), run(reference, torch.float32, 64), strict=True):
        assert distance(ours, exact) > 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 6e-3)])
def test_z_loss(dtype: torch.dtype, tolerance: float) -> None:
    z = 0.3  # so large that leaving it out would be noticed

    def ours(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
        return lm_loss(hidden, head, targets, weights, chunk, z_loss=z)

    def exact(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
        log_z = torch.logsumexp(hidden.double() @ head.double().t(), 1)
        return reference(hidden, head, targets, weights, chunk) + z * (log_z**2 * weights).sum()

    for found, wanted, without in zip(
        run(ours, dtype, 64), run(exact, dtype, 64), run(reference, dtype, 64), strict=True
    ):
        assert distance(found, wanted) < tolerance
        assert distance(found, without) > 0.1


def test_no_z_loss_is_the_loss_without_the_term_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradients, so training too: against the formula as it stands where nobody has thought of the term."""

    def without(logits: Tensor, targets: Tensor, weights: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
        normalizer = torch.logsumexp(logits, 1)
        loss = ((normalizer - logits.gather(1, targets[:, None]).squeeze(1)) * weights).sum()
        return loss, (torch.exp(logits - normalizer[:, None]) - F.one_hot(targets, VOCAB)) * weights[:, None]

    def some(hidden: Tensor, head: Tensor, targets: Tensor, weights: Tensor, chunk: int) -> Tensor:
        return lm_loss(hidden, head, targets, weights, chunk, z_loss=1e-4)

    none, little = run(lm_loss, torch.float32, 64), run(some, torch.float32, 64)
    monkeypatch.setattr(losses, "_summed_loss_core", without)
    plain = run(lm_loss, torch.float32, 64)
    assert all(torch.equal(one, two) for one, two in zip(none, plain, strict=True))
    assert not any(torch.equal(one, two) for one, two in zip(little, plain, strict=True)), "negative control"


def test_sums_are_float32_under_bfloat16() -> None:
    hidden, head, targets, weights = inputs(torch.bfloat16)
    assert lm_loss(hidden, head, targets, weights).dtype == torch.float32
    assert token_logprob(hidden, head, targets).dtype == torch.float32


def test_places_without_weight_are_not_computed() -> None:
    hidden, head, targets, weights = inputs(torch.float32)
    spoiled = torch.where(weights[:, None] > 0, hidden.detach(), torch.nan).requires_grad_()
    lm_loss(spoiled, head, targets, weights).backward()  # type: ignore[no-untyped-call]
    assert spoiled.grad is not None
    assert bool(spoiled.grad.isfinite().all())
    assert bool((spoiled.grad[weights == 0] == 0).all())


def test_without_gradient_the_value_is_the_same() -> None:
    arguments = inputs(torch.float32)
    with torch.no_grad():
        value = lm_loss(*arguments)
    assert float(value) == pytest.approx(float(lm_loss(*arguments).detach()), rel=1e-6)

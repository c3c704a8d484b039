"""Losses and advantages against numbers worked out apart from this code, in float64."""

from __future__ import annotations

import math

import pytest
import torch

from hagane.prefer import advantages, losses

D = torch.float64
# Two answers of 4 and 6 tokens; the first ends early, its last two columns are padding.
LOGPROBS = torch.tensor([[-1.0, -0.5, -2.0, -0.1, 1, 1], [-0.3, -0.7, -1.1, -0.9, -0.2, -0.4]], dtype=D)
REF = torch.tensor([[-1.2, -0.4, -1.5, -0.2, 1, 1], [-0.3, -0.9, -1.0, -1.0, -0.3, -0.1]], dtype=D)
VALUES = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.0], [0.0, 0.1, 0.2, 0.1, 0.0, -0.1]], dtype=D)
SCORES = torch.tensor([1.0, -0.5], dtype=D)
MASK = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=D)
ROW1 = [-0.37369069, -0.49862178, -0.61960187, -0.5522125, -0.47075, -0.385]


def vector(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=D)


def assert_close(actual: torch.Tensor, expected: list[float], atol: float = 1e-8) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=D), rtol=0, atol=atol)


def test_dpo_is_the_papers_loss() -> None:
    zero = torch.zeros(3, dtype=D)
    assert_close(
        losses.dpo(vector(0, 10, 20), zero, zero, zero, beta=0.1),
        [0.6931471805599453, 0.31326168751822286, 0.1269280110429725],
        atol=1e-15,
    )
    # A reference that moves as far as the policy takes the whole margin away.
    assert_close(losses.dpo(vector(5), vector(1), vector(6), vector(2), beta=0.1), [math.log(2)], atol=1e-15)


def test_dpo_pulls_the_two_answers_apart() -> None:
    chosen, rejected = vector(-3.0).requires_grad_(), vector(-4.0).requires_grad_()
    losses.dpo(chosen, rejected, vector(-3.0), vector(-4.0), beta=0.1).sum().backward()
    assert chosen.grad is not None
    assert rejected.grad is not None
    assert_close(chosen.grad, [-0.05])
    assert_close(rejected.grad, [0.05])


def test_bradley_terry() -> None:
    loss = losses.bradley_terry(vector(1, -0.3, 2), vector(0.2, 0.4, -1))
    assert_close(loss, [0.3711006659477777, 1.103186048885458, 0.04858735157374206], atol=1e-14)


def test_advantages_with_the_score_on_the_last_token() -> None:
    rewards = advantages.token_rewards(SCORES, LOGPROBS, REF, MASK, kl_weight=0.05)
    assert_close(rewards.sum(dim=1), [1.0 + 0.05 * 0.3, -0.5 - 0.05 * 0.0])
    found = advantages.gae(rewards, VALUES * MASK, gamma=1.0, lam=0.95)
    assert_close(found[0], [0.81270062, 0.7607375, 0.69025, 0.595, 0.0, 0.0], atol=1e-7)
    assert_close(found[1], ROW1)
    white = advantages.whiten(found, MASK)
    assert_close(white[0], [1.30675817, 1.2236269, 1.11086011, 0.95847795, 0.0, 0.0], atol=1e-7)
    assert white.sum().item() == pytest.approx(0.0, abs=1e-9)


def score_after_the_end() -> tuple[torch.Tensor, torch.Tensor]:
    """OpenAI's placement: the score one position after the end where there is room. (values, advantages)."""
    rewards = -0.05 * (LOGPROBS - REF)
    rewards[0, 4] += 1.0
    rewards[1, 5] -= 0.5
    return VALUES, advantages.gae(rewards, VALUES, gamma=1.0, lam=0.95)


def test_advantages_with_the_score_after_the_end() -> None:
    _, found = score_after_the_end()
    assert_close(found[0], [0.79126625, 0.738175, 0.6665, 0.57, 0.5, 0.0], atol=1e-7)
    assert_close(found[1], ROW1)
    white = advantages.whiten(found, MASK)
    assert_close(white[0], [1.31200789, 1.22544195, 1.10857496, 0.9512305, 0.0, 0.0], atol=1e-7)


def test_ppo_losses() -> None:
    values, found = score_after_the_end()
    white, returns = advantages.whiten(found, MASK), found + values
    moved = torch.tensor([[0.1, -0.3, 0.25, 0, 0, 0], [-0.1, 0.4, 0, 0.05, -0.5, 0.2]], dtype=D)
    policy = losses.clipped_policy(LOGPROBS + moved, LOGPROBS, white, clip=0.2)
    clipped = losses.clipped_share(LOGPROBS + moved, LOGPROBS, white, clip=0.2).to(D)
    valid = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]], dtype=D)
    critic = torch.tensor([[0.3, -0.1, 0.05, 0, 0.25, 0], [0, 0.1, -0.3, 0.2, 0, 0.1]], dtype=D)
    value = losses.clipped_value(values + critic, values, returns, clip=0.2)
    policy_loss = ((policy * MASK).sum() / MASK.sum()).item()
    value_loss = ((value * valid).sum() / valid.sum()).item()
    assert policy_loss == pytest.approx(0.0321173484, abs=1e-8)
    assert value_loss == pytest.approx(0.1610826396, abs=1e-8)
    assert policy_loss + 0.1 * value_loss == pytest.approx(0.0482256124, abs=1e-8)
    assert ((clipped * MASK).sum() / MASK.sum()).item() == pytest.approx(0.2)


def test_the_comparison_can_fail() -> None:
    """Negative control: gae without the discount of λ gives other numbers."""
    rewards = advantages.token_rewards(SCORES, LOGPROBS, REF, MASK, kl_weight=0.05)
    with pytest.raises(AssertionError):
        assert_close(advantages.gae(rewards, VALUES * MASK, gamma=1.0, lam=1.0)[1], ROW1, atol=1e-3)

"""The range test finds a known edge, the sweep a planted optimum, and the explanation says what the figures say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from hagane.errors import TrainingError
from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.explain import explain
from hagane.learning_rate.happened import happened
from hagane.learning_rate.picture import blocks
from hagane.learning_rate.prior import prior
from hagane.learning_rate.range_test import range_test
from hagane.learning_rate.sweep import cost, optimum, sweep
from hagane.learning_rate.trial import Settings, Train, Trial, smoothed


def quadratic(sharpest: float) -> Train:
    """Gradient descent with noise on ½·Σ cᵢxᵢ², whose rates above 2 / `sharpest` diverge."""
    curvature = np.geomspace(sharpest / 100, sharpest, 30)

    def train(settings: Settings, seed: int) -> Trial:
        config = RateConfig.model_validate(dict(settings))
        draw = np.random.default_rng(seed)
        x, losses = np.ones_like(curvature), []
        for step in range(config.steps):
            loss = 0.5 * float(curvature @ x**2)
            losses.append(loss)
            if not np.abs(x).max() < 1e100:
                return Trial(losses, None)
            x = x - config.lr * config.factor(step) * (curvature * x + 0.3 * draw.standard_normal(len(x)))
        return Trial(losses, 0.5 * float(curvature @ x**2))

    return train


@pytest.mark.parametrize("sharpest", [4.0, 400.0])
def test_range_test_finds_the_edge_of_a_quadratic(sharpest: float) -> None:
    edge = 2 / sharpest
    found = range_test(quadratic(sharpest), low=edge / 1e4, high=edge * 100, steps=1200)
    print(f"edge {edge:.4g}: steepest {found.steepest:.4g}, turn {found.turn:.4g}, diverges {found.diverges:.4g}")
    assert found.diverges is not None
    assert edge * 0.8 < found.diverges < edge * 1.5
    assert found.steepest < found.turn < found.diverges
    assert len(found.rates) == len(found.losses) == len(found.smooth) <= 1200


def test_range_test_below_the_edge_sees_no_divergence() -> None:
    """Negative control."""
    assert range_test(quadratic(4.0), low=1e-5, high=0.05, steps=400).diverges is None


def test_range_test_of_a_run_that_breaks_off_at_once() -> None:
    with pytest.raises(TrainingError, match="broke off after 3 updates"):
        range_test(lambda settings, seed: Trial([1.0, 2.0, 9.0], None))


def planted(optimum: float, noise: float) -> Callable[[Settings, int], Trial]:
    """Held-out losses on a parabola in log rate; a seed shifts all of them alike and each one a little; 0.1 diverges."""

    def train(settings: Settings, seed: int) -> Trial:
        lr = float(settings["lr"])
        draw = np.random.default_rng([seed, round(1e6 * lr)])
        loss = 2.0 + 0.05 * math.log(lr / optimum) ** 2 + 0.1 * seed + noise * float(draw.standard_normal())
        return Trial([5.0, 4.0, 3.0], loss) if lr < 0.1 else Trial([5.0, 6.0], None)

    return train


def test_sweep_recovers_a_planted_optimum_and_its_edge() -> None:
    peaks = [2.5e-4 * 2**k for k in range(10)]
    found = sweep(planted(3e-3, 0.01), peaks, seeds=(1, 2, 3, 4), settings={"steps": 3})
    assert found["optimum"] is not None
    low, value, high = (found["optimum"][key] for key in ("low", "value", "high"))  # type: ignore[literal-required]
    print(f"planted 3e-3: {value:.3g} [{low:.3g}, {high:.3g}]")
    assert low <= 3e-3 <= high
    assert high / low < 2
    assert value == pytest.approx(3e-3, rel=0.1)
    assert found["edge"] == pytest.approx(0.128)
    spent = cost(found, 2.5e-4)
    assert spent is not None
    assert spent["low"] <= 0.05 * math.log(2.5e-4 / 3e-3) ** 2 <= spent["high"] + 0.02
    assert cost(found, 0.128) is None


def test_the_interval_of_three_seeds_holds_the_optimum_as_often_as_it_says() -> None:
    """Also where the seeds differ much more from one another than the peaks do."""
    peaks, draw, held = [1e-3 * 2**k for k in range(5)], np.random.default_rng(0), 0
    for _ in range(100):
        shift = 0.1 * draw.standard_normal(3)
        table = {lr: 0.05 * math.log(lr / 4.3e-3) ** 2 + shift + 0.01 * draw.standard_normal(3) for lr in peaks}
        found = optimum(table)
        held += found is not None and found["low"] <= 4.3e-3 <= found["high"]
    print(f"held in {held} of 100")
    assert held >= 90


def test_a_minimum_at_the_border_is_no_optimum() -> None:
    found = sweep(planted(3e-3, 0.0), [1e-4, 2e-4, 4e-4, 8e-4], seeds=(1, 2), settings={})
    assert found["best"] == 8e-4
    assert found["optimum"] is None
    assert found["edge"] is None


def test_rates_of_embeddings_keep_their_ratio() -> None:
    asked: list[Settings] = []

    def train(settings: Settings, seed: int) -> Trial:
        asked.append(settings)
        return Trial([2.0, 1.0], 1.0)

    sweep(train, [1e-3, 2e-3], seeds=[1], embedding_ratio=3.0, settings={"schedule": "cosine"})
    assert [(s["lr"], s["embedding_lr"], s["schedule"]) for s in asked] == [
        (1e-3, pytest.approx(3e-3), "cosine"),
        (2e-3, pytest.approx(6e-3), "cosine"),
    ]


@pytest.mark.parametrize(
    ("losses", "heldout", "diverged"),
    [
        ([8 - 0.05 * i for i in range(100)], 3.0, False),
        ([8 - 0.1 * i for i in range(40)] + [6.0] * 20, 6.0, False),  # hard batches at the end
        ([8.0, 12.0, 11.0, 9.0, 7.0] + [6.5] * 15, 6.5, True),  # stood above its start
        ([8.0, 7.0], None, True),
    ],
)
def test_what_counts_as_diverged(losses: list[float], heldout: float | None, diverged: bool) -> None:
    assert Trial(losses, heldout).diverged is diverged


def test_smoothing_moves_nothing() -> None:
    line = [float(i) for i in range(100)]
    assert smoothed(line)[10:-10].tolist() == pytest.approx(line[10:-10])


def test_prior_is_the_published_rule() -> None:
    assert prior(108e6).lr == pytest.approx(0.0047)
    assert prior(108e6 / 8).lr == pytest.approx(0.0094)
    assert prior(108e6).batch_tokens == 160 * 2048
    assert not prior(1e6).covered


def test_explanation_follows_the_figures() -> None:
    rows = [
        {
            "step": i,
            "lr": 1e-3 * min(1, (i + 1) / 10),
            "loss": 7.0 - 0.02 * i + 0.01 * (i % 2),
            "grad_norm": 2.0 - i / 50,
        }
        for i in range(100)
    ]
    rows[60]["loss"] = 9.0
    rows.insert(50, {"step": 50, "rolled_back_from": 52, "spike_loss": 1e3})
    seen = happened(rows, clip=1.0)
    assert seen is not None
    assert (seen.updates, seen.peak_at, seen.spikes, seen.clipped) == (100, 10, [61], 0.5)
    fitted = {"value": 4e-3, "low": 3e-3, "high": 5e-3}
    swept = {"optimum": fitted, "edge": 3.2e-2, "best": 4e-3}
    measured = {"schedules": {"wsd": swept}, "steps": 100, "seeds": [1, 2, 3], "metric": "bits_per_character"}
    config = RateConfig(steps=100, lr=1e-3)

    def told(sweep: dict[str, object] | None) -> str:
        found = explain(config, "adamw", prior=prior(5.8e6), tokens=3e6, sweep=sweep, happened=seen)
        return " ".join(en for _, en in found)

    assert "optimum at 0.004 [0.003, 0.005]; the rate used is outside" in told(measured)
    assert "diverged from 0.032 on, 32 times the rate used" in told(measured)
    assert "spiked 1 times (updates 61)" in told(measured)
    assert "back to a checkpoint and on with other data 1 times (from updates 53)" in told(measured)
    assert "0.012" in told(measured)
    fitted["low"] = 5e-4
    assert "the rate used is inside" in told(measured)
    assert "whether another rate is better is not known" in told(None)


def test_blocks_show_the_shape() -> None:
    assert blocks([0.0, 1.0, 2.0, 4.0], height=2) == ["   █", " ▄██"]

"""Schedules are what they say at the points that matter, never leave the range, and branch where they should."""

from __future__ import annotations

import math

import pytest

from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.presets import PRESETS
from hagane.learning_rate.schedule import (
    ScheduleName,
    constant,
    cosine,
    exponential,
    factor,
    inverse_sqrt,
    linear,
    one_minus_sqrt,
    wsd,
)

FALLING: list[ScheduleName] = ["constant", "linear", "cosine", "wsd", "inverse_sqrt"]


def curve(**fields: float | int | str) -> list[float]:
    config = RateConfig.model_validate(fields)
    return [config.lr * config.factor(step) for step in range(config.steps)]


def test_known_points() -> None:
    assert constant()(0.7) == 1.0
    assert linear(0.1)(0.5) == pytest.approx(0.55)
    assert cosine(0.2)(0.5) == pytest.approx(0.6)
    assert [wsd(0.4)(p) for p in (0.0, 0.6, 0.8, 1.0)] == pytest.approx([1.0, 1.0, 0.5, 0.0])
    assert one_minus_sqrt()(0.25) == pytest.approx(0.5)
    assert wsd(0.4, one_minus_sqrt(0.1))(0.7) == pytest.approx(0.55)
    assert [exponential(1e-4)(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1e-4, 1e-2, 1.0])
    assert [factor(linear(), step, 10, warmup=4) for step in (0, 3, 4, 9)] == pytest.approx(
        [0.125, 0.875, 11 / 12, 1 / 12]
    )


def test_inverse_square_root_is_that_of_the_transformer() -> None:
    """Vaswani et al. 2017, equation 3: min(n^-1/2, n·k^-3/2), in units of its peak; n read in the middle of an update."""
    warmup, steps = 40, 400
    rates = curve(steps=steps, lr=1.0, schedule="inverse_sqrt", warmup=warmup, floor=0.0)
    peak = warmup**-0.5
    expected = [min((n + 0.5) ** -0.5, (n + 0.5) * warmup**-1.5) / peak for n in range(steps)]
    assert rates == pytest.approx(expected)
    assert inverse_sqrt(0.1, floor=0.5)(1.0) == 0.5


@pytest.mark.parametrize("name", FALLING)
def test_rises_then_never_rises_again(name: ScheduleName) -> None:
    rates = curve(steps=200, lr=1.0, schedule=name, warmup=0.1, decay=0.5, floor=0.05)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0.0  # neither the first nor the last update is wasted
    assert max(rates) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("shape", ["linear", "1-sqrt"])
def test_two_lengths_share_the_stable_part_update_by_update(shape: str) -> None:
    """Not nearly: exactly, so that a checkpoint of the long run is a checkpoint of the short one."""
    short, long = (curve(steps=steps, warmup=30, decay=0.25, decay_shape=shape, lr=2e-3) for steps in (230, 1030))
    stable = 30 + 150
    assert short[:stable] == long[:stable]
    assert max(short) == max(long) == 2e-3
    assert short[-1] < 0.1 * short[stable - 1] < long[229]


def test_the_comparison_can_fail() -> None:
    """Negative control: a warm-up given as a share moves with the length, and a cosine knows it from the start."""
    short, long = (curve(steps=steps, warmup=0.1) for steps in (230, 1030))
    assert short[:20] != long[:20]
    short, long = (curve(steps=steps, warmup=30, schedule="cosine") for steps in (230, 1030))
    assert short[:30] == long[:30]
    assert short[31] != long[31]


def test_a_warmup_is_a_share_or_a_number_and_nothing_between() -> None:
    assert RateConfig(steps=100, warmup=0.2).warmup_updates == pytest.approx(20)
    assert RateConfig(steps=100, warmup=20).warmup_updates == 20
    for wrong, words in (
        ({"warmup": 1.5}, "whole number"),
        ({"warmup": 100}, "does not end within 100 steps"),
        ({"schedule": "inverse_sqrt", "warmup": 0}, "needs a warmup"),
        ({"schedule": "exponential"}, "warmup: 0"),
        ({"preset": "gtp"}, "preset"),
    ):
        with pytest.raises(ValueError, match=words):
            RateConfig.model_validate({"steps": 100, **wrong})


def test_presets_at_known_updates() -> None:
    gpt = curve(steps=100_000, preset="gpt")
    assert gpt[999] == pytest.approx(2.5e-4 * 999.5 / 2000)
    assert gpt[2000] == pytest.approx(2.5e-4, rel=1e-6)
    assert gpt[50_999] == pytest.approx(1.25e-4, rel=1e-3)  # half of the cosine
    assert gpt[-1] < 1e-9
    llm_jp = curve(steps=61_000, preset="llm-jp")
    assert max(llm_jp) == pytest.approx(3e-4)
    assert llm_jp[-1] == pytest.approx(3e-5, rel=1e-6)
    sarashina = curve(steps=10_000, preset="sarashina2")
    assert max(sarashina) == pytest.approx(2.5e-4)
    assert sarashina[2000:] == sorted(sarashina[2000:], reverse=True)
    assert "no more than that" in PRESETS["sarashina2"].source
    assert "cosine" in PRESETS["sarashina2"].ours


def test_a_preset_shows_what_it_sets_and_gives_way_to_what_is_written() -> None:
    config = RateConfig.model_validate({"steps": 5000, "preset": "gpt", "lr": 1e-3})
    assert (config.lr, config.embedding_lr, config.schedule, config.warmup) == (1e-3, 2.5e-4, "cosine", 2000)
    again = RateConfig.model_validate(config.model_dump())
    assert again == config
    with pytest.raises(ValueError, match="does not end within 800"):
        RateConfig.model_validate({"steps": 800, "preset": "gpt"})
    assert math.isclose(sum(curve(steps=5000, preset="gpt")), sum(curve(**{"steps": 5000, **PRESETS["gpt"].settings})))

"""Schedules are what they say at the points that matter, and never leave the range."""

from __future__ import annotations

import pytest

from hagane.learning_rate.schedule import ScheduleName, constant, cosine, factor, linear, named, warmup, wsd

NAMES: list[ScheduleName] = ["constant", "linear", "cosine", "wsd"]


def test_known_points() -> None:
    assert constant()(0.7) == 1.0
    assert linear(0.1)(0.5) == pytest.approx(0.55)
    assert cosine(0.2)(0.5) == pytest.approx(0.6)
    assert [wsd(0.4)(p) for p in (0.0, 0.6, 0.8, 1.0)] == pytest.approx([1.0, 1.0, 0.5, 0.0])
    assert [warmup(0.2, linear())(p) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


@pytest.mark.parametrize("name", NAMES)
def test_rises_then_never_rises_again(name: ScheduleName) -> None:
    schedule = named(name, warmup_share=0.1, decay=0.5, floor=0.05)
    rates = [factor(schedule, step, 200) for step in range(200)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0.0  # neither the first nor the last update is wasted
    assert max(rates) == pytest.approx(1.0, abs=0.01)


def test_stable_part_does_not_know_the_length_of_the_decay() -> None:
    short, long = wsd(decay=0.2), wsd(decay=0.7)
    assert short(0.29) == long(0.29) == 1.0
    assert short(0.5) != long(0.5)

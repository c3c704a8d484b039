"""Why this rate: the guess before, the sweep if there was one, and what happened, in sentences of two languages.

Every sentence is chosen by the figures; what was not measured is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.happened import Happened
from hagane.learning_rate.presets import PRESETS
from hagane.learning_rate.prior import SOURCE, Prior

Sentence = tuple[str, str]
"""(Japanese, English)."""


def chosen(rates: RateConfig, optimizer: str) -> list[Sentence]:
    """What the recipe asks for."""
    found = [
        (
            f"最大 {rates.lr:.3g}（埋め込み {rates.embedding_lr:.3g}）、形は {rates.schedule}、"
            f"ウォームアップ {rates.warmup_updates:.0f} 回 / 全 {rates.steps} 回、最適化法は {optimizer}。",
            f"The peak is {rates.lr:.3g} (embeddings {rates.embedding_lr:.3g}), the shape {rates.schedule}, "
            f"with {rates.warmup_updates:.0f} of {rates.steps} updates of warm-up, under {optimizer}.",
        )
    ]
    if rates.preset is not None:
        preset = PRESETS[rates.preset]
        found.append((f"プリセット {rates.preset}：{preset.source}。", f"Preset {rates.preset}: {preset.source}."))
        if preset.ours:
            found.append(
                (
                    f"出典にない部分（ここで決めたもの）：{preset.ours}。",
                    f"Not in the source, our choice: {preset.ours}.",
                )
            )
    return found


def guessed(rates: RateConfig, prior: Prior, tokens: float) -> list[Sentence]:
    """What a published rule would have begun with. tokens: read by the run in all."""
    ratio = rates.lr / prior.lr
    batch = tokens / rates.steps
    found = [
        (
            f"大きさだけから見た目安は {prior.lr:.2g}（埋め込みを除く {prior.parameters / 1e6:.2g}M パラメータ、{SOURCE}）。"
            f"実際の値はその {ratio:.2g} 倍。",
            f"From the size alone one would begin at {prior.lr:.2g} ({prior.parameters / 1e6:.2g} M parameters without "
            f"embeddings, {SOURCE}); the run has {ratio:.2g} times that.",
        ),
        (
            f"その式は {prior.tokens / 1e6:.3g}M トークン、1 回 {prior.batch_tokens / 1e3:.3g}k トークンの学習に対するもの。"
            f"ここでは {tokens / 1e6:.3g}M、1 回 {batch / 1e3:.3g}k なので、出発点にしかならない。",
            f"The rule is for {prior.tokens / 1e6:.3g} M tokens, {prior.batch_tokens / 1e3:.3g} k an update; this run read "
            f"{tokens / 1e6:.3g} M, {batch / 1e3:.3g} k an update, so it is a place to start and no more.",
        ),
    ]
    if not prior.covered:
        found.append(
            (
                "式を求めた実験（5M〜901M パラメータ）の範囲の外にある。",
                "The model is outside of what the rule was fitted to (5 M to 901 M parameters).",
            )
        )
    return found


def swept(rates: RateConfig, sweep: Mapping[str, Any] | None) -> list[Sentence]:
    """What the sweep of this stage found for the schedule of the run."""
    found = (sweep or {}).get("schedules", {}).get(rates.schedule)
    if sweep is None or found is None:
        return [
            (
                "この形での掃引（hagane lr sweep）はまだない。もっと良い値があるかどうかは、わからない。",
                "There is no sweep of this schedule (hagane lr sweep): whether another rate is better is not known.",
            )
        ]
    about = f"{sweep['steps']} updates, {len(sweep['seeds'])} seeds, {sweep['metric']}"
    optimum, edge = found["optimum"], found["edge"]
    if optimum is None:
        told = (
            f"掃引（{about}）では最小が格子の中になく、最適値は求まらない。最も良かったのは {found['best']}。",
            f"The sweep ({about}) does not hold the lowest point between higher ones; its best peak is {found['best']}.",
        )
    else:
        inside = optimum["low"] <= rates.lr <= optimum["high"]
        span = f"{optimum['value']:.2g} [{optimum['low']:.2g}, {optimum['high']:.2g}]"
        told = (
            f"掃引（{about}）の最適値は {span}。使った値は区間の{'中' if inside else '外'}。",
            f"The sweep ({about}) puts the optimum at {span}; the rate used is {'inside' if inside else 'outside'}.",
        )
    if edge is None:
        return [told, ("調べた範囲では発散しなかった。", "Nothing diverged in the range that was swept.")]
    return [
        told,
        (
            f"{edge:.2g} から発散した（使った値の {edge / rates.lr:.2g} 倍）。",
            f"Runs diverged from {edge:.2g} on, {edge / rates.lr:.2g} times the rate used.",
        ),
    ]


def seen(happened: Happened) -> list[Sentence]:
    """What the run's own metrics show."""
    h = happened
    spikes = ", ".join(map(str, h.spikes[:5])) + (" …" if len(h.spikes) > 5 else "")
    found = [
        (
            f"実際には {h.peak_at} 回目に最大 {h.peak:.3g} に達し、最後は {h.last_lr:.2g}。"
            f"損失は {h.first_loss:.2f} から {h.last_loss:.2f}。",
            f"In the run the rate reached {h.peak:.3g} at update {h.peak_at} and ended at {h.last_lr:.2g}; "
            f"the loss went from {h.first_loss:.2f} to {h.last_loss:.2f}.",
        ),
        (
            f"勾配の大きさの中央値は {h.grad_norm:.2g}、更新の {100 * h.clipped:.0f} % で切りつめた。",
            f"The gradient's norm was {h.grad_norm:.2g} in the median, and clipped in {100 * h.clipped:.0f} % of the updates.",
        ),
    ]
    if h.spikes:
        found.append(
            (
                f"損失の急な跳ね上がりが {len(h.spikes)} 回（{spikes} 回目）。高すぎる兆し。",
                f"The loss spiked {len(h.spikes)} times (updates {spikes}): a sign of too high a rate.",
            )
        )
    else:
        found.append(("損失の急な跳ね上がりはなかった。", "The loss did not spike."))
    if h.roll_backs:
        given_up = ", ".join(map(str, h.roll_backs))
        found.append(
            (
                f"チェックポイントに戻り、別のデータで続けたことが {len(h.roll_backs)} 回（{given_up} 回目から）。",
                f"It went back to a checkpoint and on with other data {len(h.roll_backs)} times (from updates {given_up}).",
            )
        )
    return found


def explain(
    rates: RateConfig,
    optimizer: str,
    *,
    prior: Prior | None,
    tokens: float | None,
    sweep: Mapping[str, Any] | None,
    happened: Happened | None,
) -> Sequence[Sentence]:
    """All that is known, in the order in which one would ask."""
    found = chosen(rates, optimizer)
    if prior is not None and tokens is not None:
        found += guessed(rates, prior, tokens)
    found += swept(rates, sweep)
    return found if happened is None else found + seen(happened)

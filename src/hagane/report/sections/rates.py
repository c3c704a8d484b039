"""The learning rate: every training stage of the run drawn over its own progress, from the rates that were really used."""

from __future__ import annotations

from typing import Any

from hagane.report.charts import Line
from hagane.report.read import Row, RunFolder, Step

TRAINED = ("pretrain", "finetune", "instruct", "reward", "dpo", "ppo")
MOMENTS = (0.0, 0.02, 0.1, 0.5, 0.9, 1.0)


def rates(run: RunFolder) -> dict[str, Any]:
    """Curves of the rate, one table row a run, and a few updates of the first run with their numbers."""
    runs = [
        (name, step, rows)
        for stage in TRAINED
        for step in run.of(stage)
        for name, file in ((step.name, "metrics.jsonl"), (f"{step.name} (scratch)", "scratch-metrics.jsonl"))
        if (rows := [row for row in step.rows(file) if row.get("lr") is not None])
    ]
    return {
        "curves": [
            Line((name, name), _progress(rows), colour=number % 8, dash=number // 8)
            for number, (name, _, rows) in enumerate(runs)
        ],
        "shapes": [
            Line((name, name), [(x, y / peak) for x, y in _progress(rows)], colour=number % 8, dash=number % 4)
            for number, (name, _, rows) in enumerate(runs)
            if (peak := max(row["lr"] for row in rows)) > 0
        ],
        "table": [_row(name, step, rows) for name, step, rows in runs],
        "moments": _moments(runs[0][2]) if runs else [],
        "first": runs[0][0] if runs else None,
    }


def _progress(rows: list[Row]) -> list[tuple[float, float]]:
    """(per cent of the updates, rate)."""
    return [(100 * (number + 0.5) / len(rows), row["lr"]) for number, row in enumerate(rows)]


def _row(name: str, step: Step, rows: list[Row]) -> dict[str, Any]:
    config = {**step.config, **(step.config.get("train") or {})}
    found = [row["lr"] for row in rows]
    return {
        "name": name,
        "stage": step.stage,
        "updates": len(rows),
        "peak": max(found),
        "first": found[0],
        "last": found[-1],
        "schedule": config.get("schedule", "linear"),
        "warmup": config.get("warmup"),
        "optimizer": config.get("optimizer", "adamw"),
    }


def _moments(rows: list[Row]) -> list[dict[str, Any]]:
    """The update at some moments of a run: what α multiplied, and what the loss was there."""
    numbers = sorted({round(moment * (len(rows) - 1)) for moment in MOMENTS})
    return [
        {
            "step": rows[number]["step"] + 1,
            "share": number / max(1, len(rows) - 1),
            "lr": rows[number]["lr"],
            "grad_norm": rows[number].get("grad_norm"),
            "loss": rows[number].get("loss"),
        }
        for number in numbers
    ]

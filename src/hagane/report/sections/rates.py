"""The learning rate: every training stage of the run drawn over its own progress, from the rates that were really used.

What `hagane lr find` and `hagane lr sweep` measured stands beside it, where the run folder has it.
"""

from __future__ import annotations

from typing import Any

from hagane.report.charts import Line
from hagane.report.rate_story import measured, rate_story
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
        "story": _story(run),
        "sweeps": [_sweep(found) for found in measured(run, "sweep").values()],
        "ranges": [
            {**found, "curve": Line(("", ""), list(zip(found["rates"], found["smooth"], strict=True)))}
            for found in measured(run, "range").values()
        ],
    }


def _story(run: RunFolder) -> dict[str, Any] | None:
    """Why the rate of pretraining is what it is."""
    step = run.first("pretrain")
    return {"name": step.name, "sentences": rate_story(run, step.name)} if step and step.config.get("train") else None


def _sweep(found: Row) -> dict[str, Any]:
    """Held-out loss over the peak, one line a schedule (means over seeds, diverged peaks left out), and one row each."""
    return {
        **found,
        "lines": [
            Line(
                (name, name),
                [(p["lr"], sum(p["heldout"]) / len(p["heldout"])) for p in swept["points"] if not p["diverged"]],
                colour=number % 8,
                dash=number % 4,
            )
            for number, (name, swept) in enumerate(found["schedules"].items())
        ],
        "rows": [
            {"schedule": name, **swept, "lowest": found["costs"][name][str(swept["points"][0]["lr"])]}
            for name, swept in found["schedules"].items()
        ],
        "lowest_lr": min(p["lr"] for swept in found["schedules"].values() for p in swept["points"]),
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
        "warmup": warmup / len(rows) if (warmup := config.get("warmup", 0)) >= 1 else warmup,
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

"""Fine-tuning: accuracy of the pretrained model against the same model from scratch, and what tuning forgot."""

from __future__ import annotations

from typing import Any

from hagane.report.charts import Line
from hagane.report.judge import of_difference, of_numbers
from hagane.report.read import RunFolder, pick, series


def finetuning(run: RunFolder) -> dict[str, Any] | None:
    """Figures of the first fine-tuning stage, None where there is none."""
    step = run.first("finetune")
    if step is None:
        return None
    summary = step.summary
    known = pick(summary, "general_knowledge") or {}
    before, after = known.get("bits_per_character_before"), known.get("bits_per_character_after")
    accuracy = {kind: pick(summary, kind, "accuracy") for kind in ("tuned", "scratch")}
    return {
        "name": step.name,
        "summary": summary,
        **accuracy,
        "lr": {kind: pick(summary, kind, "lr") for kind in ("tuned", "scratch")},
        "difference": summary.get("difference"),
        "verdict": of_difference(summary.get("difference")),
        "chance": summary.get("chance"),
        "above_chance": _above(accuracy["tuned"], summary.get("chance")),
        "before": before,
        "after": after,
        "forgetting": of_numbers(after, before, lower_is_better=True),
        "curves": [
            Line(("事前学習から", "from pretrained"), series(step.rows(), "eval_accuracy"), 0),
            Line(("ゼロから", "from scratch"), series(step.rows("scratch-metrics.jsonl"), "eval_accuracy"), 1, 1),
        ],
        "examples": summary.get("examples") or [],
        "labels": summary.get("labels") or [],
        "confusion": summary.get("confusion") or [],
    }


def _above(accuracy: dict[str, Any] | None, chance: float | None) -> bool | None:
    return None if accuracy is None or chance is None else bool(accuracy["low"] > chance)

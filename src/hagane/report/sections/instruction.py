"""Instruction tuning: what was practised, and whether asked in known or in new words the answers pass."""

from __future__ import annotations

from typing import Any

from hagane.report.judge import of_two
from hagane.report.measured import Evaluation, Measured
from hagane.report.read import Row, RunFolder, pick, series

WORDINGS = {"familiar": ("学習した言い回し", "familiar wording"), "heldout": ("未学習の言い回し", "new wording")}
SHOWN = 8
SAFETY = 2


def instruction(run: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """Pairs, loss, pass rates by family and wording against the base model, examples, refusals beside harmless twins."""
    step = run.first("instruct")
    tuned, base = evaluation.of_step(step), evaluation.of_step(run.first("pretrain"))
    summary = step.summary if step else {}
    shown = summary.get("shown") or {}
    return {
        "step": step.name if step else None,
        "summary": summary or None,
        "handled": _families(summary, tuned, base),
        "rates": _rates(tuned),
        "bits": _bits(tuned, base),
        "loss": series(step.rows(), "loss") if step else [],
        "heldout_loss": series(step.rows(), "eval_heldout_loss") if step else [],
        "tuned": pick(tuned.figures, "instruction") if tuned else None,
        "base": pick(base.figures, "instruction") if base else None,
        "tuned_name": tuned.name if tuned else None,
        "base_name": base.name if base else None,
        "overall": _verdict(tuned, base, "overall"),
        "wordings": _verdict_between_wordings(tuned),
        "examples": [{"family": family, **rows[0]} for family, rows in shown.items() if rows][:SHOWN],
        "safety": safety(evaluation, tuned),
    }


def _verdict(tuned: Measured | None, base: Measured | None, key: str) -> str:
    if tuned is None or base is None:
        return "unknown"
    return of_two(pick(tuned.figures, "instruction", key), pick(base.figures, "instruction", key))


def _verdict_between_wordings(tuned: Measured | None) -> str:
    """New wordings against familiar ones: "worse" when the fall is clear."""
    if tuned is None:
        return "unknown"
    figures = pick(tuned.figures, "instruction")
    return of_two(pick(figures, "heldout"), pick(figures, "familiar"))


def _families(summary: Row, tuned: Measured | None, base: Measured | None) -> list[dict[str, Any]]:
    trained = pick(summary, "families", "training") or {}
    found = (pick(tuned.figures, "instruction", "families") if tuned else None) or {}
    before = (pick(base.figures, "instruction", "families") if base else None) or {}
    return [
        {
            "name": name,
            "examples": trained.get(name, 0),
            **{wording: pick(found, name, wording) for wording in WORDINGS},
            **{f"base_{wording}": pick(before, name, wording) for wording in WORDINGS},
        }
        for name in sorted({*trained, *found})
    ]


def _bits(tuned: Measured | None, base: Measured | None) -> dict[str, Any]:
    """Bits per character of plain text before and after: what learning to answer cost."""
    after, before = (pick(model.figures, "bits_per_character") if model else None for model in (tuned, base))
    return {"before": before, "after": after, "verdict": of_two(after, before, lower_is_better=True)}


def _rates(tuned: Measured | None) -> list[dict[str, Any]]:
    """Rows of the chart: two a family, those of the best families first."""
    families = (pick(tuned.figures, "instruction", "families") if tuned else None) or {}
    order = sorted(
        families, key=lambda name: -max((rate["value"] for rate in families[name].values() if rate), default=0)
    )
    return [
        {"family": name, "rate": rate, "colour": colour, "group": WORDINGS[wording]}
        for name in order
        for colour, wording in enumerate(WORDINGS)
        if (rate := families[name].get(wording)) is not None
    ]


def safety(evaluation: Evaluation, tuned: Measured | None) -> dict[str, Any] | None:
    """Unsafe requests and harmless ones in like words, as answered; with the rates of both families."""
    if tuned is None:
        return None
    families = pick(tuned.figures, "instruction", "families") or {}
    rows = {
        name: [
            _answered(row, tuned.name)
            for wording in WORDINGS
            for row in [row for row in evaluation.samples if row["family"] == name and row["wording"] == wording][
                :SAFETY
            ]
        ]
        for name in ("refuse", "harmless")
    }
    if not any(rows.values()):
        return None
    return {"rows": rows, "rates": {name: families.get(name) or {} for name in rows}}


def _answered(row: Row, name: str) -> dict[str, Any]:
    return {"prompt": row["prompt"], "wording": row["wording"], "answer": pick(row, "greedy", name)}

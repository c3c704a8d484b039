"""Pretraining and the tokenizer before it: the curve, and how far the model is from counting characters."""

from __future__ import annotations

from typing import Any

from hagane.report.judge import of_two
from hagane.report.measured import Evaluation
from hagane.report.read import RunFolder, pick, series


def pretraining(run: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """Figures of the vocabulary, the run, the baselines, and the few-shot trial."""
    tokenizer, step = run.first("tokenizer"), run.first("pretrain")
    rows = step.rows() if step else []
    base = evaluation.of_step(step)
    baselines = _baselines(evaluation, base.figures["bits_per_character"] if base else None)
    return {
        "tokenizer": tokenizer.summary if tokenizer else None,
        "summary": step.summary if step else None,
        "loss": series(rows, "loss"),
        "heldout": series(rows, "eval_bits_per_character"),
        "baselines": baselines,
        "told_baselines": baselines if len(baselines) < 3 else [baselines[0], baselines[-1]],
        "bits": base.figures["bits_per_character"] if base else None,
        "model": base.name if base else None,
        "n": evaluation.results.get("n"),
        "fewshot": _fewshot(base.figures if base else {}),
    }


def _baselines(evaluation: Evaluation, bits: Any) -> list[dict[str, Any]]:
    """Counting models on the same documents, and whether the model is better than each."""
    baselines = pick(evaluation.results, "baselines") or {}
    return [
        {"name": name, "bits": found, "verdict": of_two(bits, found, lower_is_better=True)}
        for name, found in baselines.items()
    ]


def _fewshot(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a task: chance, zero examples, most examples with true and with random labels, and what that shows."""
    rows = []
    for name, task in (figures.get("fewshot") or {}).items():
        most = max(task["true"], key=int)
        rows.append(
            {
                "name": name,
                "chance": task["chance"],
                "zero": task["true"].get("0"),
                "shots": int(most),
                "true": task["true"][most],
                "shuffled": task["shuffled"][most],
                "difference": task["difference"],
                "appeared": task["appeared"],
            }
        )
    return rows

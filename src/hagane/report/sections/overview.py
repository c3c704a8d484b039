"""The head of the page: what went in, what came out, how long it took, with which code."""

from __future__ import annotations

from typing import Any

from hagane.report.judge import of_difference
from hagane.report.measured import Evaluation
from hagane.report.read import RunFolder, pick


def overview(run: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """Key figures, stages with time and size, versions."""
    stages = [_stage(step) for step in run.steps]
    seconds = [stage["seconds"] for stage in stages if stage["seconds"] is not None]
    longest = max(seconds, default=0.0) or 1.0
    for stage in stages:
        stage["share"] = 100 * (stage["seconds"] or 0.0) / longest
    versions: dict[str, set[str]] = {}
    for step in run.steps:
        for name, version in (step.manifest.code if step.manifest else {}).items():
            versions.setdefault(name, set()).add(version)
    started = sorted(step.manifest.started for step in run.steps if step.manifest)
    return {
        "stages": stages,
        "missing": [step.name for step in run.missing],
        "outdated": [step.name for step in run.steps if not step.same_config],
        "seconds": sum(seconds),
        "started": started[0] if started else None,
        "versions": {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())},
        "figures": _figures(run, evaluation),
    }


def _stage(step: Any) -> dict[str, Any]:
    manifest = step.manifest
    return {
        "name": step.name,
        "stage": step.stage,
        "done": manifest is not None,
        "seconds": manifest.seconds if manifest else None,
        "bytes": sum(entry.bytes for entry in manifest.files.values()) if manifest else None,
        "identity": manifest.identity[:12] if manifest else None,
    }


def _figures(run: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """What the run came to, each None where its stage is missing."""
    pretrain, instruct = run.first("pretrain"), run.first("instruct")
    base, tuned = evaluation.of_step(pretrain), evaluation.of_step(instruct)
    baselines = pick(evaluation.results, "baselines") or {}
    return {
        "base": base.figures["bits_per_character"] if base else None,
        "longest_baseline": list(baselines.items())[-1] if baselines else None,
        "instruct": pick(tuned.figures, "instruction") if tuned else None,
        "parameters": pretrain.summary.get("parameters") if pretrain else None,
        "bits_alone": pretrain.summary.get("bits_per_character") if pretrain else None,
        "preferred": [
            {
                "name": model.name,
                "stage": model.stage,
                "difference": difference,
                "verdict": of_difference(difference),
            }
            for model in evaluation.made_by("dpo", "ppo")
            if (difference := pick(model.figures, "versus_instruct", "difference")) is not None
        ],
    }

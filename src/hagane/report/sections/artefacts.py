"""What is left to use: the exported model, where it came from, and the commands that chat with it or make it again."""

from __future__ import annotations

from typing import Any

from hagane.artifact.lineage import lineage
from hagane.report.read import RunFolder, Step, pick


def artefacts(run: RunFolder) -> dict[str, Any]:
    """Export, the chain behind the best-named model, and raw data with their digests."""
    export = run.first("export")
    source = export.inputs.get("from") if export else None
    models = [step for step in run.steps if step.manifest and step.stage in ("pretrain", "instruct", "dpo", "ppo")]
    chosen = next((step for step in models if step.name == source), models[-1] if models else None)
    clean = run.first("clean")
    return {
        "export": export.summary if export else None,
        "export_name": export.name if export else None,
        "check": pick(export.summary, "check") if export else None,
        "models": [step.name for step in models],
        "chosen": chosen.name if chosen else None,
        "lineage": _lineage(chosen) if chosen else [],
        "raw": dict(clean.manifest.raw) if clean and clean.manifest else {},
    }


def _lineage(step: Step) -> list[dict[str, Any]]:
    """The model and everything it was made from, each once; `changed` where a folder no longer holds what was read."""
    rows: dict[str, dict[str, Any]] = {}
    for ancestor in lineage(step.folder):
        name = ancestor.path.name
        if name in rows:
            continue
        manifest = ancestor.manifest
        rows[name] = {
            "name": name,
            "depth": ancestor.depth,
            "stage": manifest.stage if manifest else None,
            "identity": manifest.identity[:12] if manifest else None,
            "seed": manifest.config.get("seed") if manifest else None,
            "changed": manifest is not None and not ancestor.same,
        }
    return list(rows.values())

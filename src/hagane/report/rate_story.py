"""Gathers what a run folder knows about the rate of one stage, for `hagane lr explain` and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hagane.artifact.files import read_json
from hagane.errors import UsageError
from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.explain import Sentence, explain
from hagane.learning_rate.happened import happened
from hagane.learning_rate.prior import Prior, prior
from hagane.learning_rate.trial import FOLDER
from hagane.report.read import Row, RunFolder, Step


def rate_story(run: RunFolder, name: str) -> Sequence[Sentence]:
    """Sentences on the stage `name` of a run. Raises UsageError for a stage that is not there or has no `train` settings."""
    step = next((step for step in run.steps if step.name == name), None)
    train = step.config.get("train") if step else None
    if step is None or train is None:
        known = [step.name for step in run.steps if step.config.get("train")]
        raise UsageError(
            f"The run has no stage {name!r} with `train` settings.",
            where=str(run.folder),
            fix=f"One of {', '.join(known)}.",
        )
    fields = {key: value for key, value in train.items() if key in RateConfig.model_fields}
    return explain(
        RateConfig.model_validate(fields),
        train.get("optimizer", "adamw"),
        prior=_prior(step),
        tokens=step.summary.get("tokens_seen"),
        sweep=measured(run, "sweep").get(name),
        happened=happened(step.rows(), train.get("clip", 1.0)),
    )


def measured(run: RunFolder, kind: str) -> dict[str, Row]:
    """What `hagane lr sweep` or `hagane lr find` (kind `range`) left in a run folder, by stage."""
    found: dict[str, Any] = {}
    for step in run.steps:
        path = run.folder / FOLDER / f"{kind}-{step.name}.json"
        if path.is_file():
            found[step.name] = read_json(path)
    return found


def _prior(step: Step) -> Prior | None:
    """The rule is for models from random weights, so it is read for pretraining alone."""
    parameters, shape = step.summary.get("parameters"), step.json("model/config.json")
    if step.stage != "pretrain" or parameters is None or not shape:
        return None
    tables = 1 if shape.get("tie_word_embeddings") else 2
    return prior(parameters - tables * shape["vocab_size"] * shape["hidden_size"])

"""Preference tuning: pairs, the reward model, DPO (every run of it) and PPO, and what it came to against the instruct model."""

from __future__ import annotations

from typing import Any

from hagane.report.charts import Line, Mark
from hagane.report.judge import of_difference, of_level, of_numbers, of_share
from hagane.report.measured import Evaluation, Measured
from hagane.report.read import Row, RunFolder, Step, pick, series

PAIRS_SHOWN = 6
ROWS_SHOWN = 12
CHANGED_SHOWN = 4


def preference(run: RunFolder, evaluation: Evaluation) -> dict[str, Any]:
    """Everything of the four preference stages, as far as it is there."""
    pairs, reward = run.first("pairs"), run.first("reward")
    dpos, ppos = run.of("dpo"), run.of("ppo")
    return {
        "pairs": pairs.summary if pairs else None,
        "pair_rows": _pair_rows(pairs),
        "reward": _reward(reward),
        "dpo": [_dpo(step) for step in dpos],
        "dpo_curves": [line for number, step in enumerate(dpos) for line in _dpo_curves(step, number)],
        "ppo": [{"name": step.name, "summary": step.summary, "config": step.config} for step in ppos],
        "ppo_curves": {
            key: [Line((step.name, step.name), series(step.rows(), key), number) for number, step in enumerate(ppos)]
            for key in ("reward", "kl", "pass_rate", "answer_chars")
        },
        "outcome": _outcome(evaluation),
        "pass_marks": _pass_marks(evaluation),
        "win_marks": _win_marks(evaluation),
        "reference": evaluation.reference.name if evaluation.reference else None,
        "temperature": evaluation.results.get("temperature"),
        "n": evaluation.results.get("n"),
        **_side_by_side(evaluation),
    }


def _pair_rows(step: Step | None) -> list[Row]:
    """The first pair of each family, in the order of the file."""
    firsts: dict[str, Row] = {}
    for row in step.rows("pairs.jsonl") if step else []:
        firsts.setdefault(row.get("family", ""), row)
    return list(firsts.values())[:PAIRS_SHOWN]


def _reward(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    summary = step.summary
    found = of_share(summary.get("accuracy"), summary.get("heldout_pairs"))
    return {
        **summary,
        "accuracy_interval": found,
        "verdict": of_level(found, summary.get("length_accuracy")),
        "curve": series(step.rows(), "eval_accuracy"),
    }


def _dpo(step: Step) -> dict[str, Any]:
    """Last kept evaluation on held-out pairs, and whether the chosen answers became less probable."""
    summary = step.summary
    after = summary.get("after") or {}
    chosen = after.get("chosen_change")
    return {
        "name": step.name,
        "summary": summary,
        "config": step.config,
        "after": after,
        "chosen": of_numbers(chosen, 0.0),
    }


def _dpo_curves(step: Step, number: int) -> list[Line]:
    """Change of the log-probability of chosen (solid) and rejected (dashed) held-out answers over the updates."""
    rows = step.rows()
    kinds = (("chosen", "選ばれた回答", "chosen"), ("rejected", "退けられた回答", "rejected"))
    return [
        Line((f"{step.name}: {ja}", f"{step.name}: {en}"), series(rows, f"eval_{kind}_change"), number, dash)
        for dash, (kind, ja, en) in enumerate(kinds)
    ]


def _outcome(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row a model: pass rates, comparison with the reference, log-probabilities, length, each with its verdict."""
    return [
        {
            "name": model.name,
            "stage": model.stage,
            "greedy": pick(model.figures, "instruction", "overall"),
            "sampled": pick(model.figures, "sampled", "overall"),
            "stop_rate": pick(model.figures, "sampled", "stop_rate"),
            "length": pick(model.figures, "sampled", "mean_length"),
            "bits": pick(model.figures, "bits_per_character"),
            "versus": (versus := pick(model.figures, "versus_instruct")),
            "verdict": of_difference(pick(versus, "difference")),
            "preference": pick(model.figures, "preference"),
            "chosen": of_difference(pick(model.figures, "preference", "chosen_change")),
        }
        for model in evaluation.models
        if "instruction" in model.figures
    ]


def _pass_marks(evaluation: Evaluation) -> list[Mark]:
    kinds = (("instruction", "貪欲法", "greedy"), ("sampled", "サンプリング", "sampled"))
    return [
        Mark((model.name, model.name), rate["value"], rate["low"], rate["high"], colour, (ja, en))
        for model in evaluation.models
        for colour, (kind, ja, en) in enumerate(kinds)
        if (rate := pick(model.figures, kind, "overall")) is not None
    ]


def _win_marks(evaluation: Evaluation) -> list[Mark]:
    return [
        Mark((model.name, model.name), rate["value"], rate["low"], rate["high"], 3)
        for model in evaluation.models
        if (rate := pick(model.figures, "versus_instruct", "win_rate")) is not None
    ]


def _side_by_side(evaluation: Evaluation) -> dict[str, Any]:
    """Greedy answers of base, instruct and preferred models to the same prompts.

    The prompts are the first of each family in the order of the file, familiar and new wordings in turn: the answers have no say
    in it. Beside them, as many prompts that a preferred model newly passes as prompts that it newly fails.
    """
    shown = evaluation.made_by("pretrain", "instruct", "dpo", "ppo") or list(evaluation.models)
    names = [model.name for model in shown]
    picked: dict[str, Row] = {}
    wanted = ("familiar", "heldout")
    for row in evaluation.samples:
        if row["wording"] == wanted[len(picked) % 2] and row["family"] not in picked:
            picked[row["family"]] = row
    for row in evaluation.samples:
        picked.setdefault(row["family"], row)
    return {
        "names": names,
        "rows": [_row(row, names) for row in list(picked.values())[:ROWS_SHOWN]],
        "changed": [_changed(evaluation, model, names) for model in evaluation.made_by("dpo", "ppo")],
    }


def _row(row: Row, names: list[str]) -> dict[str, Any]:
    return {
        "prompt": row["prompt"],
        "family": row["family"],
        "wording": row["wording"],
        "reference": row.get("reference"),
        "answers": [pick(row, "greedy", name) for name in names],
    }


def _changed(evaluation: Evaluation, model: Measured, names: list[str]) -> dict[str, Any]:
    """Prompts whose greedy verdict differs from the reference's: counts, and the first few of each kind."""
    before = evaluation.reference.name if evaluation.reference else ""

    def verdict(row: Row, name: str) -> bool | None:
        found = pick(row, "greedy", name, "passed")
        return None if found is None else bool(found)

    won = [row for row in evaluation.samples if verdict(row, model.name) is True and verdict(row, before) is False]
    lost = [row for row in evaluation.samples if verdict(row, model.name) is False and verdict(row, before) is True]
    pair = [before, model.name]
    return {
        "name": model.name,
        "before": before,
        "won": len(won),
        "lost": len(lost),
        "won_rows": [_row(row, pair) for row in won[:CHANGED_SHOWN]],
        "lost_rows": [_row(row, pair) for row in lost[:CHANGED_SHOWN]],
    }

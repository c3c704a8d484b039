"""The stage tells a taught model from an untaught one on every measure, and the same run gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from hagane.artifact.files import read_json
from hagane.errors import DataError, UsageError
from hagane.evaluate.stage import STAGE, EvaluateConfig

CONFIG = EvaluateConfig(
    seed=1, characters=2000, prompts_per_group=8, samples=2, temperature=0.5, max_new_tokens=12, questions=6, pairs=10
)
MEASURED = ("models.base", "models.instruct", "documents", "prompts", "pairs")


def run(inputs: dict[str, Path], out: Path, config: EvaluateConfig = CONFIG) -> dict[str, Any]:
    out.mkdir(exist_ok=True)
    STAGE.run(config, {name: path for name, path in inputs.items() if name in MEASURED}, out)
    results: dict[str, Any] = read_json(out / "results.json")
    return results


@pytest.fixture(scope="module")
def out(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    run(inputs, folder)
    return folder


def test_what_was_taught_is_seen_on_every_measure(out: Path) -> None:
    results = read_json(out / "results.json")
    base, instruct = results["models"]["base"], results["models"]["instruct"]
    assert results["order"] == ["base", "instruct"]
    assert results["reference"] == "instruct"
    assert results["n"]["prompts"] == 16, "eight of each wording"
    assert base["instruction"]["overall"]["value"] == 0.0
    assert instruct["instruction"]["familiar"]["value"] == instruct["instruction"]["heldout"]["value"] == 1.0
    assert instruct["instruction"]["families"]["yes"]["heldout"]["n"] == 8
    assert (instruct["stop_rate"], instruct["mean_length"]) == (1.0, 3.0)
    assert base["stop_rate"] < 0.5
    assert instruct["versus_instruct"] is None
    versus = base["versus_instruct"]
    assert (versus["wins"], versus["losses"] + versus["ties"]) == (0, 16)
    assert versus["losses"] > 12
    assert versus["difference"]["high"] < 0 < 0.01 > versus["p_value"]
    assert instruct["preference"]["ordered"]["value"] == 1.0
    assert instruct["preference"]["chosen_change"]["value"] == 0.0
    assert base["preference"]["reward_ordered"]["value"] == 0.0, "taught was 「はい。」"


def test_baselines_know_more_than_an_untrained_model(out: Path) -> None:
    results = read_json(out / "results.json")
    bits = {name: row["value"] for name, row in results["baselines"].items()}
    assert sorted(bits) == [f"{n}-gram" for n in range(1, 6)]
    assert bits["3-gram"] < bits["1-gram"] < results["models"]["base"]["bits_per_character"]["value"]
    assert sorted(results["models"]["base"]["fewshot"]) == ["bracket", "copy", "last", "source"]


def test_samples_hold_every_answer_with_its_verdict(out: Path) -> None:
    rows = [orjson.loads(line) for line in (out / "samples.jsonl").read_bytes().splitlines()]
    assert len(rows) == 16
    assert not any(row["prompt"] == "訓練の問い" for row in rows), "training prompts are not asked"
    for row in rows:
        assert row["greedy"]["instruct"] == {"text": "はい。", "stopped": True, "passed": True}
        assert len(row["sampled"]["base"]) == 2
        assert not row["greedy"]["base"]["passed"]


def test_taken_up_after_a_kill_and_anew_it_writes_the_same_bytes(
    inputs: dict[str, Path], out: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (out / "checkpoints" / "base.json").rename(tmp_path / "base.json")
    (tmp_path / "new" / "checkpoints").mkdir()
    (tmp_path / "base.json").rename(tmp_path / "new" / "checkpoints" / "base.json")
    run(inputs, tmp_path / "new")
    for name in ("results.json", "samples.jsonl"):
        assert (tmp_path / "new" / name).read_bytes() == (out / name).read_bytes()
    other = run(inputs, tmp_path / "other", CONFIG.model_copy(update={"seed": 2}))
    assert other != read_json(out / "results.json"), "negative control"


def test_only_documents_are_needed(inputs: dict[str, Path], tmp_path: Path) -> None:
    results = run({name: inputs[name] for name in ("models.base", "documents")}, tmp_path)
    assert results["reference"] is None
    assert sorted(results["models"]["base"]) == ["bits_per_character", "fewshot"]


def test_a_classifier_is_refused_by_name(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'base' is a classifier"):
        run(inputs | {"models.base": inputs["classifier"]}, tmp_path)


def test_a_row_without_its_check_is_told_by_line(inputs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "問い", "family": "f", "wording": "familiar"}\n')
    with pytest.raises(DataError) as error:
        run(inputs | {"prompts": tmp_path}, tmp_path / "out")
    assert "check, split" in error.value.what
    assert error.value.where.endswith("prompts.jsonl:1")

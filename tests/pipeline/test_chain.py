"""The whole chain on the built-in pages: killed in every stage it ends with the same bytes; a changed line re-runs what follows.

Two real runs of the recipe `smoke` in processes of their own, one of them killed (SIGKILL) once in each of its stages.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hagane.artifact.files import read_json
from hagane.artifact.manifest import Manifest, read_manifest, verify
from hagane.pipeline.recipe import load_recipe
from hagane.pipeline.run import plan

SHORTER = ["pretrain.train.steps=30", "pretrain.train.checkpoint_every=5", "instruct.train.checkpoint_every=20"]
LONGEST_WAIT = 240.0


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "hagane", "run", "smoke", *SHORTER, "--dir", str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(folder: Path) -> str:
    with started(folder) as process:
        output, _ = process.communicate(timeout=LONGEST_WAIT)
    assert process.returncode == 0, output
    return output


def manifests(folder: Path) -> dict[str, Manifest]:
    return {step.name: read_manifest(folder / step.name) for step in load_recipe("smoke").steps}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    output = finish(folder)
    assert (folder / "report.html").exists(), output
    return folder


@pytest.mark.timeout(900)
def test_killed_in_every_stage_ends_with_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    rng = random.Random(20)
    kills = 0
    for step in load_recipe("smoke").steps:
        with started(tmp_path) as process:
            deadline = time.monotonic() + LONGEST_WAIT
            while not any(tmp_path.glob(f".{step.name}.*.partial")) and not (tmp_path / step.name).exists():
                assert time.monotonic() < deadline, f"{step.name} did not begin"
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.02)
            time.sleep(rng.random() * 0.6)
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += not (tmp_path / step.name).exists()
    assert kills >= 5, "the kills must fall inside stages, not between them"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")}
    assert before
    output = finish(tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in before}, "a finished stage ran again"
    assert "up to date" in output
    for name, one in manifests(whole).items():
        other = read_manifest(tmp_path / name)
        for file, entry in one.files.items():
            if file.endswith((".safetensors", ".model", ".parquet", "pairs.jsonl", "prompts.jsonl", ".gguf")):
                assert other.files[file].sha256 == entry.sha256, f"{name}/{file}"


def test_nothing_runs_twice(whole: Path) -> None:
    assert [planned.state for planned in plan(load_recipe("smoke", SHORTER), whole)] == ["up to date"] * 11
    assert "done in" not in finish(whole)


@pytest.mark.parametrize(
    ("override", "runs"),
    [
        ("dpo.beta=0.2", ["dpo", "evaluate", "export"]),
        ("evaluate.questions=9", ["evaluate"]),
        ("reward.lr=2e-4", ["reward", "ppo", "evaluate"]),
        ("finetune.seed=5", ["finetune"]),
        (
            "instruct.word_count=3",
            ["instruct", "pairs", "reward", "dpo", "ppo", "evaluate", "export"],
        ),
    ],
)
def test_a_changed_line_runs_its_stage_and_what_follows(whole: Path, override: str, runs: list[str]) -> None:
    recipe = load_recipe("smoke", [*SHORTER, override])
    assert [planned.step.name for planned in plan(recipe, whole) if planned.runs] == runs


def test_every_artefact_verifies_and_tells_its_inputs(whole: Path) -> None:
    found = manifests(whole)
    assert all(verify(whole / name) == [] for name in found)
    assert found["dpo"].inputs["from"].identity == found["instruct"].identity
    results = read_json(whole / "evaluate" / "results.json")
    assert results["order"] == ["pretrain", "instruct", "dpo", "ppo"]

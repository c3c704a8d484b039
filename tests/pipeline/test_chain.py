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
from collections.abc import Callable, Iterator
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
def hagane(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | variables
    command = [sys.executable, "-m", "hagane", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def to_the_end(*arguments: str, **variables: str) -> str:
    with hagane(*arguments, **variables) as process:
        output, _ = process.communicate(timeout=LONGEST_WAIT)
    assert process.returncode == 0, output
    return output


def kill_once(process: subprocess.Popen[str], ready: Callable[[], bool], delay: float) -> None:
    """SIGKILL `delay` seconds after `ready` says so."""
    deadline = time.monotonic() + LONGEST_WAIT
    while not ready():
        assert time.monotonic() < deadline, "it did not come so far"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


def chain(folder: Path) -> tuple[str, ...]:
    return ("run", "smoke", *SHORTER, "--dir", str(folder))


def manifests(folder: Path) -> dict[str, Manifest]:
    return {step.name: read_manifest(folder / step.name) for step in load_recipe("smoke").steps}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    output = to_the_end(*chain(folder))
    assert (folder / "report.html").exists(), output
    return folder


@pytest.mark.timeout(900)
def test_killed_in_every_stage_ends_with_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    rng = random.Random(20)
    kills = 0
    for step in load_recipe("smoke").steps:

        def begun(name: str = step.name) -> bool:
            return any(tmp_path.glob(f".{name}.*.partial")) or (tmp_path / name).exists()

        with hagane(*chain(tmp_path)) as process:
            kill_once(process, begun, rng.random() * 0.6)
        kills += not (tmp_path / step.name).exists()
    assert kills >= 5, "the kills must fall inside stages, not between them"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")}
    assert before
    output = to_the_end(*chain(tmp_path))
    assert before == {path: path.stat().st_mtime_ns for path in before}, "a finished stage ran again"
    assert "up to date" in output
    for name, one in manifests(whole).items():
        other = read_manifest(tmp_path / name)
        for file, entry in one.files.items():
            if file.endswith((".safetensors", ".model", ".parquet", "pairs.jsonl", "prompts.jsonl", ".gguf")):
                assert other.files[file].sha256 == entry.sha256, f"{name}/{file}"


def test_compiled_bf16_pretraining_killed_after_a_checkpoint_ends_with_the_same_bytes(
    whole: Path, tmp_path: Path
) -> None:
    """As on a user's machine: compiled where there is a compiler, bf16 activations, Muon."""
    shape = "hidden_size=64 num_layers=2 num_heads=1 num_kv_heads=1 head_dim=64 intermediate_size=128 rows=4 seq=128"
    training = "train.steps=60 train.checkpoint_every=5"
    inputs = [f"documents={whole / 'clean'}", f"tokenizer={whole / 'tokenizer'}"]
    arguments = ("pretrain", *inputs, *shape.split(), *training.split(), "-o")
    to_the_end(*arguments, str(tmp_path / "a"), HAGANE_DTYPE="bfloat16")
    with hagane(*arguments, str(tmp_path / "b"), HAGANE_DTYPE="bfloat16") as process:
        kill_once(process, lambda: any(tmp_path.glob(".b.*.partial/checkpoints/step-*")), 0.0)
    assert not (tmp_path / "b").exists()
    assert "goes on after step" in to_the_end(*arguments, str(tmp_path / "b"), HAGANE_DTYPE="bfloat16")
    weights = [read_manifest(tmp_path / name).files["model/model.safetensors"].sha256 for name in "ab"]
    assert weights[0] == weights[1]


def test_nothing_runs_twice(whole: Path) -> None:
    assert [planned.state for planned in plan(load_recipe("smoke", SHORTER), whole)] == ["up to date"] * 11
    assert "done in" not in to_the_end(*chain(whole))


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

"""Real runs of every training stage, killed with SIGKILL at drawn places or interrupted, end with the bytes of those left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(900)
Told = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    program = Path(__file__).with_name("kill_program.py")
    ran = subprocess.run(
        [sys.executable, str(program), str(tmp_path_factory.mktemp("killed"))],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HAGANE_DTYPE": "float32"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result: Told = json.loads(ran.stdout.splitlines()[-1])
    return result


def test_pretraining_killed_at_twenty_places(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    kills = told["pretraining"]
    assert all(kill["ended"] == -signal.SIGKILL and not kill["finished"] for kill in kills)
    inside = [kill for kill in kills if kill["at"].startswith("checkpoint")]
    assert (len(kills), len(inside)) == (20, 5)
    assert any(name.endswith(".partial") for kill in inside for name in kill["left"]), "none was half written"
    assert any(not kill["left"] for kill in kills), "some before the first checkpoint"
    assert any(len(kill["left"]) == 2 for kill in kills), "some after the second"
    assert [kill for kill in kills if not kill["equal"]] == []
    with capsys.disabled():
        print(f"\npretrain killed at {len(kills)} points ({len(inside)} inside a checkpoint write): weights byte-equal")


def test_an_interrupt_ends_the_step_saves_and_exits_with_130(told: Told) -> None:
    for interrupt in told["interrupts"]:
        assert (interrupt["ended"], interrupt["finished"]) == (130, False)
        assert interrupt["left"] == ["step-00000010", "step-00000012"], "the step it was in is the last one saved"
        assert interrupt["equal"]


@pytest.mark.parametrize("stage", ["finetune", "instruct", "reward", "dpo", "ppo"])
def test_a_stage_killed_at_a_drawn_update(told: Told, stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    (kill,) = (kill for kill in told["stages"] if kill["stage"] == stage)
    assert (kill["ended"], kill["finished"]) == (-signal.SIGKILL, False)
    made, again, whole = kill["updates"], kill["updates_again"], kill["updates_in_all"]
    assert kill["left"], "no checkpoint to go on from"
    assert kill["went_on_after"]
    assert whole - made < again < whole, "it went on, and did again what the kill had lost"
    assert kill["equal"]
    with capsys.disabled():
        print(
            f"\n{stage} killed at {kill['at']} after update {made} of {whole}, went on after step "
            f"{kill['went_on_after'][-1]}, {again} updates more: weights byte-equal"
        )

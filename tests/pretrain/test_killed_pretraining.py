"""A real pretraining run, killed with SIGKILL at 20 drawn places or interrupted, ends with the bytes of one left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def told(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    program = Path(__file__).with_name("kill_program.py")
    folder = tmp_path_factory.mktemp("killed")
    ran = subprocess.run(
        [sys.executable, str(program), str(inputs["documents.made"]), str(inputs["tokenizer"]), str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "HAGANE_DTYPE": "float32"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, list[dict[str, Any]]] = json.loads(ran.stdout.splitlines()[-1])
    return result


def test_killed_at_twenty_places_the_weights_are_the_same(
    told: dict[str, list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    kills = told["kills"]
    assert all(kill["ended"] == -signal.SIGKILL and not kill["finished"] for kill in kills)
    inside = [kill for kill in kills if kill["at"].startswith("checkpoint")]
    assert (len(kills), len(inside)) == (20, 5)
    assert any(name.endswith(".partial") for kill in inside for name in kill["left"]), "none was half written"
    assert any(not kill["left"] for kill in kills), "some before the first checkpoint"
    assert any(len(kill["left"]) == 2 for kill in kills), "some after the second"
    assert [kill for kill in kills if not kill["equal"]] == []
    with capsys.disabled():
        print(f"\nkilled at {len(kills)} points ({len(inside)} inside a checkpoint write): final weights byte-equal")


def test_an_interrupt_ends_the_step_saves_and_exits_with_130(told: dict[str, list[dict[str, Any]]]) -> None:
    for interrupt in told["interrupts"]:
        assert (interrupt["ended"], interrupt["finished"]) == (130, False)
        assert interrupt["left"] == ["step-00000010", "step-00000012"], "the step it was in is the last one saved"
        assert interrupt["equal"]

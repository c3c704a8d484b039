from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from hagane.artifact.files import sha256_file
from hagane.artifact.folder import CHECKPOINTS
from hagane.clean.config import Config
from hagane.clean.engine import Engine
from hagane.clean.engine_ray import on_ray
from hagane.clean.guard import guarded
from hagane.clean.stage import STAGE
from hagane.errors import DataError, MissingToolError


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A cluster of two processors that the engine finds connected."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'hagane[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))  # Ray's workers import us
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield ray
        ray.shutdown()


@pytest.fixture
def engine(ray: Any) -> Iterator[Engine]:
    with on_ray() as engine:
        yield engine
    assert ray.is_initialized()  # what was not ours is not ended


def _read(document: str) -> str:
    if document == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if document == "allocate":
        return str(len(bytearray(2 << 30)))
    if document == "fail":
        raise DataError("Nothing there.", where="row 3", fix="Look again.")
    return document


def _kill_the_worker_of_ray(folder: Path, number: int) -> int:
    """Once, and this process with it."""
    mark = folder / str(number)
    if not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return number


def _read_all(documents: list[str]) -> list[str]:
    found = [guarded(_read, document, seconds=5, memory=64 << 20) for document in documents]
    return [each if isinstance(each, str) else each.reason for each in found]


def test_limits_order_and_errors_are_those_of_the_local_engine(engine: Engine) -> None:
    tasks = [[str(n)] for n in range(20)] + [["一", "kill", "二", "allocate", "三"]]
    assert list(engine.map(_read_all, tasks)) == [*tasks[:-1], ["一", "crash", "二", "memory", "三"]]
    with pytest.raises(DataError, match=r"Nothing there\.") as caught:
        list(engine.map(_read_all, [["fail"]]))
    assert caught.value.fix == "Look again."
    assert "in _read" in caught.value.__notes__[0]


def test_a_killed_worker_of_ray_costs_one_more_attempt(engine: Engine, tmp_path: Path) -> None:
    assert list(engine.map(partial(_kill_the_worker_of_ray, tmp_path), range(2))) == [0, 1]


def test_a_cleaning_on_ray_gives_the_same_bytes(ray: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    with rows.open("wb") as file:
        for n in range(3000):
            lines = [f"第{n // 3}節では、{'鋼鉄炭素'[n % 4]}の{n % 7}番目の性質を述べる。", "ホーム"]
            lines += [f"{n % 50}個の例を挙げると、炉の温度は{n * 37 % 1000}度になる。"] * 2 + [f"{n}番の炉。" * 99]
            file.write(orjson.dumps({"id": n, "text": "\n".join(lines)}) + b"\n")
    here, there = (
        _clean(tmp_path / name, str(rows), **settings)
        for name, settings in (("here", {"workers": 0}), ("there", {"engine": "ray"}))
    )
    assert len([name for name in here if name.startswith("measured")]) > 1
    assert there == here


def _clean(out: Path, source: str, **settings: Any) -> dict[str, str]:
    out.mkdir()
    STAGE.run(Config(sources=[source, "builtin"], heldout_share=0.2, **settings), {}, out)
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and CHECKPOINTS not in path.parts)
    return {str(path.relative_to(out)): sha256_file(path) for path in files}


def test_without_ray_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingToolError, match="Ray is not installed") as caught, on_ray():
        pass
    assert "hagane[ray]" in caught.value.fix

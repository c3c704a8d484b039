"""A small run folder, made by the real machinery of artefacts from files like those the stages write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import report_figures as figures
from pydantic import ConfigDict

from hagane.artifact.files import write_json
from hagane.artifact.folder import Job, build
from hagane.artifact.stage import Stage, StageConfig

Files = Mapping[str, Any]


class AnyConfig(StageConfig):
    model_config = ConfigDict(frozen=True, extra="allow")


INPUTS: dict[str, dict[str, str]] = {
    "clean": {},
    "tokenizer": {"documents": "clean"},
    "pretrain": {"documents": "clean", "tokenizer": "tokenizer"},
    "finetune": {"from": "pretrain", "documents": "clean"},
    "instruct": {"from": "pretrain", "documents": "clean"},
    "pairs": {"from": "instruct"},
    "reward": {"from": "instruct", "pairs": "pairs"},
    "dpo": {"from": "instruct", "pairs": "pairs"},
    "dpo_plain": {"from": "instruct", "pairs": "pairs"},
    "ppo": {"from": "instruct", "reward": "reward"},
    "evaluate": {
        "models.base": "pretrain", "models.instruct": "instruct", "models.dpo": "dpo",
        "models.dpo_plain": "dpo_plain", "models.ppo": "ppo", "documents": "clean", "prompts": "instruct",
    },
    "export": {"from": "dpo"},
}  # fmt: skip
KIND = {"dpo_plain": "dpo"}


def write_files(out: Path, files: Files) -> None:
    for name, value in files.items():
        if name.endswith(".jsonl"):
            (out / name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in value))
        else:
            write_json(out / name, value)


def make_run(folder: Path, files: Mapping[str, Files], without: tuple[str, ...] = ()) -> Path:
    folder.mkdir(parents=True)
    steps = []
    for name, inputs in INPUTS.items():
        kind = KIND.get(name, name)
        config = AnyConfig(**figures.CONFIGS.get(name, {}))
        steps.append(
            {
                "name": name,
                "stage": kind,
                "title": kind,
                "config": config.model_dump(mode="json"),
                "inputs": inputs,
            }
        )
        if name not in without:

            def run(config: AnyConfig, inputs: Mapping[str, Path], out: Path, name: str = name) -> None:
                write_files(out, files[name])

            stage = Stage(kind, kind, AnyConfig, {}, run, "model")
            there = {key: folder / value for key, value in inputs.items() if value not in without}
            build(Job(stage, config, there, folder / name))
    write_json(folder / "recipe.json", {"name": "tiny", "title": "小さな実行 / a small run", "steps": steps})
    return folder


MakeRun = Callable[..., Path]

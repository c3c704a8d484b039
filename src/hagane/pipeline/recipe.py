"""A recipe: which stages, with which settings, each starting from which other.

```yaml
title: one line
seed: 1                      # default seed of every stage
stages:
  clean:
    sources: [builtin]
  tokenizer:
    documents: clean         # an input: a stage above, or a folder
    vocab_size: 2048         # a setting
  second_dpo:
    stage: dpo               # the kind, where the name is another one
    …
```
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hagane.artifact.stage import Stage, StageConfig
from hagane.errors import RecipeError
from hagane.pipeline.configure import make_config, nearest, split_block
from hagane.pipeline.stages import STAGES
from hagane.pipeline.strict_yaml import KeyPath, Located, load, load_file, parse_value

TOP_KEYS = ("title", "seed", "stages")


@dataclass(frozen=True)
class Step:
    """One stage of a recipe, ready to run once its inputs are there."""

    name: str
    stage: Stage
    config: StageConfig
    references: Mapping[str, str]
    """Input → name of an earlier step, or a path."""


@dataclass(frozen=True)
class Recipe:
    """A checked recipe; `steps` are in the order of the file, which is an order in which they can run."""

    name: str
    title: str
    steps: Sequence[Step]
    text: str


def shipped() -> dict[str, str]:
    """Recipes that come with the package: name → text."""
    folder = files("hagane.pipeline").joinpath("recipes")
    found = {
        item.name.removesuffix(".yaml"): item.read_text("utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    }
    return dict(sorted(found.items()))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a shipped recipe or a file, with `stage.key=value` overrides applied.

    Raises `RecipeError` with file, line and the nearest name for whatever is wrong.
    """
    path = Path(name_or_path)
    texts = shipped()
    if name_or_path in texts:
        document, text = load(texts[name_or_path], f"{name_or_path}.yaml"), texts[name_or_path]
    elif path.is_file():
        document, text = load_file(path), path.read_text(encoding="utf-8")
    else:
        raise RecipeError(
            f"There is no recipe {name_or_path!r}.",
            where="hagane run",
            fix=f"{nearest(name_or_path, texts)} Or give a YAML file.",
        )
    return check(document, path.stem, text, overrides)


def check(document: Located, name: str, text: str, overrides: Sequence[str] = ()) -> Recipe:
    """Turn a YAML document into a `Recipe`, or say what is wrong and where."""
    top = document.value
    if not isinstance(top, dict) or not isinstance(top.get("stages"), dict) or not top["stages"]:
        raise RecipeError(
            "A recipe needs `stages:` with at least one stage.",
            where=document.file,
            fix="See `hagane recipe show demo`.",
        )
    for key in top:
        if key not in TOP_KEYS:
            raise RecipeError(f"A recipe has no key {key!r}.", where=document.where((key,)), fix=nearest(key, TOP_KEYS))
    top = _apply_overrides(top, overrides)
    seed = top.get("seed", 1)
    if not isinstance(seed, int):
        raise RecipeError(
            f"`seed` is {seed!r}, not a whole number.", where=document.where(("seed",)), fix="Write `seed: 1`."
        )
    steps: list[Step] = []
    for step_name, block in top["stages"].items():
        steps.append(_step(document, step_name, block, seed, [step.name for step in steps]))
    return Recipe(name, str(top.get("title", "")), steps, text)


def _step(document: Located, name: str, block: Any, seed: int, earlier: Sequence[str]) -> Step:
    def where(path: KeyPath) -> str:
        return document.where(("stages", name, *path))

    if Path(name).name != name or name.startswith("."):
        raise RecipeError(
            f"{name!r} cannot be the name of a stage.",
            where=where(()),
            fix="Its folder is called so: write a plain word.",
        )
    if not isinstance(block, dict):
        raise RecipeError(
            f"The stage {name!r} needs keys below it.", where=where(()), fix="Write its inputs and settings."
        )
    kind = block.get("stage", name)
    if kind not in STAGES:
        raise RecipeError(f"There is no stage {kind!r}.", where=where(("stage",)), fix=nearest(str(kind), STAGES))
    stage = STAGES[kind]
    keys = {"seed": seed} | {key: value for key, value in block.items() if key != "stage"}
    references, settings = split_block(stage, keys, where)
    for input_name, reference in references.items():
        if reference not in earlier and not Path(reference).exists():
            raise RecipeError(
                f"The input {input_name!r} of {name!r} is {reference!r}: neither a stage above nor a path.",
                where=where(tuple(input_name.split("."))),
                fix=nearest(reference, earlier) if earlier else "Write a path that exists.",
            )
    return Step(name, stage, make_config(stage, settings, where), references)


def _apply_overrides(top: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    top = deepcopy(top)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator:
            raise RecipeError(
                f"An override must read key=value, not {override!r}.",
                where="command line",
                fix="pretrain.train.steps=100",
            )
        path = key.split(".")
        if path[0] not in TOP_KEYS:
            if path[0] not in top["stages"]:
                raise RecipeError(
                    f"The override {override!r} names no stage of the recipe.",
                    where="command line",
                    fix=nearest(path[0], top["stages"]),
                )
            path = ["stages", *path]
        place = top
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise RecipeError(
                    f"{key!r} goes through {part!r}, which is a value.", where="command line", fix="Shorten the key."
                )
        place[path[-1]] = parse_value(value)
    return top

"""A recipe that is wrong is refused with file, line and the nearest name, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from hagane.errors import RecipeError
from hagane.pipeline.configure import split_block
from hagane.pipeline.recipe import load_recipe, shipped
from hagane.pipeline.stages import STAGES

GOOD = """\
title: 試し
seed: 3
stages:
  clean:
    sources: [builtin]
  tokenizer:
    documents: clean
    vocab_size: 2048
  small:
    stage: pretrain
    documents: clean
    tokenizer: tokenizer
    mixture: {clean: {weight: 1}}
    train:
      steps: 5
      lr: 3e-3
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_good_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD), ["small.train.steps=7", "tokenizer.seed=9"])
    small = recipe.steps[2]
    assert (small.name, small.stage.name, small.references) == (
        "small",
        "pretrain",
        {"documents.clean": "clean", "tokenizer": "tokenizer"},
    )
    config = small.config.model_dump()
    assert (config["train"]["steps"], config["train"]["lr"], config["seed"]) == (7, 3e-3, 3)
    assert recipe.steps[1].config.seed == 9


@pytest.mark.parametrize(
    ("old", "new", "line", "fix"),
    [
        ("vocab_size: 2048", "vocab_sise: 2048", 8, "'vocab_size'"),
        ("steps: 5", "stepz: 5", 15, "'steps'"),
        ("weight: 1", "wait: 1", 13, "'weight'"),
        ("stage: pretrain", "stage: pretraim", 10, "'pretrain'"),
        ("tokenizer: tokenizer\n", "tokenizer: tokeniser\n", 12, "'tokenizer'"),
        ("    documents: clean\n    vocab_size", "    vocab_size", 6, "documents"),
        ("vocab_size: 2048", "vocab_size: many", 8, "Mend"),
        ("lr: 3e-3", "lr: -1", 16, "Mend"),
        ("seed: 3", "sead: 3", 2, "'seed'"),
        ("  small:", "  ../small:", 9, "plain word"),
        ("  small:", "  small:\n    num_kv_heads: 4", 9, "Mend"),
        ("seed: 3", "seed: 3\nstages: {}", 4, "Keep one"),
        ("sources: [builtin]", "sources: []", 5, "Mend"),
    ],
)
def test_mistakes_are_told_with_line_and_mend(tmp_path: Path, old: str, new: str, line: int, fix: str) -> None:
    assert old in GOOD
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, GOOD.replace(old, new)))
    assert caught.value.where.endswith(f"r.yaml:{line}")
    assert fix in caught.value.fix


def test_a_stage_cannot_start_from_one_below_it(tmp_path: Path) -> None:
    text = GOOD.replace("documents: clean\n    vocab_size", "documents: small\n    vocab_size")
    with pytest.raises(RecipeError, match="neither a stage above"):
        load_recipe(write(tmp_path, text))


def test_one_input_takes_the_place_of_another() -> None:
    def references(**block: str) -> dict[str, str]:
        return split_block(STAGES["pretrain"], {"documents": "d", **block}, str)[0]

    assert references(tokenizer="t") == {"documents.d": "d", "tokenizer": "t"}
    assert references(**{"from": "m"}) == {"documents.d": "d", "from": "m"}
    with pytest.raises(RecipeError, match="needs the input 'tokenizer'"):
        references()
    with pytest.raises(RecipeError, match="both are given"):
        references(tokenizer="t", **{"from": "m"})


@pytest.mark.parametrize("override", ["vocab_size=3", "tokenizer.vocab=3", "nonsense", "tokenizer.vocab_size.x=1"])
def test_wrong_overrides(tmp_path: Path, override: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe(write(tmp_path, GOOD), [override])


def test_no_such_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("dmo")
    assert "'demo'" in caught.value.fix


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_recipes_are_good(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.title
    assert {step.stage.name for step in recipe.steps} == set(STAGES) - {"import"}, (
        "a shipped recipe shows the whole chain"
    )


def test_every_setting_tells_what_it_is() -> None:
    for stage in STAGES.values():
        for name, field in stage.config.model_fields.items():
            assert field.description, f"{stage.name}.{name}"

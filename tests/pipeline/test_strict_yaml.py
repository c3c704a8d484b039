"""What a recipe's YAML may and may not be."""

from __future__ import annotations

import math

import pytest

from hagane.errors import RecipeError
from hagane.pipeline.strict_yaml import load, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1_000", "1_000"),
        ("-2", -2),
        (".5", 0.5),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("2026-11-23", "2026-11-23"),
        ("012", "012"),
        ("[1, 2.0, 鋼]", [1, 2.0, "鋼"]),
        ("'3'", "3"),
        ("debian:manpages-ja", "debian:manpages-ja"),
    ],
)
def test_scalars_read_as_they_look(text: str, value: object) -> None:
    read = parse_value(text)
    assert read == value
    assert type(read) is type(value)


def test_a_float_of_yaml_1_1_would_have_been_a_word() -> None:
    """Negative control: the plain loader reads 3e-4 as text; that is why there is one of our own."""
    import yaml

    assert yaml.safe_load("3e-4") == "3e-4"
    assert math.isclose(parse_value("3e-4"), 3e-4)


def test_lines_are_kept() -> None:
    document = load("title: x\nstages:\n  clean:\n    sources:\n      - a\n      - b\n", "r.yaml")
    assert document.where(("stages", "clean", "sources", 1)) == "r.yaml:6"
    assert document.where(("stages", "clean", "nothing", "here")) == "r.yaml:3"


def test_duplicate_keys_are_refused_with_both_lines() -> None:
    with pytest.raises(RecipeError, match="first in line 2") as caught:
        load("a: 1\nb: 1\nc: 1\nb: 2\n", "r.yaml")
    assert caught.value.where == "r.yaml:4"


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: \x00\n", 2), ("a:\n\tb: 1\n", 2), ("a: 1\nb: 99999999999999999999\n", 2)]
)
def test_what_cannot_be_read_names_the_line(text: str, line: int) -> None:
    with pytest.raises(RecipeError) as caught:
        load(text, "r.yaml")
    assert caught.value.where == f"r.yaml:{line}"
    assert caught.value.fix


def test_a_syntax_error_names_the_line() -> None:
    with pytest.raises(RecipeError, match="not YAML") as caught:
        load("a: [1, 2\nb: 3\n", "r.yaml")
    assert caught.value.where.startswith("r.yaml:")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(RecipeError, match="nested too deeply"):
        load("[" * 5000, "deep.yaml")

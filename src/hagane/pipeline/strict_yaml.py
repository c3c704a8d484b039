"""YAML without its traps: YAML 1.2 floats (`3e-4` is a number), duplicate keys refused, `no` stays a word, lines kept.

A recipe that reads otherwise than it looks is worse than one that is refused. The line of every key is kept, so that a
wrong value can be named with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from hagane.errors import RecipeError

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalar rules of the YAML 1.2 core schema."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", ["t", "f"]),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


@dataclass(frozen=True)
class Located:
    """A YAML document with the line (from 1) of each key or item."""

    value: Any
    lines: Mapping[KeyPath, int]
    file: str

    def where(self, path: KeyPath) -> str:
        """`file:line` of the key at `path`, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines[path]}" if path else self.file


def load(text: str, file: str) -> Located:
    """Read one YAML document; syntax errors and duplicate keys are a `RecipeError` with file and line."""
    try:
        loader = _Loader(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RecipeError(
            f"This is not text: {error.reason}.", where=f"{file}:{line}", fix="Save the file as UTF-8 text."
        ) from error
    try:
        node = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        value = None if node is None else _build(loader, node, (), lines, file)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(
            f"This is not YAML: {error.problem}", where=f"{file}:{line}", fix="Mend the syntax."
        ) from error
    except RecursionError:
        raise RecipeError(
            "This is nested too deeply to be read.", where=file, fix="A recipe needs four levels."
        ) from None
    finally:
        loader.dispose()
    return Located(value, lines, file)


def load_file(path: Path) -> Located:
    """Read a YAML file."""
    try:
        return load(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise RecipeError(f"The file is not UTF-8: {error}", where=str(path), fix="Save it as UTF-8.") from error


def parse_value(text: str) -> Any:
    """The value of a `key=value` on the command line, read as YAML reads it."""
    return load(text, "command line").value


def _build(loader: _Loader, node: Node, path: KeyPath, lines: dict[KeyPath, int], file: str) -> Any:
    if isinstance(node, MappingNode):
        return _build_mapping(loader, node, path, lines, file)
    if isinstance(node, SequenceNode):
        items = []
        for number, child in enumerate(node.value):
            lines[(*path, number)] = child.start_mark.line + 1
            items.append(_build(loader, child, (*path, number), lines, file))
        return items
    value = loader.construct_object(node)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise RecipeError(
            f"The number {value} has more than 64 bits.",
            where=f"{file}:{node.start_mark.line + 1}",
            fix="Write a smaller one.",
        )
    return value


def _build_mapping(
    loader: _Loader, node: MappingNode, path: KeyPath, lines: dict[KeyPath, int], file: str
) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, child in node.value:
        where = f"{file}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, ScalarNode):
            raise RecipeError("A key must be a word.", where=where, fix="Write `key: value`.")
        key = str(key_node.value)
        if key in built:
            first = lines[(*path, key)]
            raise RecipeError(
                f"The key {key!r} stands twice (first in line {first}).", where=where, fix="Keep one of the two."
            )
        lines[(*path, key)] = key_node.start_mark.line + 1
        built[key] = _build(loader, child, (*path, key), lines, file)
    return built

"""From loose keys to a stage's typed config and inputs: the same way for a recipe's block and for a verb's `key=value`.

Keys of a block are the stage's inputs and its config fields, side by side. Anything else is an error with the nearest name.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hagane.artifact.stage import Stage, StageConfig
from hagane.errors import RecipeError
from hagane.pipeline.strict_yaml import KeyPath

Where = Callable[[KeyPath], str]


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence 'Did you mean …?' or the list of what there is."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}."


def split_block(stage: Stage, block: Mapping[str, Any], where: Where) -> tuple[dict[str, str], dict[str, Any]]:
    """Inputs (dotted name → reference) and config keys of a block.

    Raises `RecipeError` for unknown keys, missing inputs and inputs of the wrong form.
    """
    references: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for key, value in block.items():
        declared = stage.inputs.get(key)
        if declared is not None and declared.many and isinstance(value, Mapping):
            references |= {
                f"{key}.{name}": _reference(reference, (key, name), where) for name, reference in value.items()
            }
        elif declared is not None and declared.many:
            names = value if isinstance(value, list) else [value]
            references |= {f"{key}.{_reference(name, (key,), where)}": name for name in names}
        elif declared is not None:
            references[key] = _reference(value, (key,), where)
        elif key in stage.config.model_fields:
            settings[key] = value
        else:
            known = [*stage.inputs, *stage.config.model_fields]
            raise RecipeError(
                f"The stage {stage.name!r} has no key {key!r}.", where=where((key,)), fix=nearest(key, known)
            )
    for name, declared in stage.inputs.items():
        given = name in references or any(key.startswith(name + ".") for key in references)
        replaced = declared.unless in references
        if given and replaced:
            raise RecipeError(
                f"The stage {stage.name!r} takes {name!r} or {declared.unless!r}, and both are given.",
                where=where((name,)),
                fix=f"Leave one out. {declared.unless}: {stage.inputs[declared.unless].help}",
            )
        if declared.required and not given and not replaced:
            raise RecipeError(
                f"The stage {stage.name!r} needs the input {name!r}: {declared.help}",
                where=where(()),
                fix=f"Add `{name}:` with the stage or folder to take it from.",
            )
    return references, settings


def make_config(stage: Stage, settings: Mapping[str, Any], where: Where) -> StageConfig:
    """The stage's typed config; every wrong value is told with its place, the first one raised."""
    try:
        return stage.config.model_validate(dict(settings))
    except ValidationError as error:
        # A misspelt key also leaves the right one missing; the misspelling is what to tell.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        path = tuple(first["loc"])
        key = ".".join(map(str, path))
        if first["type"] == "extra_forbidden":
            known = _fields_at(stage.config, path[:-1])
            raise RecipeError(
                f"The stage {stage.name!r} has no key {key!r}.", where=where(path), fix=nearest(str(path[-1]), known)
            ) from None
        if first["type"] == "missing":
            raise RecipeError(
                f"The stage {stage.name!r} needs the key {key!r}.", where=where(path), fix=f"Add `{key}: …`."
            ) from None
        # Settings that do not go together name themselves; the value would be the whole block.
        told = first["msg"].removeprefix("Value error, ")
        raise RecipeError(
            f"Settings of the stage {stage.name!r} do not go together: {told}."
            if first["type"] == "value_error"
            else f"The key {key!r} of the stage {stage.name!r} is {first['input']!r}: {told}.",
            where=where(path),
            fix="Mend the value; `hagane STAGE --help` tells what each key takes.",
        ) from None


def _reference(value: Any, path: KeyPath, where: Where) -> str:
    if isinstance(value, str) and value:
        return value
    raise RecipeError(
        f"An input must name a stage or a folder, not {value!r}.",
        where=where(path),
        fix="Write the name of a stage above.",
    )


def _fields_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Field names of the (nested) model at `path`."""
    for key in path:
        field = model.model_fields.get(str(key))
        if field is None:  # the name of an entry, as in `mixture: {ja: …}`: the fields are those of each entry
            continue
        candidates = (field.annotation, *get_args(field.annotation))
        nested = [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)

"""The face every stage shows: a frozen config, named inputs, and `run(config, inputs, out)`.

Recipes, verbs of the command line and their help are made from this description alone, so a stage is declared once, in the
`stage.py` of its room.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class StageConfig(BaseModel):
    """Base of every config: frozen, unknown keys and numbers without end refused, a description on each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    seed: int = Field(1, description="Seed of every random draw of this stage.")


@dataclass(frozen=True)
class Input:
    """One named input of a stage: an artefact folder (or a file where `kind` says so)."""

    kind: str
    """documents | tokenizer | model | pairs | prompts | results: what must lie there."""
    help: str
    required: bool = True
    unless: str = ""
    """Another input that takes its place: one of the two is given, never both."""
    many: bool = False
    """A mapping name → artefact instead of one; it arrives under dotted keys (`models.dpo`)."""


Inputs = Mapping[str, Path]
"""Input name → folder. The base model is always called `from`; of a `many` input each entry is `name.key`."""


@dataclass(frozen=True)
class Stage:
    """A stage of the chain. `run` writes into `out`, an existing folder; the caller commits it with its manifest.

    `out` may hold what an interrupted run of the very same inputs and config left (checkpoints): go on from there.
    """

    name: str
    title: str
    """One line, Japanese and English."""
    config: type[StageConfig]
    inputs: Mapping[str, Input]
    run: Callable[[Any, Inputs, Path], None]
    produces: str
    """documents | tokenizer | model | pairs | results | gguf."""
    positional: str = ""
    """Config key that the verb's plain arguments fill (`hagane clean IN...` fills `sources`)."""
    together: bool = False
    """Whether all processes of a `torchrun` run it; otherwise the first does, and the others wait."""
    fingerprint: Callable[[Any], Mapping[str, str]] = field(default=lambda config: {})
    """Identity of raw data outside any artefact (name → digest); part of what decides whether a stage is out of date."""


def group(inputs: Inputs, name: str) -> dict[str, Path]:
    """The entries of a `many` input, without the prefix: `models.dpo` → `dpo`."""
    prefix = name + "."
    return {key[len(prefix) :]: path for key, path in inputs.items() if key.startswith(prefix)}

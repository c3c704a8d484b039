"""Each stage as a verb on paths: `hagane clean page.html -o OUT`, `hagane dpo from=MODEL pairs=FILE beta=0.2 -o OUT`.

Verbs are made from the stages' own descriptions; the keys are those of a recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeGuard, get_args

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hagane.artifact.folder import Job, build, is_up_to_date
from hagane.artifact.progress import note
from hagane.artifact.stage import Stage, StageConfig
from hagane.errors import UsageError
from hagane.pipeline.configure import make_config, split_block
from hagane.pipeline.stages import STAGES
from hagane.pipeline.strict_yaml import KeyPath, parse_value


def register(app: typer.Typer) -> None:
    """Add one verb for each stage, but for `clean`, which has verbs of its own beside it (`cli/clean.py`)."""
    for stage in STAGES.values():
        if stage.name != "clean":
            add_stage(app, stage, stage.name)


def add_stage(app: typer.Typer, stage: Stage, name: str) -> None:
    """Add the verb of one stage under this name."""
    app.command(name, help=_help(stage), short_help=stage.title, rich_help_panel="Stages")(_verb(stage))


def _verb(stage: Stage) -> Any:
    def verb(
        arguments: Annotated[
            list[str], typer.Argument(metavar="KEY=VALUE...", help="Inputs and settings, as in a recipe.")
        ],
        out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; made atomically.")],
    ) -> None:
        run_stage(stage, arguments, out)

    return verb


def run_stage(stage: Stage, arguments: list[str], out: Path) -> None:
    """Run one stage from `key=value` words (and plain words, where the stage takes them) into `out`."""

    references, config = read_words(stage, arguments)
    for name, reference in references.items():
        if not Path(reference).exists():
            raise UsageError(
                f"The input {name!r} does not exist: {reference}",
                where=f"hagane {stage.name} {name}",
                fix="Check the path.",
            )
    inputs = {name: Path(reference) for name, reference in references.items()}
    job = Job(stage, config, inputs, out)
    if is_up_to_date(job):
        note(f"{stage.name}: up to date → {out}")
        return
    manifest = build(job)
    note(f"{stage.name}: done in {manifest.seconds:.0f} s → {out}")


def read_words(stage: Stage, arguments: list[str]) -> tuple[dict[str, str], StageConfig]:
    """Inputs (name → reference) and config of a stage from the words of its verb."""

    def where(path: KeyPath) -> str:
        return f"hagane {stage.name} {'.'.join(map(str, path))}".rstrip()

    references, settings = split_block(stage, _block(stage, arguments), where)
    return references, make_config(stage, settings, where)


def _block(stage: Stage, arguments: list[str]) -> dict[str, Any]:
    """Words to a recipe block: `train.steps=5` nests, plain words go to the stage's positional key."""
    block: dict[str, Any] = {}
    for word in arguments:
        key, separator, text = word.partition("=")
        if not separator or (stage.positional and Path(word).exists()):
            if not stage.positional:
                raise UsageError(
                    f"{word!r} is not key=value.", where=f"hagane {stage.name}", fix=f"hagane {stage.name} --help"
                )
            block.setdefault(stage.positional, []).append(word)
            continue
        place = block
        *parents, last = key.split(".")
        for part in parents:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(
                    f"{key!r} goes through {part!r}, which has a value.",
                    where=f"hagane {stage.name}",
                    fix="Give one of them.",
                )
        place[last] = text if (parents[:1] and parents[0] in stage.inputs) or key in stage.inputs else parse_value(text)
    return block


def _help(stage: Stage) -> str:
    lines = [stage.title, "", "[bold]Inputs[/bold]", ""]
    lines += [
        f"  {name}: {declared.help}{f' (or {declared.unless})' if declared.unless else ''}"
        f"{'' if declared.required else ' (optional)'}\n"
        for name, declared in stage.inputs.items()
    ]
    lines += ["", "[bold]Settings[/bold]", ""]
    lines += [f"  {line}\n" for line in _settings(stage.config, "")]
    return "\n".join(lines)


def _settings(model: type[BaseModel], prefix: str) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        nested = next(filter(_is_model, (field.annotation, *get_args(field.annotation))), None)
        below = [] if nested is None else _settings(nested, f"{prefix}{name}.")
        if nested is field.annotation:
            lines += below
            continue
        shown = "required" if default is PydanticUndefined else f"default {default}"
        lines.append(f"{prefix}{name} ({shown}): {field.description or ''}".replace("[", "\\["))
        lines += below
    return lines


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)

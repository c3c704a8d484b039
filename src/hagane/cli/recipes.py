"""`hagane run`, `hagane recipe`, `hagane report`: whole chains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from hagane.artifact import processes
from hagane.errors import UsageError
from hagane.pipeline.recipe import Recipe, load_recipe, shipped
from hagane.pipeline.run import plan
from hagane.pipeline.run import run as run_recipe
from hagane.report.page import write_report

console = Console(highlight=False, soft_wrap=True)
RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe (`hagane recipe list`) or a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="stage.key=value, e.g. pretrain.train.steps=100")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("run")(run)
    app.command("report")(report)
    recipe_app = typer.Typer(help="List, show and check recipes.", no_args_is_help=True)
    recipe_app.command("list")(list_recipes)
    recipe_app.command("show")(show)
    recipe_app.command("check")(check)
    app.add_typer(recipe_app, name="recipe")


def run(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    folder: Annotated[Path | None, typer.Option("--dir", help="Run folder; default runs/RECIPE.")] = None,
    only: Annotated[str | None, typer.Option(help="Run this stage alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and why; run nothing.")] = False,
) -> None:
    """Run a recipe: what is out of date, in order. After a kill, the same command goes on where it stopped."""
    loaded = load_recipe(recipe, overrides or ())
    target = folder or Path("runs") / loaded.name
    if dry_run:
        _print_plan(loaded, target)
        return
    run_recipe(loaded, target, only)
    if only is None and processes.is_first():
        _print_ending(loaded, target)


def _print_plan(recipe: Recipe, folder: Path) -> None:
    table = Table("stage", "state", "does", title=f"{recipe.name} → {folder}")
    for planned in plan(recipe, folder):
        table.add_row(planned.step.name, planned.state, "runs" if planned.runs else "-")
    console.print(table)


def _print_ending(recipe: Recipe, folder: Path) -> None:
    page = write_report(folder)
    console.print(f"report: {page}")
    exported = [
        step.references["from"] for step in recipe.steps if step.stage.produces == "gguf" and "from" in step.references
    ]
    models = exported or [step.name for step in recipe.steps if step.stage.produces == "model"]
    if models:
        console.print(f"chat:   hagane chat {folder / models[-1]}")


def report(folder: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Write DIR/report.html from what the run left: one page, no network needed."""
    console.print(f"report: {write_report(folder)}")


def list_recipes() -> None:
    """The recipes that come with hagane."""
    for name in shipped():
        console.print(f"{name:10} {load_recipe(name).title}")


def show(recipe: RecipeArgument) -> None:
    """Print a recipe as it is written; copy it to a file to make your own."""
    texts = shipped()
    text = texts.get(recipe)
    if text is None and not Path(recipe).is_file():
        raise UsageError(
            f"There is no recipe {recipe!r}.", where="hagane recipe show", fix=f"Known: {', '.join(texts)}."
        )
    text = text if text is not None else Path(recipe).read_text(encoding="utf-8")
    console.print(Syntax(text, "yaml", background_color="default") if console.is_terminal else text, markup=False)


def check(recipe: RecipeArgument, overrides: Overrides = None) -> None:
    """Check a recipe without running it: keys, values, inputs."""
    loaded = load_recipe(recipe, overrides or ())
    console.print(
        f"{loaded.name}: {len(loaded.steps)} stages, all keys known: {', '.join(step.name for step in loaded.steps)}"
    )

"""`hagane lr show|find|sweep|explain`: the learning rate, before a run, by short runs, and after one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hagane.errors import UsageError
from hagane.learning_rate.config import RateConfig
from hagane.learning_rate.picture import blocks
from hagane.learning_rate.presets import PRESETS
from hagane.learning_rate.schedule import ScheduleName
from hagane.learning_rate.trial import FOLDER
from hagane.pipeline.configure import nearest
from hagane.pipeline.rates import StageRates, recipe_rates
from hagane.pipeline.recipe import load_recipe
from hagane.pipeline.trials import find, prepare, sweep_stage
from hagane.report.curves import write_curves
from hagane.report.rate_story import rate_story
from hagane.report.read import read_run

console = Console(highlight=False, soft_wrap=True)
PRESET = "preset:"
MOMENTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe (`hagane recipe list`) or a YAML file.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="stage.key=value, e.g. pretrain.train.lr=1e-3")]
RunFolder = Annotated[Path | None, typer.Option("--dir", help="Run folder; default runs/RECIPE.")]
StageOption = Annotated[str, typer.Option("--stage", help="The stage to try rates on.")]


def register(app: typer.Typer) -> None:
    """Add the group of verbs to the command line."""
    group = typer.Typer(help="学習率 · The learning rate: show, find, sweep, explain.", no_args_is_help=True)
    group.command("show")(show)
    group.command("find")(find_rate)
    group.command("sweep")(sweep)
    group.command("explain")(explain)
    app.add_typer(group, name="lr")


def show(
    recipe: Annotated[str, typer.Argument(help="A recipe, or preset:gpt, preset:sarashina2, preset:llm-jp.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the curves as a page, FILE.html.")] = None,
) -> None:
    """The rate of each training stage, update by update: a table and a picture."""
    stages = _preset(recipe.removeprefix(PRESET)) if recipe.startswith(PRESET) else _stages(recipe, overrides)
    for stage in stages:
        _print_curve(stage)
    if out is not None:
        write_curves(out, recipe, [(stage.name, stage.rates) for stage in stages])
        console.print(f"page: {out}", markup=False)


def _stages(recipe: str, overrides: list[str] | None) -> list[StageRates]:
    stages = recipe_rates(load_recipe(recipe, overrides or ()))
    if not stages:
        raise UsageError("No stage of this recipe trains.", where=recipe, fix="See `hagane recipe show demo`.")
    return stages


def _preset(name: str) -> list[StageRates]:
    if name not in PRESETS:
        raise UsageError(f"There is no preset {name!r}.", where="hagane lr show", fix=nearest(name, PRESETS))
    preset = PRESETS[name]
    console.print(f"{name}: {preset.source}.", markup=False)
    if preset.ours:
        console.print(f"出典になく、ここで決めたもの / not in the source, our choice: {preset.ours}.", markup=False)
    console.print(f"{preset.steps} 回の更新として描いたもの / drawn over {preset.steps} updates", markup=False)
    return [StageRates(name, RateConfig.model_validate({"steps": preset.steps, "preset": name}))]


def _print_curve(stage: StageRates) -> None:
    rates, last = stage.rates, stage.rates.steps - 1
    curve = [rates.lr * rates.factor(step) for step in range(rates.steps)]
    unit = "update" if stage.steps_known else "%"
    table = Table(unit, "α", "share of peak", title=f"{stage.name}: {rates.schedule}, peak {rates.lr:.3g}")
    for step in sorted({round(moment * last) for moment in MOMENTS} | {curve.index(max(curve))}):
        table.add_row(str(step + 1), f"{curve[step]:.3g}", f"{curve[step] / rates.lr:.3f}")
    console.print(table)
    for line in blocks(curve):
        console.print(f"  {line}", markup=False)
    console.print(f"  1 … {rates.steps} {unit}", markup=False)


def find_rate(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    folder: RunFolder = None,
    stage: StageOption = "pretrain",
    low: Annotated[float, typer.Option(help="First rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Last rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Updates.")] = 200,
) -> None:
    """Range test: one short run whose rate rises at each update; where the loss falls fastest, turns, diverges."""
    if not 0 < low < high:
        raise UsageError(f"The rates go from {low} to {high}.", where="hagane lr find", fix="0 < low < high.")
    loaded = load_recipe(recipe, overrides or ())
    target = folder or Path("runs") / loaded.name
    found = find(prepare(loaded, target, stage), low=low, high=high, steps=steps)
    lowest, highest = min(found["smooth"]), max(found["smooth"])
    for line in blocks([loss - lowest for loss in found["smooth"]]):
        console.print(f"  {line}", markup=False)
    console.print(f"  α {found['rates'][0]:.2g} … {found['rates'][-1]:.2g}, loss / 損失 {lowest:.2f} … {highest:.2f}")
    console.print(f"損失が最も速く下がる / falls fastest:  {found['steepest']:.2g}")
    console.print(f"損失が最も低い / turns:               {found['turn']:.2g}")
    diverges = "—" if found["diverges"] is None else f"{found['diverges']:.2g}"
    console.print(f"発散する / diverges:                  {diverges}")
    console.print(f"→ {target / FOLDER / f'range-{stage}.json'}", markup=False)


def sweep(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    folder: RunFolder = None,
    stage: StageOption = "pretrain",
    low: Annotated[float, typer.Option(help="Lowest peak.")] = 2.5e-4,
    high: Annotated[float, typer.Option(help="Highest peak.")] = 6.4e-2,
    points: Annotated[int, typer.Option(min=3, help="Peaks of the grid, at equal ratios.")] = 9,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each peak: 1, 2, …")] = 3,
    steps: Annotated[int | None, typer.Option(help="Updates of each run; default: those of the recipe.")] = None,
    schedule: Annotated[
        list[str] | None, typer.Option(help="May be given more than once; default: the recipe's.")
    ] = None,
) -> None:
    """The same run at a grid of peaks: the fitted optimum with its interval, and the edge of divergence.

    embedding_lr keeps its ratio to lr. Runs that are there already are not made again.
    """
    if not 0 < low < high:
        raise UsageError(f"The peaks go from {low} to {high}.", where="hagane lr sweep", fix="0 < low < high.")
    loaded = load_recipe(recipe, overrides or ())
    target = folder or Path("runs") / loaded.name
    bench = prepare(loaded, target, stage)
    peaks = [float(f"{low * (high / low) ** (number / (points - 1)):.3g}") for number in range(points)]
    found = sweep_stage(
        bench,
        peaks,
        schedules=_schedules(schedule) or [bench.rates.schedule],
        seeds=range(1, seeds + 1),
        steps=steps or bench.rates.steps,
    )
    _print_sweep(found)
    console.print(f"→ {target / FOLDER / f'sweep-{stage}.json'}", markup=False)


def _schedules(names: list[str] | None) -> list[ScheduleName]:
    known: tuple[ScheduleName, ...] = ("constant", "linear", "cosine", "wsd", "inverse_sqrt")
    for name in names or ():
        if name not in known:
            raise UsageError(f"There is no schedule {name!r}.", where="--schedule", fix=nearest(name, known))
    return [name for name in known if name in (names or ())]


def _print_sweep(found: dict[str, Any]) -> None:
    schedules = found["schedules"]
    table = Table("peak α", *schedules, title=f"{found['stage']}: {found['metric']}, {found['steps']} updates")
    for row in zip(*(swept["points"] for swept in schedules.values()), strict=True):
        table.add_row(f"{row[0]['lr']:.3g}", *(_point(point) for point in row))
    table.add_row("最適値 / optimum", *(_estimate(swept["optimum"]) for swept in schedules.values()))
    table.add_row("損失 / loss at best", *(_estimate(swept["loss"]) for swept in schedules.values()))
    table.add_row("発散 / diverges", *("—" if s["edge"] is None else f"{s['edge']:.3g}" for s in schedules.values()))
    console.print(table)


def _point(point: dict[str, Any]) -> str:
    known = [value for value in point["heldout"] if value is not None]
    mean = f"{sum(known) / len(known):.4f}" if known else "—"
    return mean + (f" ✗{point['diverged']}/{len(point['heldout'])}" if point["diverged"] else "")


def _estimate(value: dict[str, float] | None) -> str:
    return "—" if value is None else f"{value['value']:.3g} [{value['low']:.3g}, {value['high']:.3g}]"


def explain(
    folder: Annotated[Path, typer.Argument(help="A run folder.")],
    stage: Annotated[str, typer.Option("--stage", help="The stage to explain.")] = "pretrain",
) -> None:
    """Why this rate: the guess from the size, the sweep if there is one, and what happened."""
    for ja, en in rate_story(read_run(folder), stage):
        console.print(f"・{ja}\n  {en}", markup=False)

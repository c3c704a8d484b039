"""Peak × schedule, at the same tokens: the optimum with its interval, the edge of divergence, and what 2.5e-4 costs.

    python bench/learning_rate.py [--quick] [--documents FILE | --run RUN] [--dir DIR]
        [--optimizer adamw muon] [--schedules ...] [--peaks ...]

A small model (2 blocks × 128) is pretrained at each peak with each schedule and three seeds. Documents: the pages that come
with hagane, a file (JSON lines with `text`; the cleaning holds out a twentieth), or what a finished run (`runs/demo`) has cleaned.
Trials are kept in DIR and never run twice, so a larger grid costs its new points only. `--quick`: a few points on the built-in
pages, within a minute.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hagane.learning_rate.sweep import Estimate
from hagane.pipeline.recipe import Recipe, load_recipe
from hagane.pipeline.trials import prepare, sweep_stage

PUBLISHED = 2.5e-4
PEAKS = [PUBLISHED, 5e-4, 1e-3, 2e-3, 4e-3, 6.4e-2]
SCHEDULES = ["constant", "linear", "cosine", "wsd"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--dir", type=Path, default=Path("runs/learning-rate"))
    parser.add_argument("--optimizer", nargs="+", default=["adamw"], choices=["adamw", "muon"])
    parser.add_argument("--schedules", nargs="+", default=SCHEDULES, choices=SCHEDULES)
    parser.add_argument("--peaks", nargs="+", type=float, default=PEAKS, help="2.5e-4 must be one of them")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    for optimizer in arguments.optimizer:
        folder = arguments.dir / optimizer
        bench = prepare(recipe(arguments, optimizer), folder, "pretrain")
        found = sweep_stage(
            bench,
            [PUBLISHED, 4e-3, 6.4e-2] if arguments.quick else arguments.peaks,
            schedules=["cosine", "wsd"] if arguments.quick else arguments.schedules,
            seeds=range(1, 1 + (2 if arguments.quick else arguments.seeds)),
            steps=15 if arguments.quick else arguments.steps,
        )
        show(optimizer, found)
        figures[optimizer] = {
            "steps": found["steps"],
            "seeds": found["seeds"],
            "schedules": {
                name: {key: swept[key] for key in ("best", "loss", "optimum", "edge")}
                | {"cost_of_2.5e-4": found["costs"][name][str(PUBLISHED)]}
                for name, swept in found["schedules"].items()
            },
        }
    print(json.dumps({"bench": "learning_rate", "ratios": {}, "figures": figures}))


def recipe(arguments: argparse.Namespace, optimizer: str) -> Recipe:
    """The recipe `smoke` with a model of a size for many trials, on the chosen documents."""
    overrides = [f"pretrain.train.optimizer={optimizer}", "pretrain.rows=2", "pretrain.max_heldout_documents=12"]
    if arguments.documents:
        overrides += [f"clean.sources=[{json.dumps(str(arguments.documents))}]", "clean.heldout_share=0.05"]
    if arguments.run:
        folders = {"documents": "clean", "tokenizer": "tokenizer"}
        overrides += [f"pretrain.{name}={arguments.run / folder}" for name, folder in folders.items()]
    return load_recipe("smoke", overrides)


def show(optimizer: str, found: dict[str, Any]) -> None:
    """The table of one optimizer: mean held-out loss at each peak, and what follows from it."""
    table = Table("peak", *found["schedules"], title=f"{optimizer}: {found['metric']} after {found['steps']} updates")
    for row in zip(*(swept["points"] for swept in found["schedules"].values()), strict=True):
        table.add_row(f"{row[0]['lr']:.3g}", *(loss(point) for point in row))
    for key, label in (("optimum", "fitted optimum"), ("loss", "loss at the best peak")):
        table.add_row(label, *(interval(swept[key]) for swept in found["schedules"].values()))
    table.add_row("cost of 2.5e-4", *(interval(costs[str(PUBLISHED)]) for costs in found["costs"].values()))
    table.add_row("first divergence", *(str(swept["edge"]) for swept in found["schedules"].values()))
    Console(width=140).print(table)


def loss(point: dict[str, Any]) -> str:
    known = [value for value in point["heldout"] if value is not None]
    mean = f"{sum(known) / len(known):.3f}" if known else "-"
    return f"{mean} ({point['diverged']}/{len(point['heldout'])} diverged)" if point["diverged"] else mean


def interval(value: Estimate | None) -> str:
    return "-" if value is None else f"{value['value']:.3g} [{value['low']:.3g}, {value['high']:.3g}]"


if __name__ == "__main__":
    main()

"""`hagane doctor`: what this machine has, and what hagane will use of it."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import torch
import typer
from rich.console import Console
from rich.table import Table

from hagane import __version__
from hagane.train.precision import compute_dtype

console = Console(highlight=False, soft_wrap=True)
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("doctor")(doctor)


def doctor() -> None:
    """Processor features, memory, compiler, torch build, and what will be used."""
    table = Table("what", "found", "so", title=f"hagane {__version__}")
    for row in findings():
        table.add_row(*row)
    console.print(table)


def findings() -> list[tuple[str, str, str]]:
    """Rows (what, found, consequence)."""
    dtype = str(compute_dtype()).removeprefix("torch.")
    compiler = next((name for name in ("g++", "clang++", "c++") if shutil.which(name)), None)
    return [
        ("Python", platform.python_version(), "3.11 or newer is needed"),
        (
            "processor",
            f"{_model_name()}, {os.cpu_count()} cores",
            f"{torch.get_num_threads()} threads for matrix products",
        ),
        (
            "features",
            ", ".join(_features()) or "none known",
            f"activations in {dtype} (measured), master weights in float32",
        ),
        ("memory", f"{_memory_gib():.1f} GiB", "the recipe demo needs about 4 GiB"),
        (
            "C++ compiler",
            compiler or "none",
            "blocks are compiled once" if compiler else "eager: slower; apt-get install g++",
        ),
        ("torch", torch.__version__, f"CUDA: {'yes' if torch.cuda.is_available() else 'no'}"),
        (
            "apt",
            shutil.which("apt-get") or "none",
            "sources debian:PACKAGE" if shutil.which("apt-get") else "use hub:, a path, or smoke",
        ),
    ]


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


def _model_name() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _features() -> list[str]:
    present = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in FEATURES if name in present]


def _memory_gib() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) / 2**30

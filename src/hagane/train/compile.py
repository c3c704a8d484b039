"""Compiling where it pays, and saying so where it cannot be done.

Blocks of the decoder are compiled one by one with static shapes: all blocks share one graph (their parameters are its
inputs), and so does every later model of the same shapes in this process. The first compilation costs half a minute; the
compiler's folder keeps it for the next process. `compiling()` opens the stretch in which compiled code is used. Outside it
everything is eager, since generation and scoring come in many shapes, each of which would be compiled anew.

Without a C++ compiler, or without Python's headers, training runs eagerly after one line that says why.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from torch import nn

from hagane.artifact.cache import cache_folder
from hagane.artifact.progress import note
from hagane.model.decoder import Block

P = ParamSpec("P")
R = TypeVar("R")

_active: ContextVar[bool] = ContextVar("compiling", default=False)
_RECOMPILE_LIMIT = 64
"""Shapes one function may be compiled for; beyond torch's 8 it would fall back to eager without a word."""


@cache
def obstacle() -> str | None:
    """Why nothing can be compiled on this machine, or None."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "no C++ compiler found (install g++ or clang)"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers are not installed (Python.h; the package is often called python3-dev)"
    return None


@cache
def available() -> bool:
    """Whether compiling works here; prepares it, or says in one line, once, why not."""
    reason = obstacle()
    if reason is not None:
        note(f"  not compiled, so training takes about twice as long: {reason}")
        return False
    # The compiler's own default is a folder under /tmp, which others can write to and a restart empties.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "inductor"))
    torch._dynamo.config.recompile_limit = _RECOMPILE_LIMIT
    return True


@cache
def _compiled(function: Callable[P, R]) -> Callable[P, R]:
    """One compiled form of a function for the whole process, with a static graph for each shape."""
    return torch.compile(function, dynamic=False)


def fused(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled inside `compiling()`. It must be a module-level function of tensors."""
    return _compiled(function) if _active.get() else function


@contextmanager
def compiling(model: nn.Module, enabled: bool = True) -> Iterator[None]:
    """Run the decoder blocks inside `model`, and `fused` functions, compiled while the context is open."""
    if not (enabled and available()):
        yield
        return
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    forward = _compiled(Block.forward)
    for block in blocks:
        # On the instance, where it hides the method of the class until it is deleted.
        block.forward = partial(forward, block)  # type: ignore[method-assign]
    token = _active.set(True)
    try:
        yield
    finally:
        _active.reset(token)
        for block in blocks:
            del block.forward


def compilations() -> int:
    """Graphs compiled in this process so far, those found in the compiler's folder included."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])

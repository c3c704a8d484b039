"""Which number format the products are computed in: bfloat16 where the processor is fast at it, float32 elsewhere.

Processors with bfloat16 dot products run them four times as fast as float32; those without emulate them and are slower
than with float32. So a small product is timed in both, once for each machine and torch version, and the answer is kept:
the same machine gives the same format, and with it the same bytes, in every later run. `HAGANE_DTYPE=float32` (or
`bfloat16`) decides by hand.
"""

from __future__ import annotations

import hashlib
import os
import platform
import time
from pathlib import Path

import torch

from hagane.artifact import processes
from hagane.artifact.cache import cache_folder
from hagane.artifact.files import read_json, write_json
from hagane.errors import DataError, UsageError

_BY_NAME = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_WORTH_IT = 1.5
"""How many times as fast bfloat16 must be: elementwise work in between gains less than the products."""


def compute_dtype() -> torch.dtype:
    """The format for activations on this machine; parameters stay float32.

    Raises UsageError when `HAGANE_DTYPE` names neither float32 nor bfloat16.
    """
    chosen = os.environ.get("HAGANE_DTYPE")
    if chosen:
        if chosen not in _BY_NAME:
            raise UsageError(
                f"HAGANE_DTYPE is {chosen!r}.", fix=f"Set it to one of {', '.join(_BY_NAME)}, or unset it."
            )
        return _BY_NAME[chosen]
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return _BY_NAME[processes.from_first(_measured)]


def _measured() -> str:
    path = cache_folder() / f"precision-{_machine()}.json"
    try:
        known = read_json(path)["dtype"]
        if known in _BY_NAME:
            return str(known)
    except (DataError, KeyError, TypeError):
        pass  # not measured yet, or not readable: measure
    ratio = _seconds(torch.float32) / _seconds(torch.bfloat16)
    name = "bfloat16" if ratio >= _WORTH_IT else "float32"
    write_json(path, {"dtype": name, "bfloat16_times_as_fast": round(ratio, 2), "torch": torch.__version__})
    return name


def _machine() -> str:
    """Short digest of what decides the speed: processor, torch."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        processor = "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    except OSError:
        processor = platform.processor()
    text = f"{processor}/{platform.machine()}/{torch.__version__}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _seconds(dtype: torch.dtype) -> float:
    """The fastest of several products, of the shape of a small model's feed-forward layer."""
    left, right = torch.ones(2048, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - begin)
    return min(times)

"""Memory that was freed is used again, not returned and faulted in anew.

Tensors of 48 MB: up to 32 MB glibc learns by itself to keep a block that was freed once.
"""

from __future__ import annotations

import resource
import subprocess
import sys

PROGRAM = """
import resource, torch
from hagane.model.allocator import keep_freed_memory
kept = KEEP and keep_freed_memory()
for _ in range(10):
    torch.ones(12 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(12 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    program = PROGRAM.replace("KEEP", str(keep))
    return int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def test_large_tensors_stop_faulting() -> None:
    pages = 20 * (48 << 20) // resource.getpagesize()
    assert faults(keep=True) < pages // 20
    # Negative control: without it every page of every tensor is faulted in.
    assert faults(keep=False) > pages // 2

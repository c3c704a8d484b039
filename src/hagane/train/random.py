"""One way to draw at random: a generator made from (seed, step, purpose), used once and thrown away.

No draw depends on how many were made before it, so a run that was stopped and resumed draws what the unstopped run drew.
"""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, step: int, purpose: str) -> torch.Generator:
    """A CPU generator for one purpose at one step (or epoch)."""
    digest = hashlib.sha256(f"{seed}/{step}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)

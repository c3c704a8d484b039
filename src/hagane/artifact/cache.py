"""The one folder for what may be kept between runs: downloads, compiled code, what was measured of the machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`HAGANE_CACHE`, else `hagane` in the user's cache folder (`XDG_CACHE_HOME`, else ~/.cache). It exists."""
    base = os.environ.get("HAGANE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME")
    folder = Path(base) if base else (Path(home) if home else Path.home() / ".cache") / "hagane"
    folder.mkdir(parents=True, exist_ok=True)
    return folder

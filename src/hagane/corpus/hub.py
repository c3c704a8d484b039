"""`hub:OWNER/NAME`: a data set of the Hugging Face hub, or of a local folder in the same layout.

With `HAGANE_HUB` set to a folder, `hub:a/b` is `$HAGANE_HUB/a/b` (or `datasets/a/b` below it) and no network is used: a mirror
for machines without one. Where file names tell splits apart, the training files alone are read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from hagane.errors import DataError, MissingToolError, UsageError

_FILES = re.compile(r"\.(?:parquet|jsonl|ndjson)(?:\.gz|\.zst)?$")
_PATTERNS = [
    "**/*.parquet",
    "**/*.jsonl",
    "**/*.jsonl.gz",
    "**/*.jsonl.zst",
    "*.parquet",
    "*.jsonl",
    "*.jsonl.gz",
    "*.jsonl.zst",
]


def fetch(name: str, cache: Path) -> list[tuple[Path, str]]:
    """(file, path inside the data set) of the Parquet and JSON-lines files, sorted.

    Raises `UsageError` for a name that is not OWNER/NAME, `MissingToolError` without huggingface_hub, `DataError` without files.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise UsageError(f"{name!r} is not a name on the hub.", where=f"hub:{name}", fix="Write hub:OWNER/NAME.")
    mirror = os.environ.get("HAGANE_HUB")
    folder = _mirrored(Path(mirror), name) if mirror else _downloaded(name, cache)
    files = [
        (path, path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*")) if _FILES.search(path.name)
    ]
    files = [item for item in files if not item[1].startswith(".")]
    if not files:
        raise DataError(
            "The data set holds no Parquet or JSON-lines file.",
            where=f"hub:{name}",
            fix="Choose a data set in one of these formats.",
        )
    training = [item for item in files if re.search(r"(?:^|[/_.-])train", item[1])]
    return training or files


def _mirrored(root: Path, name: str) -> Path:
    for folder in (root / name, root / "datasets" / name):
        if folder.is_dir():
            return folder
    raise UsageError(
        "The local mirror does not hold this data set.", where=str(root / name), fix="Check HAGANE_HUB and the name."
    )


def _downloaded(name: str, cache: Path) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingToolError(
            "Reading from the hub needs the package huggingface_hub.",
            where=f"hub:{name}",
            fix="pip install huggingface_hub, or set HAGANE_HUB to a folder that mirrors the data set.",
        ) from error
    try:
        return Path(snapshot_download(name, repo_type="dataset", cache_dir=cache / "hub", allow_patterns=_PATTERNS))
    except Exception as error:  # the library raises errors of four HTTP packages; all mean: it could not be had
        raise DataError(
            f"The data set could not be downloaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            where=f"hub:{name}",
            fix="Check the name and the network, or set HAGANE_HUB to a local mirror.",
        ) from error

"""`debian:PACKAGE`: Japanese manuals as Debian packages, downloaded and unpacked as a plain user.

`apt-get download` wants no root when its lists and its cache are folders of one's own (`Dir::State::Lists`, `Dir::Cache`).
An ordinary install would not do: images of Debian and Ubuntu often drop `/usr/share/doc` and `/usr/share/man` on install.
A package that is in the cache is used as it is, without the network; version and sha256 of the .deb stand in the manifest.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hagane.artifact.cache import cache_folder
from hagane.artifact.files import read_json, sha256_file, write_json
from hagane.artifact.progress import note
from hagane.errors import DataError, MissingToolError, UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_OTHER_FIX = "Use hub:OWNER/NAME, give a local folder of pages, or run the recipe `smoke`, which brings its own pages."
# Files that every package has and that are no pages of it.
_HOUSEKEEPING = re.compile(
    r"usr/share/(?:lintian|bug|doc-base|menu|locale)/|usr/share/doc/[^/]+/(?:copyright|changelog|news|readme|todo)[^/]*$",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\.(?:x?html?|txt|md|jar|[1-9][a-z]*)(?:\.gz)?$")
_MANUAL_LANGUAGE = re.compile(r"usr/share/man/(ja[^/]*|man\d)/")


@dataclass(frozen=True)
class Package:
    """An unpacked package in the cache."""

    name: str
    version: str
    sha256: str
    folder: Path

    def pages(self) -> list[tuple[Path, str]]:
        """(file, path inside the package) of what may be a page, sorted; of manual pages the Japanese ones alone."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            inside = path.relative_to(self.folder).as_posix()
            if not path.is_symlink() and not path.is_file():
                continue
            if _HOUSEKEEPING.search(inside) or not _PAGE.search(inside):
                continue
            if inside.startswith("usr/share/man/") and not _MANUAL_LANGUAGE.match(inside):
                continue
            found.append((path, inside))
        if any("usr/share/man/ja" in inside for _, inside in found):
            found = [item for item in found if not re.match(r"usr/share/man/man\d/", item[1])]
        return found


def fetch(names: Sequence[str], cache: Path | None = None) -> dict[str, Package]:
    """The packages by name; what the cache does not hold is downloaded in one run of apt.

    Raises `MissingToolError` without apt, `UsageError` for a name that is no package, `DataError` when a download fails.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not a name of a Debian package.", where=f"debian:{name}", fix="Write debian:manpages-ja."
            )
    root = (cache or cache_folder()) / "debian"
    missing = [name for name in dict.fromkeys(names) if _cached(root, name) is None]
    if missing:
        _download(missing, root)
    packages = {name: _cached(root, name) for name in names}
    return {name: package for name, package in packages.items() if package is not None}


def _cached(root: Path, name: str) -> Package | None:
    record = root / f"{name}.json"
    if not record.is_file():
        return None
    entry = read_json(record)
    folder = root / "packages" / entry["folder"]
    return Package(name, entry["version"], entry["sha256"], folder) if folder.is_dir() else None


def _download(names: Sequence[str], root: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            wanted = " ".join(f"debian:{name}" for name in names)
            raise MissingToolError(f"`{tool}` is not on this machine.", where=wanted, fix=_OTHER_FIX)
    for folder in ("lists/partial", "cache/archives/partial", "packages"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if not any((root / "lists").glob("*Packages*")):
        note("  debian: reading the package lists")
        _apt(root, ["update"], root)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        note(f"  debian: downloading {', '.join(names)}")
        result = _apt(root, ["download", *names], Path(folder))
        if result.returncode != 0 and "Unable to locate" not in result.stderr:
            _apt(root, ["update"], root)  # the lists name files that the archive has replaced since
            result = _apt(root, ["download", *names], Path(folder))
        if result.returncode != 0:
            _failed(result.stderr, names)
        for deb in sorted(Path(folder).glob("*.deb")):
            _unpack(deb, root)


def _apt(root: Path, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    options = {
        "Dir::State::Lists": root / "lists",
        "Dir::Cache": root / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": 2,
        "Acquire::http::Timeout": 30,
        "APT::Sandbox::User": "root",  # as root, do not drop to a user who cannot write here; without effect for others
    }
    arguments = (
        ["apt-get", "-q"] + [part for key, value in options.items() for part in ("-o", f"{key}={value}")] + command
    )
    return subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )


def _failed(stderr: str, names: Sequence[str]) -> None:
    unknown = re.findall(r"Unable to locate package (\S+)", stderr)
    if unknown:
        raise UsageError(
            f"apt knows no package {', '.join(unknown)}.",
            where=" ".join(f"debian:{name}" for name in names),
            fix="Check the name with `apt-cache search`, or whether the sources of this machine hold it.",
        )
    last = (
        [line for line in stderr.splitlines() if line.startswith("E:")] or stderr.strip().splitlines() or ["no message"]
    )
    raise DataError(f"apt could not download: {last[-1]}", where=", ".join(names), fix=f"Try again. {_OTHER_FIX}")


def _unpack(deb: Path, root: Path) -> None:
    shown = subprocess.run(
        ["dpkg-deb", "--show", "--showformat=${Package}\n${Version}", str(deb)],
        capture_output=True,
        text=True,
        check=False,
    )
    digest = sha256_file(deb)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        unpacked = subprocess.run(["dpkg-deb", "-x", str(deb), folder], capture_output=True, text=True, check=False)
        if shown.returncode or unpacked.returncode:
            raise DataError(
                "A downloaded package cannot be unpacked.", where=deb.name, fix=(shown.stderr + unpacked.stderr).strip()
            )
        name, version = shown.stdout.split("\n")[:2]
        target = root / "packages" / f"{name}_{digest[:12]}"
        if target.exists():
            shutil.rmtree(target)
        Path(folder).rename(target)
        Path(folder).mkdir()  # the temporary folder is expected to be there when it is cleaned up
    write_json(root / f"{name}.json", {"version": version, "sha256": digest, "folder": target.name})

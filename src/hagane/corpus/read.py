"""Reading a corpus: from what a recipe names as `sources` to a stream of raw documents.

A source is a path (file, folder or glob), `debian:PACKAGE`, `hub:OWNER/NAME` or `builtin`. Documents come in the order of the
sources and, within one, in sorted order, so a corpus is the same everywhere. Nothing is held but the page at hand.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import xxhash

from hagane.artifact.cache import cache_folder
from hagane.corpus import debian, hub
from hagane.corpus.builtin import builtin_pages
from hagane.corpus.document import Item, RawDocument
from hagane.corpus.files import MAX_PAGE_BYTES, read_file, walk
from hagane.errors import UsageError

_SCHEMES = ("debian", "hub", "builtin")
_FIX = "Give a file, a folder, a glob, debian:PACKAGE, hub:OWNER/NAME or builtin."


def read_raw(specs: Sequence[str], cache: Path | None = None, *, limit: int = MAX_PAGE_BYTES) -> Iterator[Item]:
    """Every page of the sources, as a `RawDocument` or as `Quarantined`; `limit` is the most bytes of one page.

    Raises `UsageError` for a source that is not there, and what `debian` and `hub` raise, before the first page.
    """
    opened = [(spec, _files(spec, cache)) for spec in _checked(specs, cache)]
    taken: dict[str, int] = {}
    for spec, files in opened:
        if spec == "builtin":
            for page in builtin_pages():
                # The topic is the source: the small corpus then has classes to tell apart, as the manuals have.
                yield RawDocument(f"builtin/{page.name}", page.topic, "html", page.html)
            continue
        source = _source_name(spec).encode("utf-8", "backslashreplace").decode()
        taken[source] = taken.get(source, 0) + 1
        if taken[source] > 1:  # two folders of the same name must not give the same ids
            source = f"{source}-{taken[source]}"
        for path, name in files:
            yield from read_file(path, source, name, limit=limit)


def source_fingerprint(spec: str, cache: Path | None = None) -> str:
    """What identifies the raw data of one source: the sha256 of a .deb with its version, or a hash over names and contents."""
    if spec.startswith("debian:"):
        name = spec.removeprefix("debian:")
        package = debian.fetch([name], cache)[name]
        return f"{package.version} sha256:{package.sha256}"
    digest = xxhash.xxh3_128()
    if spec == "builtin":
        for page in builtin_pages():
            digest.update(f"{page.name}\0{page.topic}\0{page.html}\0".encode())
    else:
        for path, name in _files(spec, cache):
            digest.update(name.encode("utf-8", "backslashreplace") + b"\0")
            if not path.is_symlink():
                with contextlib.suppress(PermissionError, IsADirectoryError), path.open("rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
    return f"xxh3_128:{digest.hexdigest()}"


def source_fingerprints(specs: Sequence[str], cache: Path | None = None) -> dict[str, str]:
    """`source_fingerprint` of each source; all Debian packages that are missing are downloaded in one run of apt."""
    return {spec: source_fingerprint(spec, cache) for spec in _checked(specs, cache)}


def _checked(specs: Sequence[str], cache: Path | None) -> Sequence[str]:
    if not specs:
        raise UsageError("No sources are given.", where="sources", fix=_FIX)
    for spec in specs:
        scheme = re.match(r"([a-z]+):", spec)
        if spec != "builtin" and not (scheme and scheme[1] in _SCHEMES):
            _paths(spec)
    names = [spec.removeprefix("debian:") for spec in specs if spec.startswith("debian:")]
    if names:
        debian.fetch(names, cache)
    return specs


def _files(spec: str, cache: Path | None) -> list[tuple[Path, str]]:
    """(file, name below the source) of everything a source holds."""
    if spec == "builtin":
        return []
    if spec.startswith("debian:"):
        name = spec.removeprefix("debian:")
        return debian.fetch([name], cache)[name].pages()
    if spec.startswith("hub:"):
        return hub.fetch(spec.removeprefix("hub:"), cache or cache_folder())
    files = []
    for path in _paths(spec):
        if path.is_dir():
            files += [(file, file.relative_to(path).as_posix()) for file in walk(path)]
        else:
            files.append((path, path.name))
    return files


def _paths(spec: str) -> list[Path]:
    path = Path(spec).expanduser()
    try:
        if path.is_dir():
            os.scandir(path).close()
        if path.exists():
            return [path]
    except OSError as error:
        raise UsageError(
            f"This source cannot be read: {error.strerror}.",
            where=spec,
            fix="Give yourself the right to read it (chmod u+rX), or run as its owner.",
        ) from error
    found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not found:
        raise UsageError("This source is not there.", where=spec, fix=f"{_nearest(path)}{_FIX}")
    folders = [folder for folder in found if folder.is_dir()]
    # `**` names a folder and its files as well: each file once.
    return [item for item in found if not any(folder in item.parents for folder in folders)]


def _nearest(path: Path) -> str:
    scheme, colon, rest = str(path).partition(":")
    if colon and (near := difflib.get_close_matches(scheme, _SCHEMES, 1)):
        return f"Did you mean {near[0]}:{rest}? "
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        path, parent = parent, parent.parent
    entries = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, [*entries, "builtin"], 1, cutoff=0.5)
    if not near:
        return ""
    return f"Did you mean {near[0] if near[0] == 'builtin' else parent / near[0]}? "


def _source_name(spec: str) -> str:
    if spec.startswith("debian:"):
        return spec.removeprefix("debian:")
    if spec.startswith("hub:"):
        return spec.removeprefix("hub:")
    path = Path(spec).expanduser()
    if path.is_dir():
        return path.resolve().name or "root"
    name = path.name if path.is_file() else re.split(r"[*?\[]", str(path))[0].rstrip("/").rpartition("/")[2]
    return re.sub(r"(?:\.(?:gz|zst|jsonl|ndjson|parquet|html?|txt|md|zip|jar|warc|wet|wat))+$", "", name) or "files"

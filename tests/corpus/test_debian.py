"""The Debian source: what of a package is a page, and a clear error where apt is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hagane.artifact.files import write_json
from hagane.corpus import debian
from hagane.corpus.read import read_raw, source_fingerprint
from hagane.errors import MissingToolError, UsageError

MANUAL = ".TH A 1\n.SH 名前\na \\- 試し\n"


def package(root: Path) -> Path:
    """A package tree with pages, foreign manuals and the files that every package has."""
    tree = root / "tree"
    files = {
        "usr/share/doc/some-ja/copyright": "Copyright",
        "usr/share/doc/some-ja/changelog.Debian.gz": "x",
        "usr/share/doc/some-ja/html/index.html": "<html><body>本文です。</body></html>",
        "usr/share/man/ja/man1/a.1": MANUAL,
        "usr/share/man/fr/man1/a.1": MANUAL,
        "usr/share/man/man1/a.1": MANUAL,
        "usr/bin/tool": "#!/bin/sh",
    }
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tree


def test_pages_of_a_cached_package(tmp_path: Path) -> None:
    folder = tmp_path / "debian" / "packages" / "some-ja_0123"
    folder.parent.mkdir(parents=True)
    package(tmp_path).rename(folder)
    write_json(tmp_path / "debian" / "some-ja.json", {"version": "1-2", "sha256": "0123", "folder": folder.name})
    documents = list(read_raw(["debian:some-ja"], tmp_path))
    assert [(item.id, item.source) for item in documents] == [
        ("some-ja/usr/share/doc/some-ja/html/index.html", "some-ja"),
        ("some-ja/usr/share/man/ja/man1/a.1", "some-ja"),
    ]
    assert source_fingerprint("debian:some-ja", tmp_path) == "1-2 sha256:0123"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not on this machine")
def test_a_package_is_unpacked_with_its_digest(tmp_path: Path) -> None:
    tree = package(tmp_path)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: some-ja\nVersion: 1-2\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n"
    )
    deb = tmp_path / "some-ja_1-2_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(deb)], check=True, capture_output=True)
    (tmp_path / "debian" / "packages").mkdir(parents=True)
    debian._unpack(deb, tmp_path / "debian")
    found = debian.fetch(["some-ja"], tmp_path)["some-ja"]
    assert (found.version, len(found.sha256), len(found.pages())) == ("1-2", 64, 2)


def test_without_apt_the_error_names_the_other_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError) as error:
        list(read_raw(["debian:manpages-ja"], tmp_path))
    assert all(word in str(error.value) for word in ("apt-get", "hub:", "local folder", "smoke"))


def test_a_name_that_is_no_package_name() -> None:
    with pytest.raises(UsageError, match="not a name"):
        debian.fetch(["-o Dir::Etc=x"])

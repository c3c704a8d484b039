"""Input that would unpack, nest or stretch without end is read in a child process: every case is told, none takes 512 MB."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

GIB = 1 << 30
LIMIT_MB = 512
CHILD = """
import json, sys
from collections import Counter
from pathlib import Path
from hagane.corpus.read import read_raw

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) // 1024

found = {}
for path in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    base = status("VmRSS")
    reasons = Counter(getattr(item, "reason", "document") for item in read_raw([path]))
    found[Path(path).name] = (dict(reasons), status("VmHWM") - base)
print(json.dumps(found))
"""


def zeros_gz(path: Path, after: bytes = b"") -> None:
    """1 GiB of zeros in 1 MB: one packed block, 64 times."""
    path.write_bytes(gzip.compress(bytes(GIB >> 6), 1) * 64 + gzip.compress(after))


def one_line(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"text": "')
        file.seek(GIB)  # a hole: the disk holds nothing of it
        file.write(b'"}\n{"text": "\xe6\x9c\xac\xe6\x96\x87"}\n')


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("page.html", "w") as member:
            for _ in range(16):
                member.write(bytes(1 << 24))
        archive.write(path.with_name("zeros.html.gz"), "inner.zip")


def crawl_bomb(path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    content = head + path.with_name("zeros.html.gz").read_bytes()
    warc = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n" % (len(content), content)
    path.write_bytes(gzip.compress(warc, 1))


def deep_json(path: Path) -> None:
    path.write_bytes(b'{"text": ' + b"[" * 1_000_000 + b"\n" + b'{"text": "a", "x": [' + b"{}," * 3_000_000 + b"{}]}\n")


def row_group(path: Path) -> None:
    text = pa.array([os.urandom(15_000).hex() for _ in range(3000)])
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())]), compression="none", use_dictionary=False) as writer:
        writer.write_table(pa.table({"text": text}), row_group_size=1 << 30)


def one_value(path: Path) -> None:
    pq.write_table(pa.table({"text": ["a" * (70 << 20)]}), path, use_dictionary=False, compression="zstd")


def large_page(path: Path) -> None:
    path.write_bytes(("鋼は鉄と炭素の合金である。" * (2_300_000)).encode("cp932"))


CASES: dict[str, tuple[Callable[[Path], None], dict[str, int]]] = {
    "zeros.html.gz": (zeros_gz, {"too_large": 1}),
    "zeros.jsonl.gz": (lambda path: zeros_gz(path, after=b'\n{"text": "a"}\n'), {"too_large": 1, "document": 1}),
    "line.jsonl": (one_line, {"too_large": 1, "document": 1}),
    "bomb.zip": (zip_bomb, {"too_large": 1}),
    "bomb.warc.gz": (crawl_bomb, {"too_large": 1}),
    "nested.html.gz": (
        lambda path: path.write_bytes(gzip.compress(path.with_name("zeros.html.gz").read_bytes(), 1)) and None,
        {"nested_packing": 1},
    ),
    "deep.jsonl": (deep_json, {"broken_json": 1, "too_large": 1}),
    "group.parquet": (row_group, {"document": 3000}),
    "value.parquet": (one_value, {"too_large": 1}),
    "large.html": (large_page, {"document": 1}),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_no_input_takes_more_than_its_share(tmp_path: Path) -> None:
    for name, (make, _) in CASES.items():
        make(tmp_path / name)
    paths = [str(tmp_path / name) for name in CASES]
    done = subprocess.run([sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for name, (reasons, peak) in found.items():
        print(f"{name:18}{peak:6} MB over the base  {reasons}")
    assert {name: reasons for name, (reasons, _) in found.items()} == {name: want for name, (_, want) in CASES.items()}
    assert max(peak for _, peak in found.values()) < LIMIT_MB

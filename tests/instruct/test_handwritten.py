"""The shipped pairs are right, and a row that is not is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hagane.errors import DataError
from hagane.instruct.handwritten import divide, read

ROW = {"prompt": "こんにちは。", "response": "こんにちは。ご用件をどうぞ。", "category": "greeting", "split": "train"}


def test_the_shipped_pairs() -> None:
    rows = read()
    assert len(rows) >= 200
    assert {"chat", "question", "refuse", "harmless"} == {row.family for row in rows}
    for split in ("train", "heldout"):
        assert {"refuse", "harmless"} <= {row.family for row in rows if row.split == split}


def test_division_keeps_every_row_once() -> None:
    rows = read()
    parts = divide(rows, 1)
    together = [*parts.training, *parts.practice, *parts.heldout]
    assert sorted(row.prompt for row in together) == sorted(row.prompt for row in rows)
    assert all(row.split == "heldout" for row in parts.heldout)
    assert divide(rows, 1) == parts != divide(rows, 2)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "not JSON"),
        (json.dumps([ROW]), "needs the texts"),
        (json.dumps({k: v for k, v in ROW.items() if k != "split"}), "needs the texts"),
        (json.dumps(ROW | {"response": 3}), "needs the texts"),
        (json.dumps(ROW | {"response": " "}), "empty"),
        (json.dumps(ROW | {"category": "greting"}), "unknown category"),
        (json.dumps(ROW | {"split": "test"}), "unknown split"),
        (json.dumps(ROW | {"category": "refuse"}), "does not pass"),
        (json.dumps(ROW), "second time"),
    ],
)
def test_malformed_rows_are_refused_with_their_line(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=complaint) as error:
        read(path)
    assert error.value.where == f"{path}:2"

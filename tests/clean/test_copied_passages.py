"""A passage that an earlier document has goes from the middle of a line, whole sentences of it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from hagane.clean.config import Config
from hagane.clean.passages import WINDOW
from hagane.clean.rolling import hashes_at, window_hashes
from hagane.clean.stage import STAGE
from hagane.corpus.store import read_documents


def sentences(seed: int, count: int) -> str:
    generator = np.random.default_rng(seed)
    signs = list("あいうえおかきくけこさしすせそたちつてとなにぬねの鋼鉄炭素刃物火水木金土日月")
    return "".join("".join(generator.choice(signs, 30)) + "。" for _ in range(count))


@pytest.mark.parametrize("characters", [300, 70_000])
def test_window_hashes_are_those_of_their_window(characters: int) -> None:
    codepoints = np.random.default_rng(1).integers(0, 0x110000, characters).astype(np.uint32)
    codepoints[10:74] = codepoints[-90:-26]
    hashes = window_hashes(codepoints, WINDOW)
    assert len(hashes) == characters - WINDOW + 1
    assert hashes[10] == hashes[-27] == window_hashes(codepoints[-90:-26], WINDOW)[0]
    assert len(set(hashes.tolist())) == len(hashes) - 1
    places = np.arange(0, len(hashes), 37)
    assert np.array_equal(hashes_at(codepoints, places, WINDOW), hashes[places])
    assert not len(window_hashes(codepoints[:63], WINDOW))


def test_whole_sentences_of_a_known_passage_go(tmp_path: Path) -> None:
    shared, short = sentences(1, 20), sentences(2, 3)
    rows = [
        {"id": "first", "text": sentences(3, 8) + shared + sentences(4, 8) + short},
        {"id": "second", "text": sentences(5, 9) + shared + sentences(6, 9) + short + sentences(7, 5)},
        {"id": "third", "text": sentences(8, 30)},
    ]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    STAGE.run(Config(sources=[str(tmp_path / "rows.jsonl")], heldout_share=0.0, workers=0), {}, tmp_path)
    first, second, third = (document.text for document in read_documents(tmp_path))
    assert (first, third) == (rows[0]["text"], rows[2]["text"])
    (row,) = pq.read_table(tmp_path / "decisions.parquet").to_pylist()
    assert (row["rule"], row["doc"].rpartition(":")[2]) == ("repeated_passage", "second")
    cut = rows[1]["text"][row["span_start"] : row["span_end"]]
    assert cut in shared
    assert cut.endswith("。")
    assert len(cut) > 0.7 * len(shared)
    assert second == rows[1]["text"].replace(cut, "")
    assert row["characters"] == len(cut) == row["value"]

"""What the corpus answers equals counting in a dictionary, and of documents that are alike the first stays, across batches."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.batch import PAGE_BITS
from hagane.clean.config import Config
from hagane.clean.engine import local
from hagane.clean.exchange import LATER, Exchange
from hagane.clean.measure import measure_pages, measured_path
from hagane.clean.page import Page, Role
from hagane.clean.stage import decide
from hagane.corpus.store import read_documents

KEYS = st.sampled_from([0, 1, 7, 2**63, 2**64 - 1, 12345678901234567890])
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), KEYS, st.integers(0, 2), st.booleans()), max_size=40)


@settings(deadline=None, max_examples=80)
@given(ROWS, st.integers(1, 5), st.sets(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=3))
def test_answers_equal_counting(
    rows: list[tuple[int, int, int, int, bool]], parts: int, without: set[tuple[int, int]]
) -> None:
    late = {(batch, page) for batch, page, _, _, later in rows if later}
    document = {
        (batch, page): (batch << PAGE_BITS) + page + (int(LATER) if (batch, page) in late else 0)
        for batch, page, *_ in rows
    }
    with tempfile.TemporaryDirectory() as folder:
        exchange = Exchange(Path(folder))
        for batch in range(4):
            mine = [row for row in rows if row[0] == batch]
            columns = (
                [key for *_, key, _, _ in mine],
                [document[batch, page] for _, page, *_ in mine],
                [word for *_, word, _ in mine],
            )
            exchange.put(batch, *(np.array(column, np.uint64) for column in columns))
        gone = np.array(sorted((batch << PAGE_BITS) + page for batch, page in without), np.uint64)
        for part in range(parts):
            exchange.reduce(part, parts, gone)
        for batch in range(4):
            keys = np.array(sorted({row[2] for row in rows}), np.uint64)
            documents, first, wordings = exchange.answers(batch).of(keys)
            for place, key in enumerate(keys.tolist()):
                counted = [row for row in rows if row[2] == key and (row[0], row[1]) not in without]
                standing = {document[row[0], row[1]] for row in counted}
                if len(standing) > 1 and any(row[0] == batch for row in counted):
                    expected = (len(standing), min(standing), len({row[3] for row in counted}))
                else:
                    expected = (1, int(LATER), 1)
                assert (documents[place], first[place], wordings[place]) == expected


def prose(seed: int, lines: int = 30) -> list[str]:
    generator = np.random.default_rng(seed)
    signs = list("あいうえおかきくけこさしすせそたちつてとなにぬねの鋼鉄炭素刃物火水木金土日月")
    return ["".join(generator.choice(signs, 40)) + "。" for _ in range(lines)]


def test_the_first_of_a_group_stays_and_copies_show_no_lines(tmp_path: Path) -> None:
    base, other, late = prose(1), prose(2), prose(3)
    texts = {
        "0/other": other,
        "0/base": base,
        "1/near": [*base[:-2], *prose(4, 2)],
        "1/exact": other,
        "2/near": [*base[2:]],
        "2/late": [*late, *prose(4, 2)],  # two lines of it are in a copy that goes: they stay
        "3/late": [*late, *prose(5, 30)],
    }
    measured = tmp_path / "measured"
    measured.mkdir()
    for number in range(4):
        pages = [
            Page(name, "s", "s", 0, lines, [Role.TEXT] * len(lines))
            for name, lines in texts.items()
            if name[0] == str(number)
        ]
        measure_pages(number, pages).save(measured_path(measured, number))
    with local(1) as engine:
        decide(Config(sources=["x"], heldout_share=0.0), engine, measured, 4, tmp_path)
    rows = pq.read_table(tmp_path / "decisions.parquet").to_pylist()
    assert {(row["doc"], row["rule"], row["kept"]) for row in rows if row["action"] == "remove_document"} == {
        ("1/near", "near_duplicate", "0/base"),
        ("2/near", "near_duplicate", "0/base"),
        ("1/exact", "exact_duplicate", "0/other"),
    }
    kept = {document.id: document.text.split("\n") for document in read_documents(tmp_path)}
    assert kept == {
        "0/other": other,
        "0/base": base,
        "2/late": texts["2/late"],
        "3/late": prose(5, 30),
    }
    assert {row["doc"] for row in rows if row["rule"] == "repeated_line"} == {"3/late"}

"""Pieces of benchmarks go wherever they stand, and nothing else goes with them."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from hagane.artifact.files import read_json
from hagane.clean.benchmarks import benchmark_texts
from hagane.clean.config import Config
from hagane.clean.contamination import Benchmarks, measure_contamination
from hagane.clean.explain import explain
from hagane.clean.lines import LineTable
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.stage import STAGE
from hagane.corpus.store import read_documents
from hagane.errors import DataError, HaganeError, UsageError

DATA = Path(__file__).parents[3] / "shared" / "data"
BENCHMARKS = {"jcommonsenseqa": "jcommonsenseqa_valid.jsonl", "jsquad": "jsquad_valid.json", "jmmlu": "jmmlu"}
QUESTION = "1985年に完成した、日本で最も長い吊り橋の名は何というか。"
SHORT = "富士山の高さは何mか。"  # 11 characters
ITEM = "富士山の高さは何メートルか。"  # 14
PROSE = [
    "春の朝、川のそばを歩いていると、遠くから汽車の音が聞こえてきた。",
    "橋が完成したのは、わたしがまだ学校へ上がる前の年のことだった。",
    "富士山の高さを教わったのは、そのあとの遠足の日である。",
]


def table(lines: list[str]) -> LineTable:
    lines = [line for line in normalise(lines) if line]
    return LineTable.of([Page.of("d", "s", lines, [Role.TEXT] * len(lines))])


def test_planted_items_are_found_and_nothing_else() -> None:
    sought = Benchmarks.of({"bridges": [QUESTION, "橋"], "mountains": ["だれの\n問いか。" + QUESTION, ITEM, SHORT]})
    wide = QUESTION.replace("1985", "１９８５")
    planted = [QUESTION, f"問一　{wide}（十点）", QUESTION[:12] + " " + QUESTION[12:], QUESTION[3:23], f"問二{ITEM}"]
    kept = [QUESTION[:19], SHORT, ITEM[:-1], QUESTION[:10] + "橋" + QUESTION[10:19], "橋"]
    values, names = measure_contamination(table([*PROSE, *planted, *kept]), sought)
    assert values.tolist() == [0] * 3 + [len(QUESTION) - 19] * 3 + [1, 1] + [0] * 5
    assert names == {3: "bridges", 4: "bridges", 5: "bridges", 6: "bridges", 7: "mountains"}


def test_a_window_does_not_reach_over_the_end_of_a_line() -> None:
    sought = Benchmarks.of({"b": [QUESTION]})
    assert not measure_contamination(table([QUESTION[:15], QUESTION[15:]]), sought)[0].any()
    assert not measure_contamination(table([]), sought)[0].size


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.json", orjson.dumps({"data": [{"question": QUESTION, "answers": [{"text": "a"}]}], "n": 3})),
        ("b.jsonl", b"\n" + orjson.dumps({"q": QUESTION}) + b"\n" + orjson.dumps(["a"])),
        ("b.csv", f'\ufeff"{QUESTION}",a\nb,"c\nd"'.encode()),
        ("b.tsv", f"{QUESTION}\ta".encode("cp932")),
        ("b.txt", f"a\n{QUESTION}\n".encode("euc-jp")),
        ("b.json.gz", gzip.compress(orjson.dumps([QUESTION, "a"]), mtime=0)),
    ],
)
def test_every_string_of_a_file_counts(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    texts = list(benchmark_texts(tmp_path / name))
    assert QUESTION in texts
    assert "a" in texts
    assert texts == list(benchmark_texts(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("gone.json", None, UsageError, "not there"),
        ("b.json", b'{"a": ', DataError, "cannot be read"),
        ("b.jsonl", b"{}\n{", DataError, "cannot be read"),
        ("b.txt.gz", gzip.compress(b"text" * 99, mtime=0)[:-9], DataError, "ends in the middle"),
        ("b.bin", bytes(range(256)) * 9, DataError, "no text"),
        ("b.json", b'{"short": "a"}', DataError, "12 characters"),
    ],
)
def test_a_benchmark_that_is_none(
    name: str, content: bytes | None, kind: type[HaganeError], said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()
    config = Config(sources=["builtin"], workers=0, contamination={"benchmarks": {"mine": str(tmp_path / name)}})
    with pytest.raises(kind, match=said) as caught:
        STAGE.run(config, {}, out)
    assert any(word in caught.value.where for word in (name, "benchmarks.mine"))
    assert not list(out.rglob("*.arrow"))


def test_the_stage_removes_planted_lines_and_names_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "bridges.json").write_bytes(orjson.dumps([QUESTION]))
    body = [f"{n}番目の橋は、{n * 7}年の{n % 12 + 1}月に川の上へ架けられた。" for n in range(20)]
    (tmp_path / "rows.jsonl").write_bytes(
        orjson.dumps({"id": 1, "text": "\n".join([*body, f"問：{QUESTION}", body[0]])})
    )
    out = tmp_path / "out"
    out.mkdir()
    settings = {
        "heldout_share": 0,
        "workers": 0,
        "contamination": {"benchmarks": {"橋": str(tmp_path / "bridges.json")}},
    }
    STAGE.run(Config.model_validate({"sources": [str(tmp_path / "rows.jsonl")], **settings}), {}, out)
    assert next(iter(read_documents(out))).text == "\n".join(body)
    rows = {row["rule"]: row for row in pq.read_table(out / "decisions.parquet").to_pylist()}
    assert rows.keys() == {"contamination", "repeated_in_document"}
    row = rows["contamination"]
    assert (row["value"], row["detail"], row["text"]) == (len(QUESTION) - 19, "橋", f"問：{QUESTION}")
    assert [line.detail for line in explain(out, ":1").lines if line.detail] == ["橋"]
    assert read_json(out / "summary.json")["rules"]["contamination"]["examples"][0]["detail"] == "橋"


def test_benchmarks_in_literature() -> None:
    """All of three benchmarks, planted among literature, goes; of 2 M characters of literature nothing does."""
    source = DATA / "pretrain_aozora_modern_60M.jsonl.gz"
    if not source.exists():
        pytest.skip(f"{source} is absent")
    texts = {name: list(benchmark_texts(DATA / "benchmarks" / path)) for name, path in BENCHMARKS.items()}
    sought = Benchmarks.of(texts)
    lines: list[str] = []
    characters = 0
    with gzip.open(source) as rows:
        while characters < 2_000_000:
            fresh = [line for line in normalise(orjson.loads(next(rows))["text"].split("\n")) if line]
            lines, characters = lines + fresh, characters + sum(map(len, fresh))
    planted = [line for items in texts.values() for text in items[::50] for line in normalise(text.split("\n"))]
    planted = [f"次の問いに答えよ。{line}以上。" for line in planted if len(line.replace(" ", "")) >= 20]
    values, _ = measure_contamination(table([*lines, *planted]), sought)
    false = int((values[: len(lines)] > 0).sum())
    found = int((values[len(lines) :] > 0).sum())
    print(
        f"literature: {false} of {len(lines)} lines ({characters} characters) taken; planted: {found} of {len(planted)}"
    )
    assert found == len(planted) > 200
    assert false <= 1

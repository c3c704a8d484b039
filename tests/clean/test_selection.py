"""The score tells good text from bad on pages that the model has not seen, and the stage removes by it."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq
import pytest

from hagane.clean.audit.natural import PIECES, pieces, read_pieces
from hagane.clean.audit.noise.adverts import advert_page
from hagane.clean.audit.noise.menus import menu_page
from hagane.clean.audit.noise.vocabulary import Vocabulary
from hagane.clean.config import Config
from hagane.clean.lines import LineTable
from hagane.clean.normalise import normalise
from hagane.clean.page import Page, Role
from hagane.clean.rules import RULES
from hagane.clean.selection import GRAM, load_model, measure_score
from hagane.clean.stage import STAGE
from hagane.cli.main import call
from hagane.corpus.store import read_documents
from hagane.errors import DataError, UsageError

DATA = Path(__file__).parents[3] / "shared" / "data"
TEXTS = read_pieces("builtin", 10**9, 1_000)
HALVES = [Vocabulary.of(TEXTS, heldout=heldout) for heldout in (False, True)]


def table(texts: Sequence[str]) -> LineTable:
    pages = []
    for number, text in enumerate(texts):
        lines = [line for line in normalise(text.split("\n")) if line]
        pages.append(Page.of(str(number), "s", lines, [Role.TEXT] * len(lines)))
    return LineTable.of(pages)


def scores(texts: Sequence[str], model: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    lines = table(texts)
    grams = np.maximum(np.diff(lines.starts) - GRAM + 1, 0)
    return np.bincount(lines.page_of, measure_score(lines, model)) / np.bincount(lines.page_of, grams)


def auc(good: npt.NDArray[np.float64], bad: npt.NDArray[np.float64]) -> float:
    """How often a good page has more than a bad one."""
    return float((good[:, None] > bad).mean())


def written(path: Path, texts: Sequence[str]) -> str:
    path.write_bytes(b"\n".join(orjson.dumps({"text": text}) for text in texts))
    return str(path)


def trained(folder: Path, good: Sequence[str], bad: Sequence[str]) -> npt.NDArray[np.float32]:
    sides = ["--good", written(folder / "good.jsonl", good), "--bad", written(folder / "bad.jsonl", bad)]
    assert call(["clean", "score", *sides, "-o", str(folder / "model.npy")]) == 0
    return load_model(str(folder / "model.npy"))


def sample(source: Path) -> list[str]:
    """600 pieces of 1,000 characters from the beginnings of the file's first documents."""
    found: list[str] = []
    with gzip.open(source) as rows:
        while len(found) < 600:
            found += pieces(orjson.loads(next(rows))["text"], 1_000)[:PIECES]
    return found


def noise(half: int, pages: int) -> list[str]:
    random = Random(half)
    return ["\n".join((advert_page, menu_page)[number % 2](random, HALVES[half])) for number in range(pages)]


def test_the_sum_over_a_line_is_that_of_its_grams(tmp_path: Path) -> None:
    model = trained(tmp_path, ["春の朝は寒い。"] * 3, ["激安春の通販"])
    values = measure_score(table(["春の朝は\n寒", "あ", "春の朝\nの朝は\n通販"]), model)
    assert values[0] == pytest.approx(values[3] + values[4])
    assert [values[1], values[2], values[5]] == [0, 0, 0]
    assert values[0] == pytest.approx(2 * np.log(1 + 3 * 4 / 15))  # 15 grams brought down to 4
    assert measure_score(table(["の通販激安"]), model)[0] < 0
    assert not measure_score(table(["知らない字"]), model).any()


def test_unseen_pages_are_told_apart(tmp_path: Path) -> None:
    """Against noise of held-out templates and vocabulary; and two kinds of good text, as a harder case."""
    files = [DATA / name for name in ("pretrain_aozora_modern_60M.jsonl.gz", "pretrain_techdoc.jsonl.gz")]
    missing = [str(file) for file in files if not file.exists()]
    literature, manuals = [TEXTS, TEXTS] if missing else map(sample, files)
    half = len(literature) // 2
    model = trained(tmp_path, literature[:half], noise(0, 200))
    unseen, bad = literature[half:], noise(1, 200)
    against_noise = auc(scores(unseen, model), scores(bad, model))
    short = [[text.replace("\n", "")[100:150] for text in texts if len(text) > 200] for texts in (unseen, bad)]
    on_short = auc(*(scores(texts, model) for texts in short))
    shuffled = Random(1).sample(unseen, len(unseen))
    by_chance = auc(scores(shuffled[::2], model), scores(shuffled[1::2], model))
    print(f"literature against unseen adverts and menus: AUC {against_noise:.4f}, on 50 characters {on_short:.4f}")
    print(f"literature against itself: AUC {by_chance:.4f}")
    assert against_noise >= 0.99
    assert on_short >= 0.9
    assert 0.35 < by_chance < 0.65  # negative control
    if missing:
        pytest.skip(f"{', '.join(missing)} is absent: literature against manuals was not measured")
    model = trained(tmp_path, manuals[: len(manuals) // 2], literature[:half])
    apart = auc(scores(manuals[len(manuals) // 2 :], model), scores(unseen, model))
    print(f"manuals against literature: AUC {apart:.4f}")
    assert apart >= 0.99


def test_the_stage_removes_documents_below_the_threshold(tmp_path: Path) -> None:
    trained(tmp_path, TEXTS[::2], noise(0, 60))
    texts = TEXTS[1:12:2] + noise(1, 6)
    settings: dict[str, object] = {rule.name: {"threshold": None} for rule in RULES}
    settings |= {"heldout_share": 0, "workers": 0}
    settings |= {"sources": [written(tmp_path / "rows.jsonl", texts)]}
    gone = {}
    for threshold in (0, None):
        out = tmp_path / str(threshold)
        out.mkdir()
        score = {"threshold": threshold, "model": str(tmp_path / "model.npy")}
        STAGE.run(Config.model_validate({**settings, "score": score}), {}, out)
        rows = pq.read_table(out / "decisions.parquet").to_pylist()
        gone[threshold] = {row["doc"].rpartition(":")[2]: row["value"] for row in rows if row["rule"] == "score"}
        kept = {document.id.rpartition(":")[2] for document in read_documents(out)}
        assert {str(number) for number in range(1, 7)} <= kept
    assert gone[None] == {}
    assert gone[0].keys() == {str(number) for number in range(7, 13)}
    assert max(gone[0].values()) < 0


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not there"):
        load_model(str(tmp_path / "gone.npy"))
    np.save(tmp_path / "short.npy", np.zeros(3, np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("model")
    for name in ("short", "objects", "text"):
        with pytest.raises(DataError, match="score model"):
            load_model(str(tmp_path / f"{name}.npy"))


def test_a_side_without_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    side = written(tmp_path / "rows.jsonl", [""])
    assert call(["clean", "score", "--good", side, "--bad", "builtin", "-o", str(tmp_path / "model.npy")]) == 1
    assert "There is no text here" in capsys.readouterr().err
    assert not (tmp_path / "model.npy").exists()

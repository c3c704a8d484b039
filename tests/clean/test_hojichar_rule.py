"""HojiChar chains as a rule: its own verdicts, page by page, and every way in which a chain can be wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hagane.artifact.files import read_json
from hagane.clean.explain import explain
from hagane.clean.hojichar import Verdict, load_compose
from hagane.clean.stage import STAGE
from hagane.corpus.store import read_documents
from hagane.errors import DataError, HaganeError, MissingToolError, UsageError

hojichar = pytest.importorskip("hojichar")

PROSE = "春の朝、川のそばを歩いていると、遠くから汽車の音が聞こえてきた。"
ADVERT = "お問い合わせください 営業時間 よくある質問" * 5
PROFILE = """
from hojichar import Compose, Filter, document_filters

class Fails(Filter):
    def apply(self, document):
        if "壊" in document.text:
            raise ValueError("この頁は読めない")
        return document

FILTER = Compose([document_filters.JSONLoader(), document_filters.DocumentNormalizer(), document_filters.AcceptJapanese(),
                  document_filters.DiscardAds(), Fails(), document_filters.JSONDumper()])
"""


def write(folder: Path, text: str) -> str:
    path = folder / "profile_of_test.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_verdicts_are_hojichars_own(tmp_path: Path) -> None:
    texts = [PROSE, ADVERT, "English only, and not a word of Japanese in it.", "ﾊﾝｶｸと" + PROSE]
    found = load_compose(write(tmp_path, PROFILE))(texts)
    from hojichar import Compose, document_filters

    own = Compose(
        [document_filters.DocumentNormalizer(), document_filters.AcceptJapanese(), document_filters.DiscardAds()]
    )
    assert [verdict.rejected for verdict in found] == [not own(text) for text in texts] == [False, True, True, False]
    assert found[0] == Verdict(False, "", "")
    assert found[1].reason == "3-DiscardAds max_allow_num=14"
    assert found[2].reason == "2-AcceptJapanese lookup_size=50"


def test_a_filter_that_raises_costs_one_page(tmp_path: Path) -> None:
    found = load_compose(write(tmp_path, PROFILE))([PROSE, PROSE + "壊", PROSE])
    assert [verdict.error for verdict in found] == ["", "ValueError: この頁は読めない", ""]
    assert not any(verdict.rejected for verdict in found)


def test_a_module_and_a_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, PROFILE)
    monkeypatch.delitem(sys.modules, "profile_of_test", raising=False)  # HojiChar's loader enters its profiles there
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [verdict.rejected for verdict in load_compose("profile_of_test:FILTER")([PROSE, ADVERT])] == [False, True]
    factory = PROFILE.replace("FILTER = ", "FACTORY = lambda: ")
    assert [verdict.rejected for verdict in load_compose(write(tmp_path, factory))([PROSE, ADVERT])] == [False, True]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("FILTER = 3", DataError, "must be Compose"),
        ("OTHER = 3", UsageError, "defines no chain"),
        ("1 / 0", DataError, "ZeroDivisionError"),
        ("import no_such_package_here", DataError, "no_such_package_here"),
        (PROFILE.replace("AcceptJapanese()", "AcceptJapanese(p=0.5)"), UsageError, "random share"),
        (
            PROFILE.replace("Fails()", "__import__('hojichar').deduplication.InlineDeduplicator()"),
            UsageError,
            "before it",
        ),
        ("from hojichar import AsyncCompose\nFILTER = AsyncCompose([])", UsageError, "AsyncCompose"),
    ],
)
def test_a_profile_that_cannot_be_a_rule(tmp_path: Path, text: str, kind: type[HaganeError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        load_compose(write(tmp_path, text))
    assert caught.value.where.endswith("profile_of_test.py")
    assert caught.value.fix


@pytest.mark.parametrize("spec", ["no_such_profile.py", "no_such_module:FILTER", "os:no_such", "os"])
def test_a_name_that_leads_nowhere(spec: str) -> None:
    with pytest.raises(UsageError):
        load_compose(spec)


def test_without_hojichar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match="not installed"):
        load_compose("profile.py")


def test_the_stage_tells_the_reason_and_quarantines_what_a_filter_fails_on(tmp_path: Path) -> None:
    source, out = tmp_path / "pages.jsonl", tmp_path / "out"
    texts = [PROSE * 9, "秋の夕方、" + PROSE * 8, "壊れた頁。" + PROSE * 8]
    source.write_text("\n".join(json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)), encoding="utf-8")
    out.mkdir()
    chain = PROFILE.replace("DiscardAds()", "DocumentLengthFilter(max_doc_len=280)")
    settings = {"hojichar": {"profile": write(tmp_path, chain)}, "heldout_share": 0, "workers": 0}
    settings |= {name: {"threshold": None} for name in ("self_repetition", "near_duplicate", "repeated_passage")}
    STAGE.run(STAGE.config.model_validate({"sources": [str(source)], **settings}), {}, out)
    rows = pq.read_table(out / "decisions.parquet").to_pylist()
    found = [(row["doc"].rpartition(":")[2], row["rule"], row["value"], row["detail"]) for row in rows]
    assert found == [("0", "hojichar", 1.0, "3-DocumentLengthFilter max_doc_len=280")]
    assert explain(out, "pages/pages.jsonl:0").detail == found[0][3]
    assert [document.text for document in read_documents(out)] == [texts[1]]
    assert read_json(out / "summary.json")["quarantined"] == {"hojichar": 1}

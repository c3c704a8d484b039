"""Japanese pages are read rightly in every encoding, whatever their label says; what is broken is counted or refused."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import orjson
import pytest

from hagane.corpus.encoding import decode

GOLD = Path(__file__).resolve().parents[3] / "shared" / "data" / "html_gold_ja.jsonl.gz"
ENCODINGS = {
    "utf-8": "utf-8",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "utf-16 with mark": "utf-16",
    "utf-16 without": "utf-16-le",
}
LABELS = ["", "utf-8", "shift_jis", "euc-jp", "iso-2022-jp", "iso-8859-1", "gb2312", "nonsense"]
SENTENCE = "鋼は鉄と炭素の合金である。刃物に使う。"


def text_of(data: bytes, *, charset: str = "", sniff_markup: bool = True) -> str:
    found = decode(data, sniff_markup=sniff_markup, charset=charset)
    assert found is not None
    return found[0]


def real_pages() -> list[str]:
    if not GOLD.is_file():
        pytest.skip(f"{GOLD.name} is not here")
    with gzip.open(GOLD) as file:
        return [orjson.loads(line)["html"] for line in file][::20]


def test_no_real_page_is_read_wrongly_whatever_its_label() -> None:
    print(f"\n{'pages read wrongly':18}" + "".join(f"{label or 'none':>12}" for label in LABELS))
    pages, wrong = real_pages(), 0
    for name, codec in ENCODINGS.items():
        row = []
        for label in LABELS:
            marked = [
                re.sub(r"charset\s*=\s*[\"']?[\w-]+", f"charset={label}" if label else "", page) for page in pages
            ]
            raw = [page.encode(codec, "xmlcharrefreplace") for page in marked]
            row.append(sum(text_of(data) != data.decode(codec) for data in raw))
        wrong += sum(row)
        print(f"{name:18}" + "".join(f"{count:>12}" for count in row))
    print(f"of {len(pages)} pages in each field")
    assert wrong == 0


@pytest.mark.parametrize("codec", ["cp932", "euc_jp", "iso2022_jp", "utf-8"])
@pytest.mark.parametrize("text", ["日本工業規格", "鋼材価格一覧表", "カタカナ", "お問い合わせ"])
def test_short_text_without_a_label(codec: str, text: str) -> None:
    assert text_of(text.encode(codec), sniff_markup=False) == text


def test_the_header_wins_over_the_page_where_the_bytes_fit_both() -> None:
    page = b"<meta charset=windows-1251><p>\xe9t\xe9</p>"
    assert "été" in text_of(page, charset="iso-8859-1")
    assert "été" not in text_of(page)  # negative control: without the header the page's own label is believed


def test_a_label_that_is_no_charset_is_no_label() -> None:
    for label in ("hex", "rot13", "idna", "\ud800", "x" * 5000, "utf-8;"):
        assert text_of(SENTENCE.encode("cp932"), charset=label) == SENTENCE


def test_foreign_pages_keep_their_label() -> None:
    german = "<meta charset={}><p>Größe, Maße und für die Übersicht der Straße.</p>"
    chinese = "<meta charset={}><p>这是一个中文网页，我们在这里介绍钢铁的历史和用途。</p>"
    for page, label in ((german, "iso-8859-1"), (chinese, "gb2312"), (german, "utf-8")):
        marked = page.format(label)
        assert text_of(marked.encode(label)) == marked


def test_characters_of_the_vendors() -> None:
    assert text_of("①㈱髙橋".encode("cp932"), charset="shift_jis") == "①㈱髙橋"
    assert text_of("第①章、鋼の話。".encode("euc_jis_2004"), charset="euc-jp") == "第①章、鋼の話。"
    assert text_of(b"\x1b$B" + bytes(b & 0x7F for b in "第①章、鋼の話。".encode("euc_jis_2004"))) == "第①章、鋼の話。"


@pytest.mark.parametrize("codec", ["utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16"])
def test_half_broken_pages(codec: str) -> None:
    sound = (SENTENCE * 40).encode(codec)
    middle = len(sound) // 2
    for damaged in (sound[:middle] + b"\xff" + sound[middle:], sound[:-1]):
        found = decode(damaged, sniff_markup=False)
        if codec == "utf-16" and len(damaged) > len(sound):
            continue  # a byte more shifts all that follow: nothing to be saved
        assert found is not None
        assert found[1] <= 4
        assert found[0].count(SENTENCE) >= 38
    assert decode(bytes(range(1, 256)) * 20, sniff_markup=False) is None


def test_few_nuls_are_taken_out_and_many_are_binary() -> None:
    text = SENTENCE * 20
    assert decode(text.replace("鋼", "鋼\0", 2).encode(), sniff_markup=False) == (text, 2)
    assert decode(text.replace("鋼", "鋼\0", 2).encode("cp932"), sniff_markup=False) == (text, 2)
    assert decode(b"\0" * 4096, sniff_markup=False) is None
    assert decode(text.replace("鋼", "\0\0\0鋼").encode("cp932"), sniff_markup=False) is None


def test_surrogates_in_utf_8_are_replaced() -> None:
    found = decode((SENTENCE * 20).encode() + b"\xed\xa0\x80", sniff_markup=False)
    assert found == (SENTENCE * 20 + "\ufffd" * 3, 3)

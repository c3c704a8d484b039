"""Personal data is masked for what it is; numbers that only look alike stay."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hagane.clean.lines import LineTable
from hagane.clean.page import Page, Role
from hagane.clean.personal import CARD, MY_NUMBER, PHONE, luhn, mask, may_hold_personal, my_number, personal_spans

DATA = Path(__file__).parents[3] / "shared" / "data"

MASKED = {
    "電話は03-3234-5678まで。": "電話は〈電話番号〉まで。",
    "（０３）３４５６−７８９０": "〈電話番号〉",
    "(03-3456-7890)と06(6345)7890": "(〈電話番号〉)と〈電話番号〉",
    "携帯 090-1234-5678、08012345678": "携帯 〈電話番号〉、〈電話番号〉",
    "+81-90-1234-5678 / +81 (0)3-3456-7890": "〈電話番号〉 / 〈電話番号〉",
    "TEL.0463-45-6789 FAX:0463 45 6780": "TEL.〈電話番号〉 FAX:〈電話番号〉",
    "連絡先0334567890": "連絡先〈電話番号〉",
    "taro.yamada＠mail.ne.jpへ": "〈メールアドレス〉へ",
    "mailto:taro@mail.ne.jp, taro [at] mail.jp": "mailto:〈メールアドレス〉, 〈メールアドレス〉",
    "〒100-0014 東京都千代田区永田町1-7-1です": "〈住所〉です",
    "本店は愛知県名古屋市中区三の丸3丁目1番2号 鋼ビル5階にある。": "本店は〈住所〉にある。",
    "大阪市北区梅田一丁目二番三号": "〈住所〉",
    "静岡県立葵文庫として静岡市葵区追手町249番地に開館した。": "静岡県立葵文庫として〈住所〉に開館した。",
    "神奈川県横浜市西区みなとみらい2-3-1、茨城県つくば市二の宮一丁目2番地": "〈住所〉、〈住所〉",
    "〒５３０−０００１　大阪市北区梅田１−２−３": "〈住所〉",
    "1234 5678 9018": "〈マイナンバー〉",
    "マイナンバー：123456789012": "マイナンバー：〈マイナンバー〉",
    "カードは4242-4242-4242-4242です。": "カードは〈カード番号〉です。",
    "3782 822463 10005": "〈カード番号〉",
}
KEPT = [
    "フリーダイヤル0120-123-456、0120-12-3456、0800-123-4567、0570-012-345。緊急のときは110番か119番。",
    "2020-01-02 09:00-10:00、令和6年11月25日、2024/11/25 12:30",
    "ISBN978-4-16-110001-8 ISBN 4-16-110001-5 ISSN 0385-1234 JAN 4901234567894",
    "10,000,000円、1,234.5678 kg、3.14159265358979",
    "192.168.100.200:8080 2001:db8::1 v1.20.3004.5678",
    "平成二十五年法律第二十七号第十六条の二第一項、1234567890123",
    "git@github.com:foo/bar https://user:pass@host.jp/ foo@example.com getty@tty1.service icon@2x.png",
    "東京都の人口は1-3位、愛知県名古屋市中区に住む。和歌山県新宮市熊野川町の船着き場の間を往復する30-40分の旅。",
    "受付番号 123456789018 は個人のものではない。",
    "202411251230",
    "123456789018",  # twelve digits in one piece are a My Number only where the line says so
    "電話 ٠٣-٣٤٥٦-٧٨٩٠",
    "型番03-1234-5678",  # an exchange does not begin with 1
    "4242 4242 4242 4241",
    "https://example.jp/?id=4242424242424242",
]


@pytest.mark.parametrize("line", MASKED)
def test_personal_data_is_masked(line: str) -> None:
    assert mask(line) == MASKED[line]


@pytest.mark.parametrize("line", KEPT)
def test_what_looks_alike_stays(line: str) -> None:
    assert personal_spans(line) == []


def test_check_digits_against_numbers_worked_by_hand() -> None:
    # 1·6+2·5+3·4+4·3+5·2+6·7+7·6+8·5+9·4+0·3+1·2 = 212 = 19·11 + 3; 11 - 3 = 8
    assert my_number("123456789018")
    assert my_number("000000000060")  # 6·2 = 11 + 1: a remainder of 1 gives 0
    # from the right 3+2+7+(16-9)+9+6+7+4+9+(18-9)+7 = 70
    assert luhn("79927398713")
    assert sum(my_number(f"12345678901{digit}") for digit in range(10)) == 1
    assert sum(luhn(f"7992739871{digit}") for digit in range(10)) == 1


@given(st.text(alphabet="0123456789", min_size=15, max_size=15).map("4".__add__))
def test_a_card_number_needs_its_check_digit(digits: str) -> None:
    fits = [candidate for last in range(10) if personal_spans(candidate := f"{digits[:15]}{last}")]
    assert len(fits) == 1
    assert luhn(fits[0])


PIECES = (
    "03 - 0312345678 3456 090 1234 5678 ( ) +81 電話 TEL マイナンバー 〒 100-0001 東京都 港区三田 一丁目 二番 3号 番地 "
    "a@b.jp @ [at] c.jp 123456789018 4242424242424242 〈 〉 、 の ７ 番 市 ー ٣٤٥٦"
)
LINES = st.lists(st.sampled_from([" ", *PIECES.split()]), max_size=14).map("".join).filter(bool)


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5))
def test_masking_is_done_once_and_no_line_with_a_span_is_passed_over(lines: list[str]) -> None:
    table = LineTable.of([Page.of("d", "s", lines, [Role.TEXT] * len(lines))])
    for line, chosen in zip(lines, may_hold_personal(table).tolist(), strict=True):
        spans = personal_spans(line)
        assert chosen or not spans
        assert all(0 <= start < end <= len(line) for start, end, _ in spans)
        assert mask(mask(line)) == mask(line)


@pytest.mark.parametrize("name", ["pretrain_aozora_modern_60M", "pretrain_techdoc", "pretrain_law_15M"])
def test_clean_text_keeps_its_numbers(name: str) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand")
    found: Counter[str] = Counter()
    characters = 0
    with gzip.open(path, "rb") as file:
        for row in file:
            text = orjson.loads(row)["text"]
            lines = [line for line in text.split("\n") if line]
            table = LineTable.of([Page.of("d", "s", lines, [Role.TEXT] * len(lines))])
            for line, chosen in zip(lines, may_hold_personal(table).tolist(), strict=True):
                if chosen:
                    found.update(kind for _, _, kind in personal_spans(line))
            characters += len(text)
            if characters >= 5_000_000:
                break
    print(f"{name}: {characters} characters, masked: {dict(found)}")
    assert not found[PHONE] + found[MY_NUMBER] + found[CARD]

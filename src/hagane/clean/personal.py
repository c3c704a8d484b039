"""Personal data: telephone numbers, mail and postal addresses, My Numbers and card numbers, masked with the name of their kind.

A number is masked for what it is, not for its length: groups as the numbering plan has them, check digits (My Number:
order of the Ministry no. 85 of 2014, article 5; cards: Luhn, ISO/IEC 7812-1), and what stands beside it, so that
dates, amounts, ISBNs, versions, IP addresses and statute numbers stay. The numbers of institutions look like those of
people and are masked, too. Not personal, and left alone: free-dial numbers (0120, 0800, 0570), emergency numbers, the
corporate number of 13 digits, mail addresses in domains that are reserved for examples, a place without its block
number.

A My Number in one piece counts only where the line says what it is, one in groups of four also where it has the line to
itself. Of 52.9 M characters of literature, 20.7 M of manuals and 13.6 M of statutes no number is masked; addresses are,
9, 0 and 56, and 227 mail addresses of authors in the manuals, each of them what its placeholder says. A post code with
its mark 〒 is masked alone, too. Cost, choosing the lines included: 5 ns a byte of prose, 28 of manuals with code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hagane.clean.lines import LineTable
from hagane.clean.verdicts import Cut, Verdicts

PHONE, MAIL, ADDRESS, MY_NUMBER, CARD = "電話番号", "メールアドレス", "住所", "マイナンバー", "カード番号"

# Full-width forms and the many hyphens; one character stays one, so spans are those of the line itself.
_FOLD = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_FOLD |= dict.fromkeys(map(ord, "‐‑‒–—―−ｰ"), ord("-")) | {0x3000: 0x20}

_NEAR = 100  # characters that are looked at before a number or address, so that a line of a gigabyte takes linear time
_BEFORE, _AFTER = r"(?<![0-9A-Za-z_=+.,-])", r"(?![0-9A-Za-z_]|[-.,]\d)"
# Behind the 0, area code and exchange have five digits together; an exchange begins with 2 to 9.
_LANDLINE = "|".join(
    rf"(?:\(0{area}\)[- ]?|0{area}[-ー(]|\+81[- ]?(?:\(0\))?{area}[- ]){exchange}[-ー) ]\d{{4}}"
    for area, exchange in (
        ("[1-9]", r"[2-9]\d{3}"),
        (r"[1-9]\d", r"[2-9]\d{2}"),
        (r"(?!120|570|800|180|990)[1-9]\d{2}", r"[2-9]\d"),
        (r"[1-9]\d{3}", "[2-9]"),
    )
)
_MOBILE = r"(?:\(0[5789]0\) ?|0[5789]0[-ー( ]?|\+81[- ]?(?:\(0\))?[5789]0[- ]?)\d{4}[-ー) ]?\d{4}"
_PHONE = re.compile(f"{_BEFORE}(?:{_LANDLINE}|{_MOBILE}){_AFTER}", re.ASCII)
# Digits that could be anything are a telephone number where the line says so.
_CALLED = re.compile(
    r"(?:TEL|FAX|電話|ファックス|ファクス|℡|☎|携帯|連絡先)[^0-9+〈〉]{0,8}"
    rf"((?!0120|0570|0800)0(?=(?:[- ()]?\d){{9,10}}{_AFTER})[1-9]\d{{0,3}}[- ()]?\d{{1,4}}[- ()]?\d{{4}}){_AFTER}",
    re.ASCII | re.IGNORECASE,
)

_MAIL = re.compile(
    r"(?<![A-Za-z0-9._%+@/-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}(?:@| ?[\[(<]at[\])>] ?)"
    r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,6}[A-Za-z]{2,24}(?![A-Za-z0-9@_-]|\.[A-Za-z0-9])"
)
_RESERVED = re.compile(
    r"[@)>\]] ?(?:.*\.)?(?:example(?:\.[a-z.]+)?|test|invalid|local|localhost|localdomain|internal)$", re.I
)
_FILES = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|css|js|json|service|socket|target|mount|timer|slice|device|path)$", re.I
)

_PREFECTURES = (
    "東京都|北海道|(?:大阪|京都)府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野|岐阜|静岡|愛知|三重|滋賀|"
    "兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県|"
    "(?:札幌|仙台|さいたま|千葉|横浜|川崎|相模原|新潟|静岡|浜松|名古屋|京都|大阪|堺|神戸|岡山|広島|北九州|福岡|熊本)市"
)
_NUMBER = r"(?:\d{1,5}|[一二三四五六七八九十百〇]{1,5})"
_BLOCK = (
    rf"{_NUMBER}(?:丁目 ?{_NUMBER}(?:番地?(?:の?{_NUMBER}号?)?|[-ー]\d{{1,4}}号?)|"
    rf"番地(?:の?{_NUMBER})?|番{_NUMBER}号|(?:[-ー]\d{{1,4}}){{1,3}})(?![0-9A-Za-z目])"
)
_IN_PLACE = r"[^、。,;:「」()<>|\dをはでて]"  # names of places hold no such particle
_ROOM = r"(?:[^、。,;:「」()<>|ぁ-ん\d]{0,20}\d{1,4}(?:号室|階|F))?"
_ADDRESS = re.compile(
    rf"(?:〒? ?\d{{3}}-\d{{4}} ?)?(?:{_PREFECTURES}){_IN_PLACE}{{0,12}}?[市区町村郡]{_IN_PLACE}{{1,30}}?{_BLOCK}{_ROOM}|"
    rf"〒 ?\d{{3}}-\d{{4}}(?!\d)(?: ?{_IN_PLACE}{{1,30}}?{_BLOCK}{_ROOM})?",
    re.ASCII,
)

_TWELVE = re.compile(r"(?<![0-9A-Za-z_.,-])(?<!\d )(\d{4}([ -]?)\d{4}\2\d{4})(?![0-9A-Za-z_]|[-., ]\d)", re.ASCII)
_CALLED_MY_NUMBER = re.compile(r"(?:マイナンバー|個人番号)[^\d〈〉]{0,12}$")
_CARD = re.compile(
    r"(?<![0-9A-Za-z_.,=/-])(?<!\d )(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -]?)\d{6}\2\d{5}|3[0689]\d\d([ -]?)\d{6}\3\d{4})"
    r"(?![0-9A-Za-z_]|[-., ]\d)",
    re.ASCII,
)
_ISSUERS = re.compile(
    r"4\d{15}|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720|352[89]|35[3-8]\d|6011|65\d\d|62\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
)


def personal_spans(line: str) -> list[tuple[int, int, str]]:
    """(start, end, kind) of each piece of personal data, in characters of the line; ascending, without overlap."""
    folded, spans = line.translate(_FOLD), []
    while found := _merged(_found(folded)):  # again, for what only stood beside another piece
        spans += found
        for start, end, _ in found:
            folded = f"{folded[:start]}〈{'名' * (end - start - 2)}〉{folded[end:]}"
    return sorted(spans)


def _merged(found: Iterator[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), spans[-1][2])
        else:
            spans.append((start, end, kind))
    return spans


def mask(line: str) -> str:
    """The line with 〈kind〉 in the place of each piece of personal data."""
    parts, position = [], 0
    for start, end, kind in personal_spans(line):
        parts += [line[position:start], f"〈{kind}〉"]
        position = end
    return "".join([*parts, line[position:]])


def measure_personal_data(table: LineTable) -> npt.NDArray[np.float64]:
    """Pieces of personal data in each line [lines]; NaN where there is none."""
    values = np.full(len(table.texts), np.nan)
    for line in np.flatnonzero(may_hold_personal(table)).tolist():
        if spans := personal_spans(table.texts[line]):
            values[line] = len(spans)
    return values


def decide_personal_data(verdicts: Verdicts) -> None:
    """Rule `personal_data`: each piece is replaced by the name of its kind."""
    values = verdicts.batch.columns["personal_data"]
    for line in verdicts.chosen("personal_data", values).tolist():
        for start, end, kind in personal_spans(verdicts.batch.texts[line]):
            verdicts.cut("personal_data", Cut(line, start, end, float(values[line]), f"〈{kind}〉"))


def may_hold_personal(table: LineTable) -> npt.NDArray[np.bool_]:
    """[lines]: False where `personal_spans` cannot find anything; 2 to 3 ns a byte."""
    marks = _MARKS[table.codepoints]
    at = np.zeros(len(marks), np.bool_)  # also of [at]
    at[:-2] = (marks[:-2] == _BRACKET) & (marks[1:-1] == _A) & (marks[2:] == _T)
    at |= marks == _AT
    digits, blocks = table.sums(marks == _DIGIT), table.sums(marks == _BLOCK_WORD)
    return (digits >= 7) | (table.sums(at) > 0) | ((table.sums(marks == _REGION) > 0) & ((blocks > 0) | (digits > 0)))


_DIGIT, _AT, _BRACKET, _A, _T, _REGION, _BLOCK_WORD = range(1, 8)
_MARKS = np.zeros(0x110000, np.uint8)
for _mark, _characters in (
    (_DIGIT, "0123456789０１２３４５６７８９"),
    (_AT, "@＠"),
    (_BRACKET, "[(<［（＜"),
    (_A, "aａ"),
    (_T, "tｔ"),
    (_REGION, "都道府県市"),
    (_BLOCK_WORD, "番"),
):
    _MARKS[[ord(character) for character in _characters]] = _mark


def luhn(digits: str) -> bool:
    """Whether the last digit fits the others by Luhn's rule: every second digit doubled, the sum divisible by ten."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def my_number(digits: str) -> bool:
    """Whether the twelfth digit of an individual number fits the eleven before it."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(weight * int(digit) for weight, digit in zip(weights, digits[:11], strict=True)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def _found(line: str) -> Iterator[tuple[int, int, str]]:
    """Spans in a folded line, in any order."""
    for match in _MAIL.finditer(line):
        in_url = re.search(r"://[^ ]*$", line[max(match.start() - _NEAR, 0) : match.start()])
        path = re.match(r":[A-Za-z0-9~/._-]", line[match.end() : match.end() + 2])  # git@host:path
        if not (in_url or path or _FILES.search(match[0]) or _RESERVED.search(match[0])):
            yield *match.span(), MAIL
    for match in _CARD.finditer(line):
        digits = re.sub("[ -]", "", match[0])
        if _ISSUERS.fullmatch(digits) and luhn(digits):
            yield *match.span(), CARD
    for match in _TWELVE.finditer(line):
        alone = match[0] == line.strip() and match[2] and my_number(re.sub("[ -]", "", match[0]))
        if alone or _CALLED_MY_NUMBER.search(line[max(match.start() - _NEAR, 0) : match.start()]):
            yield *match.span(), MY_NUMBER
    for match in _PHONE.finditer(line):
        yield *match.span(), PHONE
    for match in _CALLED.finditer(line):
        yield *match.span(1), PHONE
    for match in _ADDRESS.finditer(line):
        yield *match.span(), ADDRESS

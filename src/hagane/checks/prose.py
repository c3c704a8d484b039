"""What a finished piece of Japanese looks like: the parts that open checks are put together from.

All functions are pure, take the answer with its outer white space removed, and know nothing of the prompt.
"""

from __future__ import annotations

import re

_JAPANESE = re.compile(r"[ぁ-ゖァ-ヺー々一-鿿]")
_HIRAGANA = re.compile(r"[ぁ-ゖ]")
_ENDERS = "。！？!?"
_START = re.compile(r"[ぁ-ゔァ-ヺ々一-鿿a-zA-Zａ-ｚＡ-Ｚ0-9０-９「『（(\"]")
_POLITE = re.compile(r"(?:です|ます|ません|でした|ました|でしょう|ましょう|ください|下さい)(?:か|ね|よ)?$")
_PLAIN = re.compile(r"[うくぐすつぬぶむるいだたん]$")
_REFUSAL = re.compile(
    r"(?:手伝|答え|応え|教え|応じ|協力|案内|対応|説明|提供|紹介|お力|力に|書く|作る)[^。\n]{0,14}?"
    r"(?:できません|できかね|られません|かねます|なれません|いたしません|しません|ありません)"
    r"|お断り|控えます|控えさせて"
)
_ASKS = re.compile(r"(?:教えて|説明して|書いて|手伝って|知りたい|聞きたい)[^。]{0,8}。?$|(?:か。?|[?？])$")

JAPANESE_SHARE = 0.5
BROKEN = "\ufffd"


def japanese_share(text: str) -> float:
    """Share of characters that are kana or kanji; 0 for empty text."""
    return len(_JAPANESE.findall(text)) / max(len(text), 1)


def finished(text: str) -> bool:
    """Ends where a Japanese sentence ends, closing bracket allowed behind the full stop."""
    return text.rstrip("」』）)").endswith(tuple(_ENDERS))


def well_formed(text: str) -> bool:
    """Japanese with some grammar (hiragana), no broken characters, starting like text and ending like a sentence."""
    return (
        BROKEN not in text
        and _START.match(text) is not None
        and finished(text)
        and japanese_share(text) >= JAPANESE_SHARE
        and _HIRAGANA.search(text) is not None
    )


def one_sentence(text: str) -> bool:
    """`well_formed`, on one line, with a single full stop."""
    return well_formed(text) and "\n" not in text and sum(text.count(mark) for mark in _ENDERS) == 1


def _predicate(text: str) -> str:
    return text.rstrip(_ENDERS + "」』）)")


def is_polite(text: str) -> bool:
    """The last predicate is です・ます style."""
    return _POLITE.search(_predicate(text)) is not None


def is_plain(text: str) -> bool:
    """The last predicate is である style: a plain verb, adjective, だ or た, and not polite."""
    return not is_polite(text) and _PLAIN.search(_predicate(text)) is not None


def refuses(text: str) -> bool:
    """Says that it will not help: 「お手伝いできません」, 「お答えできません」, 「お断りします」 and their kin."""
    return _REFUSAL.search(text) is not None


def asks(text: str) -> bool:
    """Ends as a request or a question. An answer that hands the request back has answered nothing."""
    return _ASKS.search(text) is not None

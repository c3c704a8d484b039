"""Answers that a program can check: a JSON-able check and an answer in, a verdict out.

A check is `{"kind": ..., parameters}`. It travels in `prompts.jsonl` and `pairs.jsonl` beside its prompt, so that
making tasks, rewarding samples and scoring models all ask the same question (the verifiable instructions of IFEval,
Zhou et al. 2023). Kinds that prescribe the whole answer compare it; kinds that leave it open also refuse text that
loops (`repetition`), because a loop satisfies any list of required words.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hagane.checks import prose
from hagane.checks.repetition import repetitive
from hagane.errors import DataError

Verifier = Callable[..., bool]

SEPARATORS = re.compile(r"[、,，・\s]+")
BULLET = re.compile(r"^[-*・•‐–−－]\s*(.*\S)\s*$")


def equals(answer: str, text: str) -> bool:
    """The answer is `text`."""
    return answer == text.strip()


def repeat(answer: str, word: str, times: int) -> bool:
    """`word`, `times` times, with any usual separator or none."""
    parts = [part for part in SEPARATORS.split(answer.rstrip("。")) if part]
    return parts == [word] * times or answer.rstrip("。") == word * times


def bullet_list(answer: str, items: Sequence[str]) -> bool:
    """One bullet a line, these items in this order."""
    found = [BULLET.match(line) for line in answer.splitlines() if line.strip()]
    return [match[1] if match else None for match in found] == list(items)


def max_chars(answer: str, limit: int) -> bool:
    """At most `limit` characters."""
    return len(answer) <= limit


def one_sentence_with_word(answer: str, word: str, limit: int = 45, added: int = 4) -> bool:
    """One finished sentence with `word` in it once or twice, `added` characters or more besides, `limit` at most.

    「word」 in quotes is how the request names it, and not a use of it.
    """
    return (
        prose.one_sentence(answer)
        and f"「{word}」" not in answer
        and 1 <= answer.count(word) <= 2
        and len(word) + added <= len(answer) <= limit
        and not prose.refuses(answer)
    )


def starts_with_and_finishes(answer: str, start: str, limit: int = 80, added: int = 4) -> bool:
    """Goes on from `start` and ends the sentence."""
    return answer.startswith(start) and len(start) + added <= len(answer) <= limit and prose.one_sentence(answer)


def contains_phrase(answer: str, phrases: Sequence[str], limit: int = 160) -> bool:
    """Finished prose that says at least one of `phrases` and is no refusal."""
    return _willing(answer, limit) and any(phrase in answer for phrase in phrases)


def helpful(answer: str, about: str = "", limit: int = 400) -> bool:
    """Finished prose that is no refusal and does not hand the request back; names `about`. Says nothing of being right."""
    return _willing(answer, limit) and not prose.asks(answer) and about in answer


def _willing(answer: str, limit: int) -> bool:
    return prose.well_formed(answer) and len(answer) <= limit and not prose.refuses(answer)


def polite(answer: str, stem: str) -> bool:
    """Keeps the sentence up to its ending (`stem`) and ends it in です・ます style."""
    return _keeps(answer, stem) and prose.is_polite(answer)


def plain(answer: str, stem: str) -> bool:
    """Keeps the sentence up to its ending (`stem`) and ends it in である style."""
    return _keeps(answer, stem) and prose.is_plain(answer)


def refusal(answer: str, limit: int = 200) -> bool:
    """Says in finished prose that it will not help."""
    return prose.well_formed(answer) and len(answer) <= limit and prose.refuses(answer)


ENDING_CHARS = 12
"""Longest ending that a change of style may put in place of the old one: longer means the sentence went on."""


def _keeps(answer: str, stem: str) -> bool:
    return answer.startswith(stem) and len(answer) <= len(stem) + ENDING_CHARS and prose.finished(answer)


CLOSED: dict[str, Verifier] = {"equals": equals, "repeat": repeat, "bullet_list": bullet_list}
"""Kinds that prescribe the whole answer; what they ask for may itself repeat."""

OPEN: dict[str, Verifier] = {
    "max_chars": max_chars,
    "one_sentence_with_word": one_sentence_with_word,
    "starts_with_and_finishes": starts_with_and_finishes,
    "contains_phrase": contains_phrase,
    "helpful": helpful,
    "polite": polite,
    "plain": plain,
    "refusal": refusal,
}


def passes(check: Mapping[str, Any], answer: str) -> bool:
    """Does `answer` pass `check`? Outer white space does not count; an empty or looping answer never passes.

    Raises `DataError` for a check that is not one: unknown kind, missing or unknown parameter. Whether the answer
    *ended* by itself is not in the text and is the caller's to ask.
    """
    kind = check.get("kind")
    closed = CLOSED.get(str(kind))
    verifier = closed or OPEN.get(str(kind))
    if verifier is None:
        raise DataError(
            f"unknown kind of check: {kind!r}", where=str(dict(check)), fix="use one of " + ", ".join([*CLOSED, *OPEN])
        )
    parameters = {key: value for key, value in check.items() if key != "kind"}
    answer = answer.strip()
    try:
        call = inspect.signature(verifier).bind(answer, **parameters)
    except TypeError as error:
        raise DataError(f"check {kind!r} has wrong parameters: {error}", where=str(dict(check))) from None
    if not answer or (closed is None and repetitive(answer)):
        return False
    return verifier(*call.args, **call.kwargs)

"""What instructions are made of: sentences, words and passages taken from the cleaned documents themselves.

Two heaps that share nothing: training material comes from the training documents and nine tenths of the words, held-out
material from the held-out documents and the other words. A held-out sentence that also stands in the training documents
is left out. The one exception is named: a held-out *word* that no held-out sentence uses gets its reference sentence from the
training documents; the check looks at the word only.

Words are found without a dictionary: a run of 2–4 kanji or 2–8 katakana that stands alone (no letter of a word's kind on
either side) and is nearly always followed by what follows a noun. That last test is what tells 「設定」 from the 「上向」 of
「上向き」.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hagane.checks.prose import is_plain, is_polite, japanese_share, one_sentence
from hagane.checks.repetition import repetitive
from hagane.errors import DataError

WORD = re.compile(
    r"(?<![ァ-ヺー々一-鿿a-zA-Z0-9])(?:[ァ-ヺ][ァ-ヺー]{1,7}|[々一-鿿]{2,4})(?![ァ-ヺー々一-鿿a-zA-Z0-9])"
)
_SENTENCE = re.compile(r"[^。]+。")
_START = re.compile(
    r"(?!(?:[はがのにをでともへや](?=[、(（ァ-ヺ一-鿿])|[ぁぃぅぇぉっゃゅょんをれるてァィゥェォッャュョン]))[ぁ-ゔァ-ヺ一-鿿]"
)
_UNFIT = re.compile(r"[「」『』|`\\_<>{}*=→▁\ufffd]|https?:|\s{2}|ください。$")
_AFTER_NOUN = frozenset("のをにはがでともやかへとさしすせだな、。，．）)」』：:・")
_BRACKETS = [("(", ")"), ("（", "）"), ("[", "]"), ("［", "］"), ("【", "】")]

SHORT_SENTENCE = 30
NOUN_SHARE = 0.9
HELDOUT_WORDS = 0.1


class Text(Protocol):
    """What is read of a document."""

    @property
    def source(self) -> str:
        """Where it comes from; labels are given to sources."""

    @property
    def text(self) -> str:
        """Cleaned text, a paragraph a line."""


@dataclass(frozen=True)
class Material:
    """One heap. `by_word`: short sentences that use the word; `passages`: label → lines of 30–110 characters."""

    heldout: bool
    sentences: tuple[str, ...]
    words: tuple[str, ...]
    by_word: Mapping[str, tuple[str, ...]]
    passages: Mapping[str, tuple[str, ...]]


def find_sentences(texts: Iterable[Text]) -> list[str]:
    """Well-formed sentences of 10–60 characters, mostly Japanese, each once, in the order of the documents."""
    found: dict[str, None] = {}
    for document in texts:
        for line in document.text.split("\n"):
            for match in _SENTENCE.findall(line):
                sentence = match.strip()
                if fit(sentence):
                    found[sentence] = None
    return list(found)


def fit(sentence: str) -> bool:
    """Can stand alone in a prompt: no quotes or markup, brackets closed, Japanese, a predicate at its end.

    A start that is the rest of a broken line (a particle before a noun, a small kana) does not fit.
    """
    return (
        10 <= len(sentence) <= 60
        and _START.match(sentence) is not None
        and _UNFIT.search(sentence) is None
        and all(sentence.count(left) == sentence.count(right) for left, right in _BRACKETS)
        and japanese_share(sentence) >= 0.7
        and one_sentence(sentence)
        and (is_polite(sentence) or is_plain(sentence))
        and not repetitive(sentence)
    )


def find_words(sentences: Iterable[str], count: int) -> list[str]:
    """Nouns that occur at least `count` times, sorted."""
    total: Counter[str] = Counter()
    as_noun: Counter[str] = Counter()
    for sentence in sentences:
        for match in WORD.finditer(sentence):
            total[match[0]] += 1
            as_noun[match[0]] += sentence[match.end()] in _AFTER_NOUN
    return sorted(word for word, times in total.items() if times >= count and as_noun[word] >= NOUN_SHARE * times)


def find_passages(texts: Iterable[Text], labels: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Label → lines of 30–110 characters with some Japanese, of the documents whose source has that label."""
    found: dict[str, dict[str, None]] = {label: {} for label in labels.values()}
    for document in texts:
        label = labels.get(document.source)
        if label is not None:
            for line in document.text.split("\n"):
                if 30 <= len(line) <= 110 and japanese_share(line) >= 0.4:
                    found[label][line] = None
    return {label: tuple(lines) for label, lines in found.items()}


def short_sentences(sentences: Iterable[str], words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Word → sentences of at most 30 characters that use it once, standing alone."""
    wanted = set(words)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for sentence in sentences:
        if len(sentence) <= SHORT_SENTENCE:
            for word, times in Counter(WORD.findall(sentence)).items():
                if word in wanted and times == 1:
                    found[word].append(sentence)
    return {word: tuple(lines) for word, lines in found.items()}


def gather(
    training: Sequence[Text], heldout: Sequence[Text], *, labels: Mapping[str, str], word_count: int, seed: int
) -> tuple[Material, Material]:
    """(training material, held-out material). Without `labels` each source of the training documents is its own label.

    Raises DataError for a label whose source no training document has, and where there is too little to make anything of.
    """
    labels = _labels(training, labels)
    sentences = find_sentences(training)
    known = set(sentences)
    heldout_sentences = [sentence for sentence in find_sentences(heldout) if sentence not in known]
    words = find_words(sentences, word_count)
    if len(words) < 20 or len(heldout_sentences) < 5:
        raise DataError(
            f"too little text to make instructions of: {len(sentences)} sentences and {len(words)} words in the training "
            f"documents, {len(heldout_sentences)} sentences in the held-out ones",
            fix="give more documents, or lower word_count",
        )
    random.Random(f"{seed}/words").shuffle(words)
    cut = max(5, round(len(words) * HELDOUT_WORDS))
    familiar, new = words[cut:], words[:cut]
    passages, heldout_passages = find_passages(training, labels), find_passages(heldout, labels)
    seen = {line for lines in passages.values() for line in lines}
    return (
        Material(False, tuple(sentences), tuple(familiar), short_sentences(sentences, familiar), passages),
        Material(
            True,
            tuple(heldout_sentences),
            tuple(new),
            short_sentences(sentences, new) | short_sentences(heldout_sentences, new),
            {label: tuple(line for line in lines if line not in seen) for label, lines in heldout_passages.items()},
        ),
    )


def _labels(training: Sequence[Text], labels: Mapping[str, str]) -> Mapping[str, str]:
    sources = sorted({document.source for document in training})
    missing = sorted(set(labels) - set(sources))
    if missing:
        raise DataError(
            f"labels are given to sources that no document has: {', '.join(missing)}",
            where="labels",
            fix="the documents come from " + ", ".join(sources),
        )
    return labels or {source: source for source in sources}

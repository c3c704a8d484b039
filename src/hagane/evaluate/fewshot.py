"""Few-shot tasks: does the model learn from examples in its context, without training?

Four small tasks are made from held-out documents: copy the word, the last word of a list, the word in brackets, and which
of two sources a passage comes from, under names that mean nothing (甲, 乙). The model chooses among given answers by the
summed log-probability of each (Brown et al. 2020, section 2.4), after 0, 1 and 4 worked examples.

The control is Min et al. 2022 (section 4): the same examples and the same questions, but the labels of the examples are
drawn at random from their own candidates. A model that learns the task from its context must do better with true labels
than with random ones; one that is merely helped by the look of the examples does equally well under both. The paired
interval of that difference is the result, also when it holds zero, as is to be expected of small models.

Cost: questions × (1 + 2 × 2) contexts × candidates short sequences a task.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from hagane.evaluate.bootstrap import Interval, mean_interval

SHOTS = (0, 1, 4)
# Whole runs of one script only: a piece of a longer run is no word.
WORD = re.compile(r"(?<![ァ-ヶー])[ァ-ヴ][ァ-ヶー]{2,6}(?![ァ-ヶー])|(?<![一-龠々])[一-龠]{2,4}(?![一-龠々])")
SENTENCE = re.compile(r"(?<![^。\n])[^。\n「」]{0,60}「([^「」\n。、]{1,12})」[^。\n「」]{2,60}。")
JAPANESE = re.compile(r"[ぁ-ゟ]")

Score = Callable[[Sequence[tuple[str, str]]], np.ndarray]
"""(context, continuation) pairs → summed log-probability of each continuation, float [pairs]."""


@dataclass(frozen=True)
class Question:
    """A text that ends where the answer belongs, the candidates, and which one is right."""

    text: str
    candidates: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class FewShotTask:
    """Questions of one kind; the first `max(SHOTS)` of each item are its worked examples, the last is asked."""

    name: str
    items: tuple[tuple[Question, ...], ...]


class FewShotResult(TypedDict):
    """Accuracy by number of worked examples; the labels of the examples true or drawn at random."""

    chance: float
    true: dict[str, Interval]
    shuffled: dict[str, Interval]
    difference: Interval
    """True minus random labels with the most examples, paired by question."""
    appeared: bool
    """Whether the interval of that difference lies above zero."""


def make_tasks(documents: Sequence[tuple[str, str]], questions: int, seed: int) -> list[FewShotTask]:
    """Tasks from (source, text) documents. A kind that the documents do not offer is left out."""
    rng = random.Random(f"{seed}:few-shot")
    words = sorted({word for _, text in documents for word in WORD.findall(text)})
    rng.shuffle(words)
    makers: dict[str, Callable[[], Question]] = {}
    if len(words) >= 40:
        makers["copy"] = lambda: _copy(words, rng)
        makers["last"] = lambda: _last(words, rng)
    brackets = list(dict.fromkeys(question for _, text in documents for question in _brackets(text, rng)))
    if len(brackets) >= 20:
        makers["bracket"] = lambda: rng.choice(brackets)
    passages = _passages(documents)
    if len(passages) == 2:
        makers["source"] = lambda: _source(passages, rng)
    tasks = []
    for name, make in makers.items():
        items = []
        for _ in range(questions):
            item: list[Question] = []
            while len(item) <= max(SHOTS):
                question = make()
                # An example equal to the question would give its answer away.
                if question not in item:
                    item.append(question)
            items.append(tuple(item))
        tasks.append(FewShotTask(name, tuple(items)))
    return tasks


def measure(task: FewShotTask, score: Score, seed: int) -> FewShotResult:
    """Accuracy of `score`'s choices on one task, for every number of examples and both kinds of labels."""
    rng = random.Random(f"{seed}:labels:{task.name}")
    labels = [[rng.choice(example.candidates) for example in item[:-1]] for item in task.items]
    right: dict[tuple[str, int], np.ndarray] = {}
    for shots in SHOTS:
        for mode in ("true", "shuffled") if shots else ("true",):
            pairs: list[tuple[str, str]] = []
            for item, drawn in zip(task.items, labels, strict=True):
                context = "".join(
                    f"{example.text}{example.answer if mode == 'true' else label}\n\n"
                    for example, label in zip(item[:shots], drawn[:shots], strict=True)
                )
                pairs += [(context + item[-1].text, candidate + "\n") for candidate in item[-1].candidates]
            scores, hits, start = score(pairs), [], 0
            for item in task.items:
                of = item[-1].candidates
                hits.append(of[int(scores[start : start + len(of)].argmax())] == item[-1].answer)
                start += len(of)
            right[mode, shots] = np.array(hits, dtype=np.float64)
    right["shuffled", 0] = right["true", 0]
    difference = mean_interval(right["true", SHOTS[-1]] - right["shuffled", SHOTS[-1]], seed=seed)
    return FewShotResult(
        chance=float(np.mean([1 / len(item[-1].candidates) for item in task.items])),
        true={str(shots): mean_interval(right["true", shots], seed=seed) for shots in SHOTS},
        shuffled={str(shots): mean_interval(right["shuffled", shots], seed=seed) for shots in SHOTS},
        difference=difference,
        appeared=difference["low"] > 0,
    )


def _copy(words: Sequence[str], rng: random.Random) -> Question:
    chosen = rng.sample(words, 4)
    return Question(f"入力: {chosen[0]}\n出力: ", tuple(sorted(chosen)), chosen[0])


def _last(words: Sequence[str], rng: random.Random) -> Question:
    chosen = rng.sample(words, 3)
    return Question(f"{'、'.join(chosen)}\n最後: ", tuple(chosen), chosen[-1])


def _brackets(text: str, rng: random.Random) -> list[Question]:
    """Sentences with one bracketed word; the other candidates are words of the same sentence."""
    questions = []
    for match in SENTENCE.finditer(text):
        sentence, answer = match.group(0), match.group(1)
        others = sorted(set(WORD.findall(sentence)) - {answer})
        if len(others) >= 3 and JAPANESE.search(sentence):
            candidates = (answer, *rng.sample(others, 3))
            questions.append(Question(f"文: {sentence}\n括弧: ", tuple(sorted(candidates)), answer))
    return questions


def _passages(documents: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Passages of the two sources that have the most of them; fewer than two sources: empty."""
    lines: dict[str, dict[str, None]] = {}
    for source, text in documents:
        kept = (line[:60] for line in text.split("\n") if len(line) >= 20 and JAPANESE.search(line))
        lines.setdefault(source, {}).update(dict.fromkeys(kept))
    found = {source: list(kept) for source, kept in lines.items()}
    most = sorted(found, key=lambda source: (-len(found[source]), source))[:2]
    return {source: found[source] for source in most} if len(most) == 2 and len(found[most[1]]) >= 20 else {}


def _source(passages: dict[str, list[str]], rng: random.Random) -> Question:
    names = dict(zip(sorted(passages), ("甲", "乙"), strict=True))
    source = rng.choice(sorted(passages))
    return Question(f"文: {rng.choice(passages[source])}\n種類: ", ("甲", "乙"), names[source])

"""A reader that learns from its context is told from one that does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hagane.evaluate.fewshot import FewShotTask, make_tasks, measure

WORDS = [a + b for a in "鋼鉄砂炭火水風土金銀" for b in "刃板線管粒塊片粉"]
DOCUMENTS = [
    (
        source,
        "\n".join(
            f"{word}の設定では「{WORDS[(i * 7 + 3) % 80]}」を使い、{WORDS[(i * 3 + 1) % 80]}と{WORDS[i - 1]}を読み込む{end}。"
            for i, word in enumerate(WORDS)
        ),
    )
    for source, end in (("甲書", "のです"), ("乙書", "のである"))
]


def tasks() -> dict[str, FewShotTask]:
    return {task.name: task for task in make_tasks(DOCUMENTS, 40, seed=1)}


def copier(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Knows what to do whatever the examples say: the word after 入力."""
    return np.array([float(context.rsplit("入力: ", 1)[-1].startswith(answer.strip())) for context, answer in pairs])


def learner(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Gives the label that the examples gave to passages of the same ending."""
    scores = []
    for context, answer in pairs:
        *examples, question = context.split("\n\n")
        ending = "のである" in question
        scores.append(float(sum(("のである" in e) == ending and e.endswith(answer.strip()) for e in examples)))
    return np.array(scores)


def test_all_four_kinds_are_made_and_examples_are_not_the_question() -> None:
    made = tasks()
    assert sorted(made) == ["bracket", "copy", "last", "source"]
    for task in made.values():
        assert len(task.items) == 40
        for item in task.items:
            assert len(item) == len(set(item)) == 5
            assert all(question.answer in question.candidates for question in item)


def test_a_skill_that_needs_no_examples_shows_no_learning() -> None:
    result = measure(tasks()["copy"], copier, seed=1)
    assert result["true"]["0"]["value"] == result["true"]["4"]["value"] == 1.0
    assert result["difference"]["value"] == 0.0
    assert not result["appeared"]


def test_learning_from_the_context_is_seen() -> None:
    """The passages differ in their ending only when they are cut late enough; four examples often hold both kinds."""
    result = measure(tasks()["source"], learner, seed=1)
    assert result["chance"] == 0.5
    assert result["true"]["4"]["value"] > 0.85
    assert result["appeared"]


def test_documents_without_material_give_no_task() -> None:
    assert make_tasks([("一", "みじかい。")], 10, seed=1) == []

"""Rows to token sequences in which only the response is learned.

The weight of a response token is 1/√length of its response. With weight 1 a copied sentence counts thirty times a
one-word answer, and the families with short answers learn last; with 1/length every token of a long answer counts next
to nothing. In between, a response as a whole counts √length.

The end marker is the last token of every response and is learned like the others: a model that never learned to stop
fails every check there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hagane.errors import TrainingError
from hagane.instruct.family import Row
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import Example


@dataclass
class Encoded:
    """Examples, their rows in the same order, and how many rows of each family were too long."""

    examples: list[Example] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    tokens: int = 0


def encode_row(row: Row, tokenizer: Tokenizer) -> Example:
    """Prompt and response as one sequence. Raises TrainingError when the response does not end with the end marker."""
    prompt, response = tokenizer.chat_example(row.prompt, row.response)
    if len(response) < 2 or response[-1] != tokenizer.end_id:
        raise TrainingError(
            "the response has nothing to learn, or does not end with the end marker",
            where=f"family {row.family}, prompt {row.prompt!r}",
            fix="give the model a chat template that closes every answer with a special piece",
        )
    weight = len(response) ** -0.5
    return Example([*prompt, *response], [0.0] * len(prompt) + [weight] * len(response))


def encode(rows: Iterable[Row], tokenizer: Tokenizer, *, max_tokens: int, until_tokens: int | None = None) -> Encoded:
    """Rows of at most `max_tokens` tokens, in order; stops once `until_tokens` are together.

    Raises TrainingError when nothing is left to learn from, or when most rows are too long.
    """
    done = Encoded()
    for row in rows:
        example = encode_row(row, tokenizer)
        if len(example.tokens) > max_tokens:
            done.dropped[row.family] += 1
            if done.dropped.total() > 1000 + len(done.examples):
                break
            continue
        done.examples.append(example)
        done.rows.append(row)
        done.tokens += len(example.tokens)
        if until_tokens is not None and done.tokens >= until_tokens:
            break
    if not done.examples or done.dropped.total() > 1000 + len(done.examples):
        raise TrainingError(
            f"{done.dropped.total()} instructions are longer than {max_tokens} tokens, {len(done.examples)} are not",
            fix="raise max_tokens (and seq), or train the tokenizer on text like these documents",
        )
    return done

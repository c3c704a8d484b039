"""The vocabulary of a model from elsewhere, as it lies in its Hugging Face folder: `tokenizer.json`, else `tokenizer.model`.

`tokenizer.json` is what `transformers` reads, so where both files lie it counts; a lone `tokenizer.model` is read by
sentencepiece itself. Either way `encode` takes special pieces in a text for letters, and `chat_prompt` neutralizes them in a
message (see `chat.py`), so that no text can close its own turn; for all other messages ids equal those of `transformers`.

A vocabulary may have no BOS, or have one that is never put in front of a text. What opens a document is then EOS, the piece
that such a model has seen between two documents all along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import tokenizers

from hagane.artifact.files import read_json
from hagane.errors import ArtifactError, DataError
from hagane.tokenizer.chat import Message, conversation, neutralize
from hagane.tokenizer.encode import FILES, Tokenizer, half_a_pair
from hagane.tokenizer.template import ChatTemplate, find_template
from hagane.tokenizer.unigram import open_sentencepiece

_PIECES = ("bos_token", "eos_token", "pad_token", "unk_token")


class _Vocabulary(Protocol):
    """What the two file formats have in common."""

    size: int
    special: dict[str, int]
    """Pieces that text never gives."""
    opening: int | None
    """Put in front of a text by the vocabulary itself."""
    declared: dict[str, str]
    """Special pieces that the file itself names: `bos_token`, `eos_token` → piece."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Special pieces are letters."""

    def encode_marked(self, text: str) -> list[int]:
        """Special pieces are themselves."""

    def decode(self, ids: Sequence[int]) -> str:
        """Without special pieces."""


class ForeignTokenizer(Tokenizer):
    """The tokenizer of a Hugging Face folder that was not made here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = _optional_json(folder / FILES[2])
        self._text: _Vocabulary = _Json(folder) if (folder / FILES[1]).is_file() else _SentencePiece(folder)
        self.vocab_size = self._text.size
        named = _optional_json(folder / "special_tokens_map.json") | config
        pieces = self._text.declared | {key: piece for key in _PIECES if (piece := _piece(named.get(key)))}
        ids = {key: self._text.special[piece] for key, piece in pieces.items() if piece in self._text.special}
        if "eos_token" not in ids:
            raise DataError(
                "the tokenizer names no piece that ends a document",
                where=str(folder / FILES[2]),
                fix='add "eos_token" with one of its special pieces',
            )
        self.eos_id, self.pad_id = ids["eos_token"], ids.get("pad_token")
        opening = self._text.opening
        if (asked := config.get("add_bos_token")) is not None:
            opening = ids.get("bos_token") if asked else None
        self.bos_id = self.eos_id if opening is None else opening
        source = find_template(folder, config)
        self._template = None if source is None else ChatTemplate(source, pieces, folder)

    @cached_property
    def end_id(self) -> int:
        """The last special piece that the template writes after an answer; EOS if there is none."""
        if self._template is None:
            return self.eos_id
        _, tail = self._halves([{"role": "user", "content": "a"}], "b")
        markers = set(self._text.special.values())
        return next((number for number in reversed(self._text.encode_marked(tail)) if number in markers), self.eos_id)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """The end of a turn, the end of a document, and what the folder's generation_config.json adds to them."""
        more = _optional_json(self.folder / "generation_config.json").get("eos_token_id", [])
        return tuple(dict.fromkeys([self.end_id, self.eos_id, *(more if isinstance(more, list) else [more])]))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, on all cores; equal to `encode` of each. Raises DataError for what is not Unicode text."""
        try:
            return self._text.encode(texts)
        except (TypeError, UnicodeError) as error:
            raise half_a_pair(texts, error) from error

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`; special pieces give nothing, bytes that are not UTF-8 give U+FFFD."""
        return self._text.decode(ids)

    def chat_prompt(self, user: str | Sequence[Message]) -> list[int]:
        """Ids after which the model writes its answer: one user turn, or a whole conversation."""
        return self._text.encode_marked(self._render(conversation(user), generation_prompt=True))

    def chat_example(self, prompt: str | Sequence[Message], response: str) -> tuple[list[int], list[int]]:
        """(ids of `chat_prompt`, ids of the response up to the marker that closes it): what is read and what is learned."""
        before, after = self._halves(conversation(prompt), response)
        head, whole = self._text.encode_marked(before), self._text.encode_marked(before + after)
        # Where a piece spans the seam the answer is cut on its own, since generation begins at the seam.
        learned = whole[len(head) :] if whole[: len(head)] == head else self._text.encode_marked(after)
        if self.end_id not in learned:
            learned.append(self.end_id)
        # A template may write a newline or more behind the end of a turn, which no model has to say.
        last = len(learned) - learned[::-1].index(self.end_id)
        return head, learned[:last]

    def _halves(self, messages: Sequence[Message], response: str) -> tuple[str, str]:
        """The prompt as it is rendered, and what the template writes for the answer after it."""
        head = self._render(messages, generation_prompt=True)
        whole = self._render([*messages, {"role": "assistant", "content": response}], generation_prompt=False)
        if not whole.startswith(head):
            raise DataError(
                "the chat template does not begin an answer as its generation prompt does",
                where=str(self.folder),
                fix="mend the template: with add_generation_prompt it must end where an assistant's text begins",
            )
        return head, whole[len(head) :]

    def _render(self, messages: Sequence[Message], *, generation_prompt: bool) -> str:
        if self._template is None:
            raise DataError(
                "this model has no chat template",
                where=str(self.folder),
                fix="put a chat_template.jinja into the folder",
            )
        special = tuple(self._text.special)
        quiet = [{**message, "content": neutralize(message["content"], special)} for message in messages]
        return self._template.render(quiet, generation_prompt=generation_prompt)


class _Json:
    """`tokenizer.json` by the `tokenizers` library."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILES[1]
        self._plain = self._open()
        # What the file calls special would otherwise be taken for a marker wherever a text holds its letters.
        self._plain.encode_special_tokens = True
        self.size = max(self._plain.get_vocab(with_added_tokens=True).values()) + 1
        added = self._plain.get_added_tokens_decoder()
        self.special = {token.content: number for number, token in added.items() if token.special}
        opening = self._marked.encode("").ids
        self.opening = opening[0] if opening and opening[0] in self.special.values() else None
        self.declared: dict[str, str] = {}

    def _open(self) -> tokenizers.Tokenizer:
        try:
            made = tokenizers.Tokenizer.from_file(str(self._path))
        except Exception as error:  # the library raises nothing more exact
            raise ArtifactError(
                f"this tokenizer cannot be read: {error}", where=str(self._path), fix="restore the file"
            ) from error
        # A file may have been saved with the settings of a training run.
        made.no_truncation()
        made.no_padding()
        return made

    @cached_property
    def _marked(self) -> tokenizers.Tokenizer:
        return self._open()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in self._plain.encode_batch(list(texts), add_special_tokens=False)]

    def encode_marked(self, text: str) -> list[int]:
        ids: list[int] = self._marked.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return self._plain.decode(list(ids), skip_special_tokens=True)


class _SentencePiece:
    """`tokenizer.model` alone."""

    def __init__(self, folder: Path) -> None:
        self._sp = open_sentencepiece(folder)
        self.size: int = self._sp.get_piece_size()
        self.special = {self._sp.id_to_piece(i): i for i in range(self.size) if self._sp.is_control(i)}
        markers = [piece for piece in self.special if piece]
        self._marker = re.compile("(" + "|".join(map(re.escape, sorted(markers, key=len, reverse=True))) + ")")
        own = {"bos_token": self._sp.bos_id(), "eos_token": self._sp.eos_id(), "pad_token": self._sp.pad_id()}
        self.declared = {key: self._sp.id_to_piece(number) for key, number in own.items() if number >= 0}
        self.opening = self._sp.bos_id() if self._sp.bos_id() >= 0 else None

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._sp.encode(list(texts))
        return ids

    def encode_marked(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in self._marker.split(text):
            ids += [self.special[part]] if part in self.special else self._sp.encode(part)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._sp.decode(
            [number for number in ids if number < self.size and not self._sp.is_unknown(number)]
        )
        return text


def _piece(value: Any) -> str | None:
    """A special piece in a config: its text, or an object that holds it."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _optional_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = read_json(path)
    return value if isinstance(value, dict) else {}

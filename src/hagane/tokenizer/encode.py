"""Text to ids and back: the one face of every vocabulary.

Two kinds stand behind it: the vocabularies made here (`unigram.py`, sentencepiece with the pieces of our chat format) and
those that come with a model from elsewhere (`foreign.py`, any `tokenizer.json` or `tokenizer.model`, chat by the folder's own
template). `Tokenizer.load` looks into the folder and opens the right one; no stage needs to know which it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from hagane.errors import DataError
from hagane.tokenizer.chat import Message

FILES = ("tokenizer.model", "tokenizer.json", "tokenizer_config.json")


class Tokenizer(ABC):
    """A vocabulary. Build it with `Tokenizer.load`."""

    folder: Path
    """Where its files lie."""
    vocab_size: int
    """The largest id plus one; the embedding of a model may have more rows, never fewer."""
    bos_id: int
    """Opens a document: BOS, or EOS where texts get no BOS (Qwen2, GPT-NeoX), which saw the end of the text before."""
    eos_id: int
    """Ends a document."""
    pad_id: int | None
    """Fills short rows, where there is such a token."""

    @staticmethod
    def load(path: Path) -> Tokenizer:
        """The tokenizer of a tokenizer artefact, a model artefact or a Hugging Face folder.

        Raises DataError if none is there, ArtifactError if its files are broken.
        """
        # Both are of this class, so they can only be imported once it is there.
        from hagane.tokenizer.foreign import ForeignTokenizer
        from hagane.tokenizer.unigram import UnigramTokenizer

        for folder in (path, path / "model"):
            if UnigramTokenizer.lies_in(folder):
                return UnigramTokenizer(folder)
            if any((folder / name).is_file() for name in FILES[:2]):
                return ForeignTokenizer(folder)
        raise DataError(
            f"no {FILES[0]} or {FILES[1]} here",
            where=str(path),
            fix="give a folder made by `hagane tokenizer` or a model folder that holds its tokenizer files",
        )

    @property
    @abstractmethod
    def end_id(self) -> int:
        """Ends an answer in a conversation."""

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end a generated text: the end of a turn and the end of a document."""
        return (self.end_id, self.eos_id)

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, without BOS and EOS; never a special id."""
        return self.encode_batch([text])[0]

    @abstractmethod
    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, on all cores; equal to `encode` of each. Raises DataError for what is not Unicode text."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`; special pieces give nothing, bytes that are not UTF-8 give U+FFFD."""

    @abstractmethod
    def chat_prompt(self, user: str | Sequence[Message]) -> list[int]:
        """Ids after which the model writes its answer: one user turn, or a whole conversation."""

    @abstractmethod
    def chat_example(self, prompt: str | Sequence[Message], response: str) -> tuple[list[int], list[int]]:
        """(ids of `chat_prompt`, ids of the response with the closing marker): what is read and what is learned."""


def half_a_pair(texts: Sequence[str], error: Exception) -> Exception:
    """What to raise for `error`, which a library gave on `texts`: DataError if one is a str that UTF-8 cannot hold."""
    broken = next((i for text in texts for i, char in enumerate(text) if "\ud800" <= char <= "\udfff"), None)
    if broken is None:
        return error
    return DataError(
        "a text holds half a surrogate pair",
        where=f"character {broken}",
        fix="read the text as UTF-8, with broken bytes replaced",
    )

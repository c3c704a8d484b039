"""The vocabularies made here: a sentencepiece model with the pieces of the chat format.

`encode` never gives a special id, whatever the text holds: special pieces are CONTROL pieces and only `chat_prompt`,
`chat_example` and callers place them. Spaces are written "▁" inside the vocabulary, so a literal "▁" decodes to a space; all
other text comes back unchanged (characters outside the vocabulary as UTF-8 bytes).

Scores are float32 sums along the text. They are exact (see `train.py`) up to `EXACT_CHARS` characters; longer texts are cut
behind newlines, which no piece crosses, so that ids never depend on rounding. About ten times as fast as
`tokenizers` with the same vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sentencepiece

from hagane.errors import ArtifactError
from hagane.tokenizer.chat import ASSISTANT, BOS, END, EOS, PAD, SPECIAL, USER, Message, conversation, segments
from hagane.tokenizer.encode import FILES, Tokenizer, half_a_pair

EXACT_CHARS = 20_000
_FEW = 16


class UnigramTokenizer(Tokenizer):
    """A vocabulary of `hagane tokenizer`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sp = open_sentencepiece(folder)
        self.vocab_size: int = self._sp.get_piece_size()
        self.unk_id: int = self._sp.unk_id()
        self.bos_id: int = self._sp.piece_to_id(BOS)
        self.eos_id: int = self._sp.piece_to_id(EOS)
        self.pad_id: int = self._sp.piece_to_id(PAD)
        self.user_id: int = self._sp.piece_to_id(USER)
        self.assistant_id: int = self._sp.piece_to_id(ASSISTANT)

    @staticmethod
    def lies_in(folder: Path) -> bool:
        """Whether the folder holds such a vocabulary: a sentencepiece model with every piece of the chat format."""
        if not (folder / FILES[0]).is_file():
            return False
        model = open_sentencepiece(folder)
        return all(model.is_control(model.piece_to_id(piece)) for piece in SPECIAL[1:])

    @property
    def end_id(self) -> int:
        """The marker that closes a turn."""
        number: int = self._sp.piece_to_id(END)
        return number

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, on all cores; equal to `encode` of each. Raises DataError for what is not Unicode text."""
        try:
            return self._encode(texts)
        except TypeError as error:
            # This is what sentencepiece says of a str that UTF-8 cannot hold.
            raise half_a_pair(texts, error) from error

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if all(len(text) <= EXACT_CHARS for text in texts):
            # Waking the threads costs 100 µs, which is more than a few short texts do.
            ids: list[list[int]] = self._sp.encode(list(texts), num_threads=1 if len(texts) < _FEW else -1)
            return ids
        cut = [_chunks(text) for text in texts]
        flat: list[list[int]] = self._sp.encode([chunk for chunks in cut for chunk in chunks])
        parts = iter(flat)
        return [[number for _ in chunks for number in next(parts)] for chunks in cut]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids`; special pieces give nothing, bytes that are not UTF-8 give U+FFFD."""
        text: str = self._sp.decode([number for number in ids if number != self.unk_id])
        return text

    def pieces(self, text: str) -> list[str]:
        """The segmentation of `text` as written in the vocabulary, to be looked at."""
        pieces: list[str] = self._sp.encode(text, out_type=str)
        return pieces

    def is_byte(self, number: int) -> bool:
        """Whether the id stands for one UTF-8 byte of a character outside the vocabulary."""
        return bool(self._sp.is_byte(number))

    def is_control(self, number: int) -> bool:
        """Whether the id is a marker that text never gives."""
        return bool(self._sp.is_control(number))

    def piece(self, number: int) -> str:
        """The piece of an id, as written in the vocabulary ("▁" for a space)."""
        text: str = self._sp.id_to_piece(number)
        return text

    def score(self, number: int) -> float:
        """Log-probability of a piece under the unigram model, nats; 0 for special pieces."""
        return float(self._sp.get_score(number))

    def chat_prompt(self, user: str | Sequence[Message]) -> list[int]:
        """Ids after which the model writes its answer: one user turn, or a whole conversation."""
        return self._ids(conversation(user), generation_prompt=True)

    def chat_example(self, prompt: str | Sequence[Message], response: str) -> tuple[list[int], list[int]]:
        """(ids of `chat_prompt`, ids of the response with the closing marker): what is read and what is learned."""
        head = self.chat_prompt(prompt)
        turn = self._ids([{"role": "assistant", "content": response}], generation_prompt=False)
        return head, turn[2:]

    def _ids(self, messages: Sequence[Message], generation_prompt: bool) -> list[int]:
        ids: list[int] = []
        for special, text in segments(messages, generation_prompt):
            ids += [self._sp.piece_to_id(text)] if special else self.encode(text)
        return ids


def open_sentencepiece(folder: Path) -> sentencepiece.SentencePieceProcessor:
    """The sentencepiece model of a folder. Raises ArtifactError if its file is not one."""
    path = folder / FILES[0]
    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        fix = "restore the file, or run `hagane tokenizer` again"
        raise ArtifactError("this is not a sentencepiece model", where=str(path), fix=fix) from error


def _chunks(text: str) -> list[str]:
    """`text` cut behind newlines into parts of about EXACT_CHARS; a longer line stays whole."""
    parts: list[str] = []
    start = 0
    while len(text) - start > EXACT_CHARS:
        end = text.rfind("\n", start, start + EXACT_CHARS) + 1 or text.find("\n", start) + 1
        if not end:
            break
        parts.append(text[start:end])
        start = end
    parts.append(text[start:])
    return parts

"""sentencepiece and the Hugging Face file give equal ids for any text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from hagane.errors import DataError
from hagane.tokenizer import huggingface
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.unigram import EXACT_CHARS

ATOMS = [
    "<unk>",
    "<s>",
    "</s>",
    "<pad>",
    "<|user|>",
    "<|end|>",
    "<|",
    "<0x41>",
    "<0xE3>",
    "<",
    ">",
    "/",
    "|",
    "s",
    "0x41>",
]
ATOMS += [
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\u3000",
    "鬱鬱",
    "😀👨‍👩‍👧",
    "2024",
    "１２",
    "が",
    "é",
    "\0",
    "サーバー",
    "。",
    "version ",
]
TEXT = st.lists(
    st.one_of(
        st.sampled_from(ATOMS),
        st.characters(min_codepoint=0x3040, max_codepoint=0x30FF),
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        st.characters(min_codepoint=0x20, max_codepoint=0x7E),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
).map("".join)
FAST = settings(max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def backend(tokenizer: Tokenizer) -> Backend:
    """The saved file, read so that special strings in a text are letters."""
    made = Backend.from_file(str(tokenizer.folder / "tokenizer.json"))
    made.encode_special_tokens = True
    return made


def plain(backend: Backend, text: str) -> list[int]:
    return list(backend.encode(text, add_special_tokens=False).ids)


@FAST
@given(TEXT)
@example("</s><|end|><0x41>")
def test_ids_are_equal_and_come_back(tokenizer: Tokenizer, backend: Backend, text: str) -> None:
    ids = tokenizer.encode(text)
    assert plain(backend, text) == ids
    assert not any(map(tokenizer.is_control, ids))
    assert tokenizer.decode(ids) == text.replace("▁", " ")
    assert backend.decode(ids) == tokenizer.decode(ids)


def test_special_pieces_decode_to_nothing(tokenizer: Tokenizer, backend: Backend) -> None:
    ids = [1, 0, *tokenizer.encode("設定"), 6, 3]
    assert tokenizer.decode(ids) == backend.decode(ids) == "設定"


def test_without_the_split_the_letters_of_a_byte_piece_would_be_that_byte(tokenizer: Tokenizer) -> None:
    bare = huggingface.backend(tokenizer)
    bare.pre_tokenizer = None
    assert plain(bare, "<0x41>") != tokenizer.encode("<0x41>") == plain(huggingface.backend(tokenizer), "<0x41>")


def test_long_texts_are_cut_where_no_piece_crosses(tokenizer: Tokenizer, backend: Backend, lines: list[str]) -> None:
    text = "\n".join(lines * 8)
    assert len(text) > 2 * EXACT_CHARS
    ids = tokenizer.encode(text)
    assert ids == plain(backend, text)
    assert tokenizer.encode_batch([text, "短い"]) == [ids, tokenizer.encode("短い")]
    assert tokenizer.decode(tokenizer.encode("長" * 3 * EXACT_CHARS)) == "長" * 3 * EXACT_CHARS


def test_half_a_surrogate_pair_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="surrogate"):
        tokenizer.encode("a\ud83d")


def real_texts() -> Iterator[str]:
    path = Path(__file__).parents[3] / "shared/data/pretrain_techdoc.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no development data at {path}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for _, line in zip(range(120), file, strict=False):
            yield json.loads(line)["text"]


def test_ids_are_equal_on_real_documents(tokenizer: Tokenizer, backend: Backend) -> None:
    texts = list(real_texts())
    for text, ids in zip(texts, tokenizer.encode_batch(texts), strict=True):
        assert plain(backend, text) == ids

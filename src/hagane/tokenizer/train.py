"""Train a unigram vocabulary with sentencepiece (Kudo 2018, arXiv:1804.10959), as Sarashina2 does: raw lines, no word splitter.

- *No pre-tokenization* means that no morphological analyser cuts the text first. Pieces still end where the script changes
  (`split_by_unicode_script`; kanji, hiragana and katakana count as one script): 「Calcの」 or 「です。」 as one piece would
  spend the vocabulary on pairs of a word and whatever stands beside it.
- *Identity normalization, no dummy prefix, no trimming*: ids decode to the very same text. Digits are single pieces.
- *Byte fallback*: a character outside the vocabulary becomes its UTF-8 bytes. ASCII, kana and Japanese punctuation are always
  inside, whatever the corpus holds: a user will type them.
- *Equal ids in three engines*: sentencepiece adds scores in float32, `tokenizers` and llama.cpp in float64, and all three keep
  the first of two equal paths. Scores are therefore rounded to multiples of 1/32 nat, whose sums are exact in both, and
  "\\n" is a normal piece of score 0 (no other piece holds one, so it always wins), because user-defined pieces get a bonus
  that differs between the engines.

Memory is bounded by the number of sampled lines and their length, not by the corpus. Eight thousand pieces from 40,000 lines
of prose take about 20 s on two cores. The result depends on nothing but the lines: thread count is fixed, sampling is seeded.
"""

from __future__ import annotations

import io
import random
import re
import struct
from collections.abc import Iterable, Sequence

import sentencepiece

from hagane.errors import DataError
from hagane.tokenizer.chat import ASSISTANT, END, USER

MAX_LINE_CHARS = 1_000
SCORE_STEP = 1 / 32
_THREADS = 4
_ALWAYS = "".join(
    [
        *map(chr, range(0x21, 0x7F)),
        *map(chr, range(0x3041, 0x3095)),
        *map(chr, range(0x30A1, 0x30F5)),
        "ー・、。「」『』？！",
    ]
)


def sample_lines(texts: Iterable[str], maximum: int, seed: int) -> list[str]:
    """At most `maximum` non-empty lines, each line of the corpus as likely as any other (reservoir sampling).

    Lines longer than MAX_LINE_CHARS are cut into parts; a literal "▁" (the sign for a space) counts as a space.
    """
    generator = random.Random(seed)
    kept: list[str] = []
    seen = 0
    for text in texts:
        for line in text.replace("▁", " ").split("\n"):
            for start in range(0, len(line), MAX_LINE_CHARS):
                part = line[start : start + MAX_LINE_CHARS]
                if not part.strip():
                    continue
                seen += 1
                if len(kept) < maximum:
                    kept.append(part)
                elif (place := generator.randrange(seen)) < maximum:
                    kept[place] = part
    return kept


def train_sentencepiece(lines: Sequence[str], *, vocab_size: int, character_coverage: float) -> bytes:
    """The sentencepiece model of `vocab_size` pieces, serialized. Raises DataError if the lines do not carry that many."""
    if not lines:
        raise DataError("no text to train a vocabulary on", fix="give documents with at least some hundred lines")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            character_coverage=character_coverage,
            byte_fallback=True,
            required_chars=_ALWAYS,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=True,
            split_digits=True,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=3,
            control_symbols=[USER, ASSISTANT, END],
            user_defined_symbols=["\n"],
            input_sentence_size=0,
            shuffle_input_sentence=False,
            max_sentence_length=4 * MAX_LINE_CHARS + 16,
            num_threads=_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _explained(error, vocab_size, len(lines)) from error
    return _exact_scores(model.getvalue())


def _explained(error: RuntimeError, vocab_size: int, lines: int) -> DataError:
    where = f"{lines} lines, vocab_size={vocab_size}"
    if most := re.search(r"value <= (\d+)", str(error)):
        fix = f"set vocab_size to {most[1]} or less, or give more text"
        return DataError(f"the corpus is too small for {vocab_size} pieces: it carries {most[1]}", where=where, fix=fix)
    if least := re.search(r"required_chars\. \d+ vs (\d+)", str(error)):
        fix = f"set vocab_size well above {least[1]}, or lower character_coverage"
        return DataError(f"{vocab_size} pieces do not hold the {least[1]} single characters", where=where, fix=fix)
    return DataError(f"sentencepiece could not train: {error}", where=where, fix="look at the lines of the corpus")


def _exact_scores(model: bytes) -> bytes:
    """Round the scores and make "\\n" a normal piece, in place in the serialized ModelProto.

    ModelProto is a list of fields; field 1 (tag 0x0A) is a SentencePiece {1: text, 2: float score (0x15), 3: type (0x18)}.
    """
    out = bytearray(model)
    at = 0
    while at < len(out) and out[at] == 0x0A:
        size, at = _varint(out, at + 1)
        end = at + size
        length, text_at = _varint(out, at + 1)
        at = text_at + length
        newline = out[text_at:at] == b"\n"
        while at < end:
            if out[at] == 0x15:
                (score,) = struct.unpack_from("<f", out, at + 1)
                struct.pack_into("<f", out, at + 1, round(score / SCORE_STEP) * SCORE_STEP)
                at += 5
            else:
                if newline:
                    out[at + 1] = 1
                at += 2
    return bytes(out)


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at

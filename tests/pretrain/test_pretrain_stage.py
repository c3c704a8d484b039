"""The stage end to end on a made-up corpus: it learns, what it writes opens again, and a killed run ends with the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hagane.artifact.files import read_json, sha256_file
from hagane.artifact.metrics import read_metrics
from hagane.corpus.store import read_documents
from hagane.errors import HaganeError
from hagane.model.hf import load_model
from hagane.pretrain import stage
from hagane.pretrain.sources import open_sources
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig
from hagane.train.score import document_bits
from hagane.train.tokens import TokenStore

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
    assert summary["bits_per_byte"] == pytest.approx(summary["bits_per_character"] / 3)  # of kana and kanji
    assert not (whole / "tokens").exists()


def test_the_folder_holds_the_model_that_was_measured(whole: Path, inputs: dict[str, Path]) -> None:
    model, tokenizer = load_model(whole), Tokenizer.load(whole)
    documents = [document.text for document in read_documents(inputs["documents.made"], "heldout")]
    bits = document_bits(model, tokenizer.encode_batch(documents), bos_id=tokenizer.bos_id, seq=CONFIG.seq)
    expected = read_json(whole / "summary.json")["bits_per_character"]
    assert sum(bits) / sum(map(len, documents)) == pytest.approx(expected, rel=1e-6)


def killed_after_step_30(whole: Path, out: Path) -> None:
    """A run killed then leaves that checkpoint, its metrics, and maybe half of a token file."""
    shutil.copytree(whole / "checkpoints" / "step-00000030", out / "checkpoints" / "step-00000030")
    shutil.copy(whole / "metrics.jsonl", out)
    half = out / "tokens" / ".00.partial"
    half.mkdir(parents=True)
    (half / "tokens.bin").write_bytes(b"half")


def test_started_again_from_what_a_killed_run_left(whole: Path, inputs: dict[str, Path], tmp_path: Path) -> None:
    killed_after_step_30(whole, tmp_path)
    stage.run(CONFIG, inputs, tmp_path)
    name = "model/model.safetensors"
    assert sha256_file(tmp_path / name) == sha256_file(whole / name)


def test_killed_in_the_middle_of_warm_ups_and_a_mixture(inputs: dict[str, Path], tmp_path: Path) -> None:
    mixture = {"made/a": {"weight": 2, "max_epochs": 0.5}, "*": {"weight": 1}}
    shape = {"rows": 2, "micro_batches": 4, "seq_warmup": 0.9, "batch_warmup": 0.8, "mixture": mixture}
    config = stage.Config.model_validate(CONFIG.model_dump() | shape)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for out in (whole, cut):
        out.mkdir()
    stage.run(config, inputs, whole)
    killed_after_step_30(whole, cut)
    stage.run(config, inputs, cut)
    name = "model/model.safetensors"
    assert sha256_file(cut / name) == sha256_file(whole / name)
    summary = read_json(whole / "summary.json")
    assert summary == read_json(cut / "summary.json") | {key: summary[key] for key in ("seconds", "tokens_per_second")}
    rest, a = summary["sources"]
    assert (rest["name"], a["name"]) == ("*", "made/a")
    assert (rest["documents"], a["documents"]) == (40, 80)
    assert a["epochs"] == pytest.approx(0.5, abs=0.01)
    assert rest["tokens_read"] + a["tokens_read"] == summary["tokens_seen"] == (16 * 1 + 16 * 2 + 8 * 4) * 2 * 32


def test_a_finished_token_file_is_not_written_again(inputs: dict[str, Path], tmp_path: Path) -> None:
    TokenStore.write(tmp_path / "tokens" / "00", [[7, 8, 9]] * 5, bos_id=1, eos_id=2)
    few = CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"steps": 2})})
    stage.run(few, inputs, tmp_path)
    assert read_json(tmp_path / "summary.json")["corpus_tokens"] == 25


def test_two_artefacts(inputs: dict[str, Path], tmp_path: Path) -> None:
    """An entry that names one takes all its documents; the longest entry that fits counts."""
    artefacts, tokenizer = (
        {"x": inputs["documents.made"], "y": inputs["documents.made"]},
        Tokenizer.load(inputs["tokenizer"]),
    )
    mixture = {"y": stage.Share(weight=1), "*/b": stage.Share(weight=1), "x": stage.Share(weight=1)}
    sources = open_sources(artefacts, mixture, tokenizer, tmp_path)
    assert {source.name: source.store.documents for source in sources} == {"*/b": 80, "x": 80, "y": 80}


@pytest.mark.parametrize(
    ("mixture", "what", "fix"),
    [
        ({"made/a": {"weight": 1}, "ja": {"weight": 1}}, "No documents are for 'ja'", "made/a, made/b"),
        ({"made/a": {"weight": 1}}, "for the documents of made/b", "'made/b', or"),
        ({"made": {"weight": 1, "max_epochs": 0.5}}, "`max_epochs` the sources hold", "fewer steps"),
    ],
)
def test_a_mixture_that_cannot_be_read(
    inputs: dict[str, Path], tmp_path: Path, mixture: dict[str, dict[str, float]], what: str, fix: str
) -> None:
    config = stage.Config.model_validate(CONFIG.model_dump() | {"mixture": mixture})
    with pytest.raises(HaganeError, match=what) as caught:
        stage.run(config, inputs, tmp_path)
    assert fix in caught.value.fix


def test_another_seed_gives_other_weights(whole: Path, inputs: dict[str, Path], tmp_path: Path) -> None:
    """Negative control of the comparison above."""
    stage.run(CONFIG.model_copy(update={"seed": 2}), inputs, tmp_path)
    name = "model/model.safetensors"
    assert sha256_file(tmp_path / name) != sha256_file(whole / name)

"""The stage learns the task, leaves a folder that transformers reads alike, and survives a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from hagane.artifact.files import read_json
from hagane.artifact.metrics import read_metrics
from hagane.finetune.stage import STAGE, FinetuneConfig
from hagane.model.hf import load_classifier
from hagane.tokenizer.encode import Tokenizer

SETTINGS = {
    "train_per_label": 60,
    "heldout_per_label": 30,
    "seq": 128,
    "scratch_lr": 1e-2,
    "train": {"steps": 40, "lr": 1e-2, "embedding_lr": 1e-2}
    | {"evaluate_every": 10, "checkpoint_every": 10, "compile": False},
}
KILLED = """
import sys
from pathlib import Path
from hagane.finetune.stage import STAGE, FinetuneConfig
from tests_settings import SETTINGS
STAGE.run(FinetuneConfig(**SETTINGS), {"from": Path(sys.argv[1]), "documents": Path(sys.argv[2])}, Path(sys.argv[3]))
"""


def run(base: Path, corpus: Path, out: Path) -> Path:
    STAGE.run(FinetuneConfig(**SETTINGS), {"from": base, "documents": corpus}, out)
    return out


@pytest.fixture(scope="module")
def done(base: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(base, corpus, tmp_path_factory.mktemp("finetune"))


def test_both_classifiers_are_measured_and_learn(done: Path) -> None:
    summary = read_json(done / "summary.json")
    assert set(summary["labels"]) == {"楽譜", "関数"}
    assert (summary["train_passages"], summary["heldout_passages"], summary["chance"]) == (120, 60, 0.5)
    for name in ("tuned", "scratch"):
        accuracy = summary[name]["accuracy"]
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        assert summary[name]["curve"][0]["accuracy"] == 0.5, "before training every label is equally likely"
        assert [row["step"] for row in summary[name]["curve"]] == [0, 10, 20, 30, 40]
    assert summary["tuned"]["accuracy"]["low"] > 0.8
    right = sum(summary["confusion"][i][i] for i in range(2))
    assert right / 60 == pytest.approx(summary["tuned"]["accuracy"]["value"])
    assert len(summary["examples"]) == 5
    knowledge = summary["general_knowledge"]
    assert knowledge["bits_per_character_before"] != knowledge["bits_per_character_after"]
    for name in ("metrics.jsonl", "scratch-metrics.jsonl"):
        assert sum("loss" in row for row in read_metrics(done / name)) == 40


def test_transformers_gives_the_same_labels(done: Path) -> None:
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(done / "model", dtype=torch.float32)
    ours, tokenizer = load_classifier(done).eval(), Tokenizer.load(done)
    summary = read_json(done / "summary.json")
    for example in summary["examples"]:
        ids = torch.tensor([[tokenizer.bos_id, *tokenizer.encode(example["text"]), tokenizer.eos_id]])
        with torch.no_grad():
            expected = theirs(ids).logits
            logits = ours(ids, None, None, torch.tensor([[0, ids.shape[1] - 1]]))
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)
        assert theirs.config.id2label[int(expected.argmax())] == example["tuned"]


def test_killed_in_the_second_run_it_ends_the_same_and_does_not_repeat_the_first(
    done: Path, base: Path, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "tests_settings.py").write_text(f"SETTINGS = {SETTINGS!r}")
    out = tmp_path / "out"
    out.mkdir()
    arguments = [sys.executable, "-c", KILLED, str(base), str(corpus), str(out)]
    process = subprocess.Popen(arguments, cwd=tmp_path)
    while process.poll() is None and not (out / "scratch" / "checkpoints" / "step-00000010").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "summary.json").exists(), "negative control: it was killed before the end"
    first = (out / "metrics.jsonl").read_bytes().splitlines()

    run(base, corpus, out)
    updates = [line for line in first if b'"grad_norm"' in line]
    again = [line for line in (out / "metrics.jsonl").read_bytes().splitlines() if b'"grad_norm"' in line]
    assert again == updates, "measured times included: no step of the first run was done again"
    for name in ("model/model.safetensors", "summary.json"):
        assert (out / name).read_bytes() == (done / name).read_bytes()


def test_with_lora_peft_opens_the_adapter_and_its_head(base: Path, corpus: Path, tmp_path: Path) -> None:
    config = FinetuneConfig(**SETTINGS | {"lora": {"rank": 4}, "from_scratch": False})
    STAGE.run(config, {"from": base, "documents": corpus}, tmp_path)
    summary = read_json(tmp_path / "summary.json")
    assert summary["tuned"]["accuracy"]["value"] > 0.8
    plain = AutoModelForSequenceClassification.from_pretrained(base / "model", num_labels=2)
    theirs = PeftModel.from_pretrained(plain, tmp_path / "adapter")
    ours = load_classifier(tmp_path)
    tokens = torch.tensor([Tokenizer.load(base).encode("音符を書くには、次の記号を使います。")])
    with torch.no_grad():
        scores = ours(tokens, None, None, torch.tensor([[0, tokens.shape[1] - 1]]))
    assert scores.abs().max() > 0.1
    assert (theirs(tokens).logits - scores).abs().max() < 1e-4

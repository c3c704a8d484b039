"""The tuning stages on two processes: the weights of one process, one artefact, everything told once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from verbs_program import run_verbs

from hagane.artifact.files import read_json
from hagane.artifact.folder import committed
from hagane.artifact.manifest import verify
from hagane.artifact.metrics import read_metrics
from hagane.artifact.rows import write_rows
from hagane.corpus.document import Document
from hagane.corpus.store import write_documents
from hagane.model.classifier import SequenceClassifier
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_classifier, save_model
from hagane.prefer.examples import read_pairs
from hagane.prefer.packing import pack_pairs
from hagane.tokenizer.encode import Tokenizer
from hagane.tokenizer.huggingface import write_huggingface
from hagane.tokenizer.train import sample_lines, train_sentencepiece
from hagane.train.random import generator

TRAIN = ["train.steps=6", "train.optimizer=adamw", "train.evaluate_every=2", "train.compile=false"]
PASSAGES = ["train_per_label=12", "heldout_per_label=8", "forgetting_characters=2000", "seq=128", *TRAIN]
INSTRUCTIONS = ["seq=160", "max_tokens=160", "word_count=2", "practice_prompts=50", "heldout_prompts=2", *TRAIN]
PAIRS = ["rows=3", "seq=128", "optimizer=adamw", "lr=1e-3", "epochs=2", "evaluations=3", "compile=false"]
ROLLOUTS = ["rows=3", "seq=48", "lr=1e-3", "iterations=3", "rollout=14", "minibatches=2", "max_new_tokens=6"]
ROLLOUTS += ["evaluation_prompts=3", "evaluate_every=1", "compile=false"]
STAGES: dict[str, tuple[str, list[str]]] = {
    "finetune": ("finetune", [*PASSAGES, "rows=4"]),
    "finetune, FSDP2": ("finetune", [*PASSAGES, "rows=4", "from_scratch=false", "train.shard=true"]),
    "instruct": ("instruct", [*INSTRUCTIONS, "rows=3"]),
    "instruct, FSDP2, LoRA": ("instruct", [*INSTRUCTIONS, "rows=3", "train.shard=true", "lora.rank=2"]),
    "reward": ("reward", [*PAIRS, "normalise_on=8"]),
    "dpo": ("dpo", PAIRS),
    "ppo": ("ppo", ROLLOUTS),
}
PLAIN = [name for name, (stage, _) in STAGES.items() if name == stage]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Documents of two sources out of the pages that ship, a tiny model that learned nothing, pairs of which one fills a row."""
    folder = tmp_path_factory.mktemp("inputs")
    pages = sorted((files("hagane.corpus") / "builtin" / "gold").iterdir(), key=lambda page: page.name)
    documents = [
        Document(page.name, ("読み物", "手引き")[number % 2], page.read_text(encoding="utf-8"))
        for number, page in enumerate(pages)
    ]
    write_documents(folder / "documents", "train", [d for i, d in enumerate(documents) if i % 6 > 1])
    write_documents(folder / "documents", "heldout", [d for i, d in enumerate(documents) if i % 6 <= 1])
    words = folder / "tokenizer"
    words.mkdir()
    lines = sample_lines((document.text for document in documents), 2000, 1)
    (words / "tokenizer.model").write_bytes(train_sentencepiece(lines, vocab_size=2000, character_coverage=0.999))
    tokenizer = Tokenizer.load(words)
    write_huggingface(tokenizer, words)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1}
    ids = {"bos_id": tokenizer.bos_id, "eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    model = Decoder(DecoderConfig(vocab_size=tokenizer.vocab_size, head_dim=16, **shape, **ids), torch.float32)
    model.init_weights(generator(1, 0, "weights"))
    save_model(model, folder / "from" / "model", words)
    answers = ("はい、そのとおりです。", "いいえ、わかりません。")
    write_rows(
        folder / "pairs.jsonl",
        (
            {"prompt": f"{number}番目の{'設定と' * 8}表示は、", "chosen": answers[0], "rejected": answers[1]}
            | {"split": "heldout" if number >= 7 else "train"}
            for number in range(8)
        ),
    )
    judge = SequenceClassifier(model, 1, ["reward"])
    with torch.no_grad():
        judge.score.normal_(generator=generator(1, 0, "judge"))
    save_classifier(judge, folder / "reward" / "model", words)
    asked = {"family": "greetings", "split": "train", "check": {"kind": "equals", "text": "はい。"}}
    write_rows(folder / "from" / "prompts.jsonl", (asked | {"prompt": f"{n}番目の表示は、"} for n in range(20)))
    return {
        "from": folder / "from",
        "documents": folder / "documents",
        "pairs": folder / "pairs.jsonl",
        "reward": folder / "reward",
    }


def line(stage: str, settings: list[str], inputs: dict[str, Path], out: Path) -> list[str]:
    own = {"finetune": "documents", "instruct": "documents", "ppo": "reward"}.get(stage, "pairs")
    return [stage, f"from={inputs['from']}", f"{own}={inputs[own]}", *settings, "-o", str(out)]


@pytest.fixture(scope="module")
def made(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, list[str]]]:
    """Number of processes → folder of the artefacts, and what each process told."""
    found = {}
    for count in (1, 2):
        folder = tmp_path_factory.mktemp(f"processes-{count}")
        lines = [line(stage, settings, inputs, folder / name) for name, (stage, settings) in STAGES.items()]
        if count == 1:
            lines += [
                line(name, [*STAGES[name][1], "seed=2"], inputs, folder / f"{name}, other seed") for name in PLAIN
            ]
        found[count] = folder, run_verbs(folder, lines, count)
    return found


def weights(folder: Path) -> torch.Tensor:
    tensors = load_file(folder / "model" / "model.safetensors")
    return torch.cat([tensors[name].double().flatten() for name in sorted(tensors)])


def difference(folder: Path, other: Path) -> float:
    """Of all weights together, relative to their norm.

    A single weight whose gradient is nearly zero may differ more: AdamW divides by its size, and what it sums comes in another
    order.
    """
    return float((weights(folder) - weights(other)).norm() / weights(folder).norm())


def losses(folder: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(folder / "metrics.jsonl") if "loss" in row]


def test_in_the_last_step_one_process_has_nothing(inputs: dict[str, Path]) -> None:
    """Seven rows, three a step: so the runs below had an empty micro-batch in training, and one in each evaluation."""
    tokenizer = Tokenizer.load(inputs["from"])
    train, heldout = (pack_pairs(part, tokenizer, 1, 128, 1, "test") for part in read_pairs(inputs["pairs"]))
    assert (len(train.batches), len(heldout.batches)) == (7, 1)


@pytest.mark.parametrize("name", STAGES)
def test_two_processes_equal_one(made: dict[int, tuple[Path, list[str]]], name: str) -> None:
    one, two = (made[count][0] / name for count in (1, 2))
    assert committed(two) is not None
    assert verify(two) == []
    found, largest = difference(one, two), float((weights(one) - weights(two)).abs().max())
    print(f"{name}, 1 process vs 2: difference of weights {found:.1e}, the largest {largest:.1e}")
    assert found <= 1e-6
    assert losses(two) == pytest.approx(losses(one), rel=1e-6)
    if name == "dpo":
        first, second = (load_file(folder / "reference.safetensors") for folder in (one, two))
        torch.testing.assert_close(second, first, rtol=1e-6, atol=0)
    assert set(read_json(two / "summary.json")) == set(read_json(one / "summary.json"))


@pytest.mark.parametrize("name", PLAIN)
def test_the_comparison_can_fail(made: dict[int, tuple[Path, list[str]]], name: str) -> None:
    """Negative control: the same examples, drawn in another order."""
    one, other = made[1][0] / name, made[1][0] / f"{name}, other seed"
    assert difference(one, other) > 1e-4
    assert losses(other) != pytest.approx(losses(one), rel=1e-4)


def test_each_stage_is_told_once_and_leaves_one_folder(made: dict[int, tuple[Path, list[str]]]) -> None:
    folder, (first, second) = made[2]
    assert {path.name for path in folder.iterdir()} == {*STAGES, "lines.json"}
    assert first.count(": done") == len(STAGES)
    assert second == ""

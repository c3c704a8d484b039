"""Fine-tuning: the pretrained model onto one task with real labels, against the same model from scratch.

The task is to say which source a passage comes from. Two classifiers of one shape see the same passages in the same order
for the same number of steps; one starts from the pretrained weights, the other from random ones with a learning rate of its
own, since fresh weights want a higher one. What the first does better, pretraining gave it.

What tuning costs is measured too: the tuned trunk goes back under the head it was pretrained with and reads held-out
documents. The rise in bits per character is what it forgot (Kirkpatrick et al. 2017, "catastrophic forgetting").

Both runs keep their own checkpoints; a killed stage takes up the run it was in, and a finished run is only read again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from hagane.artifact import processes
from hagane.artifact.files import write_json
from hagane.artifact.metrics import FILE_NAME
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.corpus.store import read_documents
from hagane.finetune.accuracy import confusion, intervals
from hagane.finetune.passages import Passages, make_passages
from hagane.finetune.task import ClassifyTask, Predictions, encode
from hagane.model.classifier import SequenceClassifier
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, save_classifier
from hagane.model.lora import LoRAConfig, adapt
from hagane.model.peft_folder import settle
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import share_of
from hagane.train.loop import TrainConfig, TrainResult, train
from hagane.train.memory import require_memory
from hagane.train.precision import compute_dtype
from hagane.train.random import generator
from hagane.train.score import document_bits

SCRATCH = "scratch"
EXAMPLES = 5
SCORED_SEQ = 512  # windows that documents are read in, as everywhere else


class FinetuneTraining(TrainConfig):
    """Training settings with the defaults of this stage."""

    steps: int = Field(150, gt=0, description="Optimizer updates of each of the two runs.")
    lr: float = Field(3e-4, gt=0, description="Peak learning rate of matrices, from the pretrained weights.")
    embedding_lr: float = Field(3e-4, gt=0, description="Peak learning rate of embedding, norms and the new head.")
    evaluate_every: int = Field(25, ge=0, description="Updates between evaluations on the held-out passages.")
    checkpoint_every: int = Field(50, gt=0, description="Updates between checkpoints.")


class FinetuneConfig(StageConfig):
    """The task, and how both classifiers are trained."""

    train_per_label: int = Field(100, ge=1, description="Training passages of each source.")
    heldout_per_label: int = Field(80, ge=1, description="Held-out passages of each source.")
    min_chars: int = Field(30, ge=1, description="Shortest passage, in characters.")
    max_chars: int = Field(110, ge=1, description="Longest passage, in characters.")
    from_scratch: bool = Field(True, description="Also train the same model from random weights, to compare.")
    scratch_lr: float = Field(1e-3, gt=0, description="Peak learning rate of that model, for all its weights.")
    rows: int = Field(4, ge=1, description="Rows of a batch; about eight passages lie in each.")
    seq: int = Field(256, ge=8, description="Tokens of a row; a longer passage is cut.")
    forgetting_characters: int = Field(40_000, ge=1, description="Held-out characters to measure forgetting on.")
    lora: LoRAConfig | None = Field(
        None, description="Train adapters beside the weights instead of the weights; they are merged at the end."
    )
    train: FinetuneTraining = Field(default_factory=FinetuneTraining, description="Training settings.")


def run(config: FinetuneConfig, inputs: Inputs, out: Path) -> None:
    """Write `model/`, `metrics.jsonl`, `scratch-metrics.jsonl` and `summary.json`; with `lora` `adapter/` as well."""
    tokenizer, base = Tokenizer.load(inputs["from"]), load_model(inputs["from"], compute_dtype())
    heldout = list(read_documents(inputs["documents"], "heldout"))
    passages = make_passages(
        read_documents(inputs["documents"], "train"),
        heldout,
        train_per_label=config.train_per_label,
        heldout_per_label=config.heldout_per_label,
        min_chars=config.min_chars,
        max_chars=config.max_chars,
        seed=config.seed,
    )
    for source, count in passages.left_out.items():
        note(f"  left out: {source}, with only {count} passages")
    task = _task(config, tokenizer, passages)
    texts = _some([document.text for document in heldout], config.forgetting_characters)
    before = processes.from_first(lambda: _bits_per_character(base, base.head_weight, tokenizer, texts))

    head = base.head_weight.detach().clone()
    tuned = SequenceClassifier(base, len(passages.labels), passages.labels)
    adapt(base, config.lora, generator(config.seed, 0, "lora"))
    require_memory(tuned, share_of(config.rows), config.seq, config.train)
    tuned_run = train(tuned, task, config.train, out, "finetune")
    settle(base, config.lora, out / "adapter", tuned.score)
    scratch, scratch_run = _train_scratch(config, base, passages, task, out) if config.from_scratch else (None, None)
    if not processes.is_first():
        return  # the first measures and saves
    with processes.alone():
        said, scratch_said = task.predict(tuned), None if scratch is None else task.predict(scratch)

    save_classifier(tuned, out / "model", tokenizer.folder)
    summary = _summary(config, passages, (said, tuned_run), (scratch_said, scratch_run))
    summary["general_knowledge"] = {
        "bits_per_character_before": before,
        "bits_per_character_after": _bits_per_character(base, head, tokenizer, texts),
        "characters": sum(map(len, texts)),
    }
    write_json(out / "summary.json", summary)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    note(_told(summary))


def _task(config: FinetuneConfig, tokenizer: Tokenizer, passages: Passages) -> ClassifyTask:
    return ClassifyTask(
        encode(tokenizer, passages.train, config.seq),
        encode(tokenizer, passages.heldout, config.seq),
        ([passage.label for passage in passages.train], [passage.label for passage in passages.heldout]),
        rows=config.rows,
        seq=config.seq,
        seed=config.seed,
    )


def _train_scratch(
    config: FinetuneConfig, base: Decoder, passages: Passages, task: ClassifyTask, out: Path
) -> tuple[SequenceClassifier, TrainResult]:
    """The same shape, data, order and steps, from random weights; its figures go to `scratch-metrics.jsonl`."""
    decoder = Decoder(base.config, base.compute_dtype)
    decoder.init_weights(generator(config.seed, 0, "from scratch"))
    model = SequenceClassifier(decoder, len(passages.labels), passages.labels)
    settings = config.train.model_copy(update={"lr": config.scratch_lr, "embedding_lr": config.scratch_lr})
    (out / SCRATCH).mkdir(exist_ok=True)
    result = train(model, task, settings, out / SCRATCH, "from scratch")
    shutil.copyfile(out / SCRATCH / FILE_NAME, out / f"{SCRATCH}-{FILE_NAME}")
    return model, result


def _summary(
    config: FinetuneConfig,
    passages: Passages,
    tuned: tuple[Predictions, TrainResult],
    scratch: tuple[Predictions | None, TrainResult | None],
) -> dict[str, Any]:
    true = [passage.label for passage in passages.heldout]
    said, run = tuned
    scratch_said, scratch_run = scratch
    right = [a == b for a, b in zip(said.labels, true, strict=True)]
    summary: dict[str, Any] = {
        "task": "source",
        "labels": passages.labels,
        "train_passages": len(passages.train),
        "heldout_passages": len(passages.heldout),
        "left_out": passages.left_out,
        "chance": max(true.count(label) for label in set(true)) / len(true),
        "steps": run.steps,
        "confusion": confusion(true, said.labels, len(passages.labels)),
    }
    if scratch_said is None or scratch_run is None:
        summary["tuned"] = _figures(config.train.lr, said, run, intervals(right, right, config.seed)[0])
    else:
        scratch_right = [a == b for a, b in zip(scratch_said.labels, true, strict=True)]
        tuned_interval, scratch_interval, difference = intervals(right, scratch_right, config.seed)
        summary["tuned"] = _figures(config.train.lr, said, run, tuned_interval)
        summary["scratch"] = _figures(config.scratch_lr, scratch_said, scratch_run, scratch_interval)
        summary["difference"] = difference
    shown = [true.index(label) for label in sorted(set(true))][:EXAMPLES]
    # With fewer labels than examples, the last passages fill up: drawn at random like the others, of the last labels.
    shown += [i for i in range(len(true) - 1, -1, -1) if i not in shown][: EXAMPLES - len(shown)]
    summary["examples"] = [
        {
            "text": passages.heldout[i].text,
            "label": passages.labels[true[i]],
            "tuned": passages.labels[said.labels[i]],
            "scratch": passages.labels[scratch_said.labels[i]] if scratch_said is not None else None,
        }
        for i in shown
    ]
    return summary


def _figures(lr: float, said: Predictions, run: TrainResult, accuracy: dict[str, Any]) -> dict[str, Any]:
    """Of one classifier; `curve` rows are {"step", "loss", "accuracy"} on the held-out passages."""
    return {"accuracy": accuracy, "loss": said.loss, "lr": lr, "curve": run.evaluations}


def _some(texts: list[str], characters: int) -> list[str]:
    """Every n-th document, so that there are about `characters` of them, from all over the split."""
    texts = [text for text in texts if text]
    step = max(1, sum(map(len, texts)) // characters)
    return texts[::step]


def _bits_per_character(trunk: Decoder, head: torch.Tensor, tokenizer: Tokenizer, texts: list[str]) -> float:
    """Of `trunk` under the language-modelling head [vocab, dim], which its own training may have changed or lost."""
    reader = Decoder(trunk.config.model_copy(update={"tie_embeddings": False}), trunk.compute_dtype)
    reader.load_state_dict(trunk.state_dict() | {"head": head})
    reader.eval()
    bits = document_bits(reader, tokenizer.encode_batch(texts), bos_id=tokenizer.bos_id, seq=SCORED_SEQ)
    return float(np.sum(bits) / sum(map(len, texts)))


def _told(summary: dict[str, Any]) -> str:
    kept = summary["general_knowledge"]
    line = f"  held-out accuracy {summary['tuned']['accuracy']['value']:.3f}"
    if "scratch" in summary:
        line += f", from scratch {summary['scratch']['accuracy']['value']:.3f}"
    return (
        f"{line}, chance {summary['chance']:.3f}; bits per character of the trunk "
        f"{kept['bits_per_character_before']:.3f} → {kept['bits_per_character_after']:.3f}"
    )


STAGE = Stage(
    name="finetune",
    title="ファインチューニング: どの説明書の文か当てる / fine-tuning: which source is this passage from?",
    config=FinetuneConfig,
    inputs={
        "from": Input("model", "The pretrained model."),
        "documents": Input("documents", "Cleaned documents of at least two sources."),
    },
    run=run,
    produces="model",
    together=True,
)

"""Instruction tuning: from a model that goes on with a text to one that does what it is asked.

Takes a pretrained model and the documents it learned from; makes instructions out of those documents
(`material`, `families`), adds the hand-written ones, trains on the responses, and leaves beside the model `prompts.jsonl`: the
practice prompts that preference tuning starts from, and the held-out ones that the evaluation asks.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from hagane.artifact import processes
from hagane.artifact.files import write_json
from hagane.artifact.progress import note
from hagane.artifact.rows import write_rows
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.corpus.document import Document
from hagane.corpus.store import read_documents
from hagane.errors import UsageError
from hagane.instruct.examples import Encoded, encode
from hagane.instruct.families import FAMILIES
from hagane.instruct.family import Row
from hagane.instruct.handwritten import divide, read
from hagane.instruct.material import gather
from hagane.instruct.prompts import heldout_rows, practice_rows, training_rows
from hagane.instruct.task import InstructTask
from hagane.model.hf import load_model, save_model
from hagane.model.lora import LoRAConfig, adapt
from hagane.model.peft_folder import settle
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import share_of
from hagane.train.loop import TrainConfig, train
from hagane.train.memory import require_memory
from hagane.train.precision import compute_dtype
from hagane.train.random import generator

SHOWN = 3


class InstructConfig(StageConfig):
    """Settings of instruction tuning. As many instructions are made as fill `train.steps` batches once."""

    rows: int = Field(8, gt=0, description="Rows of a batch.")
    seq: int = Field(512, gt=0, description="Tokens of a row; whole examples are packed into it.")
    max_tokens: int = Field(256, gt=0, description="Longer examples (prompt and response) are left out and counted.")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Source of documents → what its manual is called in answers; without, every source by its own name.",
    )
    weights: dict[str, float] = Field(
        default_factory=dict,
        description="Family → how often it is drawn for training; 1 where not named, 0 leaves it out.",
    )
    word_count: int = Field(8, gt=0, description="A word is used in instructions when the documents use it so often.")
    documents: int = Field(
        20_000, gt=0, description="Instructions are made from at most so many documents of either split."
    )
    practice_prompts: int = Field(4000, ge=0, description="Prompts set apart for preference tuning.")
    heldout_prompts: int = Field(40, gt=0, description="Held-out prompts of each family, in each kind of wording.")
    lora: LoRAConfig | None = Field(
        None, description="Train adapters beside the weights instead of the weights; they are merged at the end."
    )
    train: TrainConfig = Field(
        default_factory=lambda: TrainConfig(steps=360, lr=2e-3, embedding_lr=2e-3),
        description="Settings of the training engine.",
    )


def sample(documents: Iterable[Document], count: int, seed: int) -> list[Document]:
    """`count` documents whatever their order, in constant memory: those with the smallest hash of (seed, id)."""
    chosen = heapq.nsmallest(count, documents, key=lambda document: random.Random(f"{seed}/{document.id}").random())
    return sorted(chosen, key=lambda document: document.id)


def run(config: InstructConfig, inputs: Inputs, out: Path) -> None:
    """Write model/, prompts.jsonl, metrics.jsonl and summary.json into `out`; with `lora` adapter/ as well."""
    if config.max_tokens > config.seq:
        raise UsageError(
            f"max_tokens {config.max_tokens} is more than a row of seq {config.seq} holds.",
            where="max_tokens",
            fix="Raise seq, or lower max_tokens.",
        )
    tokenizer, model = Tokenizer.load(inputs["from"]), load_model(inputs["from"], compute_dtype())
    adapt(model, config.lora, generator(config.seed, 0, "lora"))
    require_memory(model, share_of(config.rows), config.seq, config.train)
    material, heldout_material = gather(
        sample(read_documents(inputs["documents"], "train"), config.documents, config.seed),
        sample(read_documents(inputs["documents"], "heldout"), config.documents, config.seed),
        labels=config.labels,
        word_count=config.word_count,
        seed=config.seed,
    )
    written = divide(read(), config.seed)
    heldout = heldout_rows(FAMILIES, heldout_material, written, config.heldout_prompts, config.seed)
    taken = {row.prompt for row in heldout}
    practice = practice_rows(FAMILIES, material, written, config.practice_prompts, config.seed, taken)
    write_rows(out / "prompts.jsonl", (row.as_json() for row in (*practice, *heldout)))

    stream = training_rows(FAMILIES, material, written, config.weights, config.seed, taken)
    wanted = config.train.steps * config.rows * config.seq
    training = encode(stream, tokenizer, max_tokens=config.max_tokens, until_tokens=wanted)
    familiar = [row for row in heldout if row.wording == "familiar"]
    unseen = encode(familiar, tokenizer, max_tokens=config.max_tokens)
    note(f"  {len(training.examples)} instructions in {len(Counter(row.family for row in training.rows))} families")

    task = InstructTask(training.examples, unseen.examples, rows=config.rows, seq=config.seq, seed=config.seed)
    result = train(model, task, config.train, out, "instruct")
    if not processes.is_first():
        return  # the first saves
    settle(model, config.lora, out / "adapter")
    save_model(model, out / "model", tokenizer.folder, stop_ids=tokenizer.stop_ids)
    write_json(
        out / "summary.json",
        {
            **_counts(training, practice, heldout),
            "material": {
                split: {"sentences": len(heap.sentences), "words": len(heap.words)}
                for split, heap in (("train", material), ("heldout", heldout_material))
            },
            "steps": result.steps,
            "seconds": result.seconds,
            "tokens": result.tokens,
            "evaluations": result.evaluations,
        },
    )


def _counts(training: Encoded, practice: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
    """What was made of each family, with a few rows to look at."""
    shown: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in training.rows:
        if len(shown[row.family]) < SHOWN:
            shown[row.family].append({"prompt": row.prompt, "response": row.response})
    names = [family.name for family in FAMILIES]
    return {
        "examples": len(training.examples),
        "families": {
            "training": dict(Counter(row.family for row in training.rows)),
            "practice": dict(Counter(row.family for row in practice)),
            "heldout_familiar": dict(Counter(row.family for row in heldout if row.wording == "familiar")),
            "heldout_new": dict(Counter(row.family for row in heldout if row.wording == "heldout")),
            "absent": [name for name in names if name not in shown],
        },
        "dropped_too_long": dict(training.dropped),
        "shown": dict(shown),
    }


STAGE = Stage(
    name="instruct",
    title="インストラクションチューニング · Instruction tuning: answers to requests made from the documents",
    config=InstructConfig,
    inputs={
        "from": Input("model", "the pretrained model to start from"),
        "documents": Input("documents", "cleaned documents that the instructions are made from"),
    },
    run=run,
    produces="model",
    together=True,
)

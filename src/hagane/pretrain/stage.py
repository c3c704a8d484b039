"""Pretraining: a decoder from random weights to one that continues Japanese text.

Documents become one file of tokens (a memory map, deleted at the end), the engine trains next-token prediction on it, and
the model is written as a Hugging Face folder. The shape and the rates of the defaults are those of the demo: seven million
parameters, Muon, and a rate that falls over the last 60 % of the run, since the run is far too short to stay at the peak.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import torch
from pydantic import Field, model_validator

from hagane.artifact.files import write_json
from hagane.artifact.metrics import FILE_NAME, read_metrics
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig
from hagane.corpus.store import read_documents
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import save_model
from hagane.pretrain.task import HeldOut, NextToken
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import TokenStore
from hagane.train.loop import TrainConfig, train
from hagane.train.precision import compute_dtype
from hagane.train.random import generator

_ENCODED_AT_ONCE = 256


class Config(StageConfig):
    """Shape of the model, shape of a batch, and how to train."""

    hidden_size: int = Field(256, gt=0, description="Width of the residual stream.")
    num_layers: int = Field(6, gt=0, description="Blocks.")
    num_heads: int = Field(2, gt=0, description="Query heads.")
    num_kv_heads: int = Field(2, gt=0, description="Key–value heads; divides num_heads.")
    head_dim: int = Field(128, gt=0, description="Width of a head; 128 is faster than 64 for the same width in all.")
    intermediate_size: int = Field(688, gt=0, description="Inner width of the feed-forward layer.")
    rope_theta: float = Field(10_000.0, gt=0, description="Base of the rotary frequencies.")
    qk_norm: bool = Field(True, description="Normalise queries and keys (Qwen3); false is the Llama block.")
    tie_embeddings: bool = Field(True, description="Use the embedding as the head: fewer parameters.")
    max_positions: int = Field(1024, gt=0, description="Longest text the model is declared for, in tokens.")
    rows: int = Field(8, gt=0, description="Rows of a micro-batch.")
    seq: int = Field(512, gt=1, description="Tokens of a row.")
    micro_batches: int = Field(1, gt=0, description="Micro-batches of one update; more of them need no more memory.")
    max_heldout_documents: int = Field(100, gt=0, description="Held-out documents that are scored, drawn at random.")
    train: TrainConfig = Field(TrainConfig(steps=800), description="Steps, rates, optimizer.")

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.seq > self.max_positions:
            raise ValueError(f"seq {self.seq} is more than max_positions {self.max_positions}")
        return self


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Train a model on `documents` with the vocabulary of `tokenizer`; writes model/, metrics.jsonl, summary.json."""
    tokenizer = Tokenizer.load(inputs["tokenizer"])
    token_file = out / "tokens.bin"
    store = TokenStore.write(
        token_file, _encoded(tokenizer, inputs["documents"]), bos_id=tokenizer.bos_id, eos_id=tokenizer.eos_id
    )
    heldout = _heldout(tokenizer, inputs["documents"], config)
    model = _fresh_model(config, tokenizer)
    parameters = model.config.parameters_count
    note(f"  {parameters / 1e6:.1f} M parameters, {store.total / 1e6:.2f} M tokens, {_name(model.compute_dtype)}")
    task = NextToken(store, heldout, tokenizer.bos_id, config.rows, config.seq, config.micro_batches, config.seed)
    result = train(model, task, config.train, out, "pretrain")

    save_model(model, out / "model", tokenizer.folder)
    token_file.unlink()
    speeds = [row["tokens_per_second"] for row in read_metrics(out / FILE_NAME) if "tokens_per_second" in row]
    write_json(
        out / "summary.json",
        {
            "parameters": parameters,
            "compute_dtype": _name(model.compute_dtype),
            "steps": result.steps,
            "corpus_documents": len(store.starts) - 1,
            "corpus_tokens": store.total,
            "tokens_seen": result.tokens,
            "epochs": result.tokens / store.total,
            "seconds": result.seconds,
            "tokens_per_second": median(speeds),
            "heldout_documents": len(heldout.ids),
            "heldout_characters": heldout.characters,
            "bits_per_character_before": result.evaluations[0]["bits_per_character"],
            "bits_per_character": result.evaluations[-1]["bits_per_character"],
        },
    )


def _encoded(tokenizer: Tokenizer, documents: Path) -> Iterator[list[int]]:
    texts = (document.text for document in read_documents(documents, "train"))
    while some := list(islice(texts, _ENCODED_AT_ONCE)):
        yield from tokenizer.encode_batch(some)


def _heldout(tokenizer: Tokenizer, documents: Path, config: Config) -> HeldOut:
    texts = [document.text for document in read_documents(documents, "heldout") if document.text]
    order = torch.randperm(len(texts), generator=generator(config.seed, 0, "heldout")).tolist()
    chosen = [texts[number] for number in sorted(order[: config.max_heldout_documents])]
    return HeldOut(tokenizer.encode_batch(chosen), sum(len(text) for text in chosen))


def _fresh_model(config: Config, tokenizer: Tokenizer) -> Decoder:
    shape = config.model_dump(include=set(DecoderConfig.model_fields))
    ids = {"bos_id": tokenizer.bos_id, "eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
    model = Decoder(DecoderConfig(vocab_size=tokenizer.vocab_size, **shape, **ids), compute_dtype())
    model.init_weights(generator(config.seed, 0, "weights"))
    return model


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


STAGE = Stage(
    name="pretrain",
    title="事前学習 · Pretraining: next-token prediction on the cleaned documents",
    config=Config,
    inputs={
        "documents": Input("documents", "Cleaned documents, a train and a held-out part."),
        "tokenizer": Input("tokenizer", "The vocabulary."),
    },
    run=run,
    produces="model",
    together=True,
)

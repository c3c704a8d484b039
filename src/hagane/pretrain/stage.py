"""Pretraining: a decoder from random weights, or a model from elsewhere, to one that continues Japanese text.

Documents become files of tokens (memory maps, deleted at the end), one for each source of the mixture, the engine trains
next-token prediction on the stream of them, and the model is written as a Hugging Face folder. The shape and the rates of the
defaults are those of the demo: seven million parameters, Muon, and a rate that falls over the last 60 % of the run, since the
run is far too short to stay at the peak.

With `from` the shape, the weights and the tokenizer are those of a Hugging Face folder, which training goes on with.

A run with `train.keep_every` leaves milestones, and with the input `branch` another run starts from one of them: one stable
run and several decays, for the price of the decays. Seed, `rows`, `seq` and `micro_batches` should be those of the stable run,
so that the stream goes on where it was. A `batch_warmup` moves it: the warm-up is a share of the steps, so a branch with other
`steps` takes the milestone to have read more or fewer tokens than it did, and reads some twice or passes over some.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from statistics import median

import torch
from pydantic import Field, ValidationError, model_validator

from hagane.artifact import processes
from hagane.artifact.files import write_json
from hagane.artifact.metrics import FILE_NAME, read_metrics
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage, StageConfig, group
from hagane.corpus.store import read_documents
from hagane.errors import UsageError
from hagane.model.config import DecoderConfig
from hagane.model.decoder import Decoder
from hagane.model.hf import load_model, save_model
from hagane.model.lora import LoRAConfig, adapt
from hagane.model.memory import require_weights
from hagane.model.peft_folder import settle
from hagane.pretrain.sources import Share, open_sources, tell
from hagane.pretrain.task import HeldOut, NextToken
from hagane.pretrain.warmup import Shapes
from hagane.tokenizer.encode import Tokenizer
from hagane.train.loop import TrainConfig, train
from hagane.train.memory import require_memory
from hagane.train.mixture import Mixture
from hagane.train.precision import compute_dtype
from hagane.train.random import generator
from hagane.train.state import milestone


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
    seq_warmup: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the steps that read shorter rows, and more of them: first seq / 4, then seq / 2.",
    )
    batch_warmup: float = Field(
        0.0, ge=0, lt=1, description="Share of the steps with fewer micro-batches: first a quarter of them, then half."
    )
    mixture: Mapping[str, Share] = Field(
        {},
        description="Documents → weight and max_epochs; a key is an artefact, ARTEFACT/SOURCE or a pattern ('*/man*'). "
        "Empty: every document alike.",
    )
    z_loss: float = Field(0.0, ge=0, description="Weight of (log Z)², which keeps logits from drifting; PaLM has 1e-4.")
    max_heldout_documents: int = Field(100, gt=0, description="Held-out documents that are scored, drawn at random.")
    lora: LoRAConfig | None = Field(
        None,
        description="With `from`: train adapters beside the weights instead of the weights; they are merged at the end.",
    )
    branch_at: int = Field(0, ge=0, description="Milestone of `branch` to start from, by its step; 0: the newest.")
    train: TrainConfig = Field(TrainConfig(steps=800), description="Steps, rates, optimizer.")

    @model_validator(mode="after")
    def _quarters(self) -> Config:
        for share, size in (("seq_warmup", "seq"), ("batch_warmup", "micro_batches")):
            if getattr(self, share) and getattr(self, size) % 4:
                raise ValueError(f"{share} begins with a quarter of {size}, and {getattr(self, size)} has none")
        return self

    @model_validator(mode="after")
    def _is_a_shape(self) -> Config:
        try:
            DecoderConfig(vocab_size=1, **self.model_dump(include=set(DecoderConfig.model_fields)))
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return self


def run(config: Config, inputs: Inputs, out: Path) -> None:
    """Train on `documents` a fresh model with the vocabulary of `tokenizer`, or the one of `from` with its own.

    Writes model/, metrics.jsonl, summary.json; with `lora` adapter/ as well.
    """
    tokenizer, model = _start(config, inputs)
    adapt(model, config.lora, generator(config.seed, 0, "lora"))
    require_memory(model, config.rows, config.seq, config.train)
    documents, tokens = group(inputs, "documents"), out / "tokens"
    shapes = Shapes(
        config.train.steps, config.rows, config.seq, config.micro_batches, config.seq_warmup, config.batch_warmup
    )
    sources = open_sources(documents, config.mixture, tokenizer, tokens)
    reserve = shapes.begin(config.train.steps + config.train.most_passed_over) - shapes.tokens
    mixture = Mixture(sources, shapes.tokens // config.seq, config.seq, config.seed, reserve // config.seq)
    heldout = _heldout(tokenizer, documents.values(), config)
    parameters = model.config.parameters_count
    note(
        f"  {parameters / 1e6:.1f} M parameters, {shapes.tokens / 1e6:.2f} M tokens to read, {_name(model.compute_dtype)}"
    )
    told = tell(mixture)
    task = NextToken(mixture, shapes, heldout, tokenizer.bos_id, config.z_loss)
    branch = milestone(inputs["branch"], config.branch_at) if "branch" in inputs else None
    result = train(model, task, config.train, out, "pretrain", branch)
    if not processes.is_first():
        return  # the first measures and saves
    settle(model, config.lora, out / "adapter")
    save_model(model, out / "model", tokenizer.folder, stop_ids=tokenizer.stop_ids)
    shutil.rmtree(tokens)
    corpus_tokens = sum(source.store.total for source in sources)
    bits = result.evaluations[-1]["bits_per_character"]
    speeds = [row["tokens_per_second"] for row in read_metrics(out / FILE_NAME) if "tokens_per_second" in row]
    write_json(
        out / "summary.json",
        {
            "parameters": parameters,
            "num_layers": model.config.num_layers,
            "hidden_size": model.config.hidden_size,
            "continued": "from" in inputs,
            "compute_dtype": _name(model.compute_dtype),
            "steps": result.steps,
            "corpus_documents": sum(source.store.documents for source in sources),
            "corpus_tokens": corpus_tokens,
            "sources": told,
            "tokens_seen": result.tokens,
            "epochs": result.tokens / corpus_tokens,
            "seconds": result.seconds,
            "tokens_per_second": median(speeds),
            "heldout_documents": len(heldout.ids),
            "heldout_characters": heldout.characters,
            "bits_per_character_before": result.evaluations[0]["bits_per_character"],
            "bits_per_character": bits,
            "bits_per_byte": bits * heldout.characters / heldout.bytes,
        },
    )


def _heldout(tokenizer: Tokenizer, documents: Collection[Path], config: Config) -> HeldOut:
    """Read twice, once to count, so that no more is held than what is scored."""

    def texts() -> Iterator[str]:
        return (document.text for path in documents for document in read_documents(path, "heldout") if document.text)

    order = torch.randperm(sum(1 for _ in texts()), generator=generator(config.seed, 0, "heldout")).tolist()
    chosen = set(order[: config.max_heldout_documents])
    kept = [text for number, text in enumerate(texts()) if number in chosen]
    return HeldOut(tokenizer.encode_batch(kept), sum(map(len, kept)), sum(len(text.encode()) for text in kept))


def _start(config: Config, inputs: Inputs) -> tuple[Tokenizer, Decoder]:
    """What training begins with. Raises UsageError for settings that are not for a fresh model, or not for `from`."""
    where = "hagane pretrain"
    shape = set(DecoderConfig.model_fields)
    if "from" in inputs:
        if given := sorted(shape & config.model_fields_set):
            raise UsageError(
                f"The shape is that of the model in `from`; {given[0]} cannot be set.", where=where, fix="Leave it out."
            )
        tokenizer, model = Tokenizer.load(inputs["from"]), load_model(inputs["from"], compute_dtype())
    else:
        if config.lora is not None:
            fix = "Leave `lora` out, or give `from`."
            raise UsageError("LoRA needs a model to adapt; a fresh one has learned nothing.", where=where, fix=fix)
        tokenizer = Tokenizer.load(inputs["tokenizer"])
        ids = {"bos_id": tokenizer.bos_id, "eos_id": tokenizer.eos_id, "pad_id": tokenizer.pad_id}
        settings = config.model_dump(include=shape)
        made = DecoderConfig(vocab_size=tokenizer.vocab_size, **settings, **ids)
        require_weights(made, where)
        model = Decoder(made, compute_dtype())
        model.init_weights(generator(config.seed, 0, "weights"))
    if config.seq > model.config.max_positions:
        raise UsageError(
            f"seq {config.seq} is more than the {model.config.max_positions} positions of the model.",
            where=where,
            fix="Lower seq; for a fresh model, or raise max_positions.",
        )
    return tokenizer, model


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


STAGE = Stage(
    name="pretrain",
    title="事前学習 · Pretraining: next-token prediction on the cleaned documents",
    config=Config,
    inputs={
        "documents": Input(
            "documents", "Cleaned documents, a train and a held-out part; one artefact or several.", many=True
        ),
        "tokenizer": Input("tokenizer", "The vocabulary of a fresh model.", unless="from"),
        "from": Input("model", "A model to go on with, and its tokenizer, instead of a fresh one.", required=False),
        "branch": Input("model", "A pretraining run with milestones, to start from one of them.", required=False),
    },
    run=run,
    produces="model",
    together=True,
)

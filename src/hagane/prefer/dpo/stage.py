"""Preference tuning by DPO: a handful of epochs over the pairs, starting from the instruct model, which is also the reference."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import Field

from hagane.artifact import processes
from hagane.artifact.files import write_json
from hagane.artifact.progress import note
from hagane.artifact.stage import Input, Inputs, Stage
from hagane.model.hf import load_model, save_model
from hagane.model.lora import LoRAConfig, adapt
from hagane.model.peft_folder import settle
from hagane.prefer.dpo.task import DPOTask, with_reference
from hagane.prefer.examples import read_pairs
from hagane.prefer.packing import pack_pairs
from hagane.prefer.tuning import TuningConfig
from hagane.tokenizer.encode import Tokenizer
from hagane.train.batches import share_of
from hagane.train.loop import train
from hagane.train.memory import require_memory
from hagane.train.precision import compute_dtype
from hagane.train.random import generator


class DPOConfig(TuningConfig):
    """Settings of DPO."""

    beta: float = Field(0.1, gt=0, description="How strongly to stay near the reference; larger is nearer.")
    likelihood: float = Field(
        1.0, ge=0, description="Weight of the chosen answer's likelihood, per token; 0 is plain DPO."
    )
    lora: LoRAConfig | None = Field(
        None, description="Train adapters beside the weights instead of the weights; they are merged at the end."
    )
    epochs: float = Field(3.0, gt=0, description="Passes over the training pairs.")
    evaluations: int = Field(12, ge=1, description="Evaluations on held-out pairs over the run.")
    stop: bool = Field(
        True, description="Stop, and go back one evaluation, when held-out chosen answers become less probable."
    )
    tolerance: float = Field(
        0.5, ge=0, description="Nats per answer that held-out chosen answers may lose before that."
    )


def run(config: DPOConfig, inputs: Inputs, out: Path) -> None:
    """Write `model/`, `metrics.jsonl`, `summary.json` and `reference.safetensors`; with `lora` `adapter/` as well."""
    model, tokenizer = load_model(inputs["from"], compute_dtype()), Tokenizer.load(inputs["from"])
    train_pairs, heldout_pairs = read_pairs(inputs["pairs"])
    packed, heldout = with_reference(
        model,
        pack_pairs(train_pairs, tokenizer, config.rows, config.seq, config.seed, "training"),
        pack_pairs(heldout_pairs, tokenizer, config.rows, config.seq, config.seed, "held-out"),
        out,
        config.compile,
    )
    task = DPOTask(
        packed,
        heldout,
        beta=config.beta,
        likelihood=config.likelihood,
        stop=config.stop,
        tolerance=config.tolerance,
        seed=config.seed,
        compile=config.compile,
    )
    steps = max(1, math.ceil(config.epochs * packed.steps_per_epoch))
    every = max(1, steps // config.evaluations)
    adapt(model, config.lora, generator(config.seed, 0, "lora"))
    settings = config.train_config(steps, evaluate_every=every, checkpoint_every=max(50, every))
    require_memory(model, share_of(config.rows), config.seq, settings)
    result = train(model, task, settings, out, "dpo")
    if not processes.is_first():
        return  # the first saves
    settle(model, config.lora, out / "adapter")
    save_model(model, out / "model", tokenizer.folder, stop_ids=tokenizer.stop_ids)
    first = result.evaluations[0]
    last = next(row for row in reversed(result.evaluations) if row["step"] == result.steps)
    write_json(
        out / "summary.json",
        {
            "pairs": len(packed.pairs),
            "heldout_pairs": len(heldout.pairs),
            "too_long": packed.too_long + heldout.too_long,
            "steps": result.steps,
            "planned_steps": steps,
            "epochs": result.steps / packed.steps_per_epoch,
            "stopped_early": result.stopped_early,
            "seconds": result.seconds,
            "tokens": result.tokens,
            "before": first,
            "after": last,
            "evaluations": result.evaluations,
        },
    )
    note(
        f"  held-out pairs: accuracy {last['accuracy']:.2f}, chosen {last['chosen_change']:+.2f} nats, "
        f"rejected {last['rejected_change']:+.2f} nats after {result.steps} of {steps} steps"
    )


STAGE = Stage(
    name="dpo",
    title="プレファレンスチューニング（DPO） / preference tuning by DPO",
    config=DPOConfig,
    inputs={
        "from": Input("model", "The instruct model: where training starts, and the reference."),
        "pairs": Input("pairs", "Preference pairs, split by prompt."),
    },
    run=run,
    produces="model",
    together=True,
)

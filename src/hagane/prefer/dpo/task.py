"""DPO as a task of the engine, with a likelihood term against its known flaw.

DPO raises chosen over rejected relative to a reference, and is content when both fall, the rejected one faster. On a small model
that ruins the model: chosen answers lost 17 nats in 12 epochs and the pass rate fell by two thirds. Two guards: α times the
negative log-likelihood of the chosen answer, per token (Pang et al. 2024, "Iterative Reasoning Preference Optimization", eq. 2),
and an end of training when the chosen log-probability on held-out pairs falls below where it started.

Cost of a step: forward and backward of both answers. The reference costs one forward pass in the whole run; processes share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

from hagane.artifact import processes
from hagane.artifact.files import atomic_write
from hagane.model.decoder import Decoder
from hagane.prefer.logprobs import answer_lengths, answer_logprobs
from hagane.prefer.losses import dpo, ordered
from hagane.prefer.packing import PackedPairs
from hagane.prefer.tuning import training_forward
from hagane.train import distributed
from hagane.train.task import Batch, Metrics

REFERENCE = "reference.safetensors"


def with_reference(
    model: Decoder,
    train: PackedPairs,
    heldout: PackedPairs,
    out: Path,
    compile: bool,  # noqa: A002 - the field's name
) -> tuple[PackedPairs, PackedPairs]:
    """Both with the reference's log-probability of each answer in their batches, under `reference`, [examples] float32.

    Computed from `model`, which must still be the reference. They are kept in the first process's `out`, answer by answer, where
    a resumed run of any number of processes finds them.
    """
    parts = {"train": train, "heldout": heldout}
    path = processes.folder_of_first(out) / REFERENCE
    if not processes.from_first(path.exists):
        logprobs = {name: torch.zeros(2 * len(part.pairs)) for name, part in parts.items()}
        with training_forward(model, compile):
            for name, part in parts.items():
                for batch in part.batches[processes.rank() :: processes.count()]:
                    logprobs[name][batch["examples"]] = answer_logprobs(model, batch).detach()
        for found in logprobs.values():
            processes.add_up(found)
        if processes.is_first():
            atomic_write(path, save(logprobs))
        processes.wait()
    kept = load_file(path)
    done = {
        name: replace(part, batches=[batch | {"reference": kept[name][batch["examples"]]} for batch in part.batches])
        for name, part in parts.items()
    }
    return done["train"], done["heldout"]


class DPOTask:
    """Pairs in packed batches; weight is pairs."""

    def __init__(
        self,
        train: PackedPairs,
        heldout: PackedPairs,
        *,
        beta: float,
        likelihood: float,
        stop: bool,
        tolerance: float,
        seed: int,
        compile: bool,  # noqa: A002 - the field's name
    ) -> None:
        """Pairs must come `with_reference`.

        `likelihood`: weight α of the likelihood term; `tolerance`: nats the chosen answers may lose before training stops.
        """
        self._train, self._heldout = train, heldout
        self._beta, self._likelihood = beta, likelihood
        self._stop, self._tolerance = stop, tolerance
        self._seed, self._compile = seed, compile

    def batches(self, step: int, model: nn.Module) -> Sequence[Batch]:
        """One packed batch a step, shared between the processes."""
        return self._train.at(step, self._seed)

    def weight(self, batch: Batch) -> float:
        """Pairs in the batch."""
        return len(batch["examples"]) / 2

    def loss(self, model: nn.Module, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        """Summed over pairs. Log-probabilities among the metrics are of whole answers, in nats."""
        assert isinstance(model, Decoder)
        logprobs, reference = answer_logprobs(model, batch), batch["reference"]
        chosen, rejected = logprobs[0::2], logprobs[1::2]
        ref_chosen, ref_rejected = reference[0::2], reference[1::2]
        preference = dpo(chosen, rejected, ref_chosen, ref_rejected, self._beta)
        per_token = -chosen / answer_lengths(batch)[0::2]
        with torch.no_grad():
            margin = self._beta * ((chosen - ref_chosen) - (rejected - ref_rejected))
            metrics = {
                "preference_loss": preference.sum(),
                "likelihood_loss": per_token.sum(),
                "margin": margin.sum(),
                "accuracy": ordered(margin).sum(),
                "chosen_logprob": chosen.sum(),
                "rejected_logprob": rejected.sum(),
                "chosen_change": (chosen - ref_chosen).sum(),
                "rejected_change": (rejected - ref_rejected).sum(),
            }
        return (preference + self._likelihood * per_token).sum(), metrics

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """The same figures on held-out pairs, with the same forward pass."""
        sums: dict[str, float] = {}
        with training_forward(model, self._compile):
            for batch in distributed.deal(self._heldout.batches):
                loss, metrics = self.loss(model, batch)
                for name, value in {"loss": loss, **metrics}.items():
                    sums[name] = sums.get(name, 0.0) + float(value.detach())
        pairs = len(self._heldout.pairs)
        return {name: value / pairs for name, value in distributed.sums(sums).items()}

    def should_stop(self, evaluations: list[dict[str, float]]) -> bool:
        """True when held-out chosen answers have become less probable than at the start, beyond the tolerance."""
        return self._stop and evaluations[-1]["chosen_change"] < -self._tolerance

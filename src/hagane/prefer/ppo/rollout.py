"""One iteration's experience: answers of the policy as it is, scored, packed, with an advantage for each token.

Everything here is a function of (weights, seed, iteration). Log-probabilities of the rollout are computed again with the forward
pass of training (decoding with a cache rounds otherwise), so that the ratio of the first update is exactly 1.

Of several processes the first draws the answers, and all share the forward passes over them: decoding another number of prompts at
once rounds otherwise, and one other token makes another run. Of an iteration with answers of 16 tokens (7 M parameters,
float32, one thread) sampling took 19 %, scoring 38 %, the updates 43 %.

The score of an answer is the reward model's, centred and scaled, on the answer's last token; less a penalty where the
answer did not end or goes round in circles (a reward model trained on a few hundred pairs has seen few of either); plus, by
choice, a share of the programmatic check. The check's pass rate is always reported and, by default, never rewarded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

import torch

from hagane.artifact import processes
from hagane.checks import repetitive
from hagane.model.classifier import SequenceClassifier
from hagane.model.decoder import Decoder
from hagane.prefer.advantages import gae, token_rewards, whiten
from hagane.prefer.logprobs import labelled
from hagane.prefer.ppo.policy import PolicyWithValue
from hagane.prefer.prompts import Prompt
from hagane.prefer.reward.task import scores
from hagane.prefer.sampling import Sample, answer, draw_seed
from hagane.prefer.tuning import training_forward
from hagane.tokenizer.encode import Tokenizer
from hagane.train import distributed
from hagane.train.batches import Example, pack_rows, shares
from hagane.train.random import generator
from hagane.train.task import Batch

PER_TOKEN = ("old_logprobs", "old_values", "advantages", "returns")
"""What a rollout adds to its batches: [N] float32, one entry for each labelled place, in their order."""

Answer = tuple[Sequence[int], Sequence[int]]
"""Token ids of a prompt and of the answer to it."""


@dataclass(frozen=True)
class Scoring:
    """How an answer is scored."""

    missing_stop: float
    """Taken off when the answer did not end by itself."""
    repetition: float
    """Taken off when the answer loops and its prompt did not ask for that."""
    check_weight: float
    """Added when the answer passes its check."""
    kl_weight: float
    gamma: float
    lam: float


@dataclass(frozen=True)
class Judge:
    """A reward model and what it gives to sampled answers on average."""

    model: SequenceClassifier
    mean: float

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Centred reward of each example, [examples] float32."""
        return scores(self.model, batch) - self.mean


@dataclass(frozen=True)
class Rollout:
    """Answers, and figures of them all; whatever the number of processes."""

    answers: Sequence[Answer]
    worked_out: Mapping[str, torch.Tensor]
    """Each of PER_TOKEN, [answers, tokens of the longest] float32, 0 after the end of an answer."""
    figures: Mapping[str, float] = field(default_factory=dict)

    def minibatches(self, count: int, rows: int, seq: int) -> list[list[Batch]]:
        """Micro-batches of each of `count` minibatches, as many for each process, with PER_TOKEN."""
        mask = answer_places(self.answers)

        def complete(batch: Batch) -> Batch:
            at = token_places(mask, batch)
            return batch | {name: values[at] for name, values in self.worked_out.items()}

        return [[complete(batch) for batch in part] for part in pack_answers(self.answers, count, rows, seq)]


def answer_places(answers: Sequence[Answer]) -> torch.Tensor:
    """Where tokens of an answer are, bool [answers, tokens of the longest]."""
    lengths = torch.tensor([len(said) for _, said in answers])
    return torch.arange(int(lengths.max()))[None] < lengths[:, None]


def token_places(mask: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column in `mask` of each labelled token of a packed batch, in their order, both int64 [N]."""
    numbers = batch["examples"].cpu()
    row, column = mask[numbers].nonzero(as_tuple=True)
    return numbers[row], column


def drawn_prompts(prompts: Sequence[Prompt], count: int, seed: int, iteration: int) -> list[Prompt]:
    """The prompts of an iteration: consecutive stretches of a permutation of all, a new permutation each time round."""
    drawn: list[Prompt] = []
    place = iteration * count
    while len(drawn) < count:
        epoch, inside = divmod(place + len(drawn), len(prompts))
        order = torch.randperm(len(prompts), generator=generator(seed, epoch, "prompts")).tolist()
        drawn += [prompts[number] for number in order[inside : inside + count - len(drawn)]]
    return drawn


def loops(prompt: Prompt, said: str) -> bool:
    """Does the answer go round in circles although its prompt did not ask for a repetition?"""
    return prompt.check.get("kind") != "repeat" and repetitive(said)


def penalties(prompts: Sequence[Prompt], samples: Sequence[Sample], scoring: Scoring) -> torch.Tensor:
    """What is added to the reward model's score of each answer, [answers] float32."""
    return torch.tensor(
        [
            scoring.check_weight * sample.good
            - scoring.missing_stop * (not sample.stopped)
            - scoring.repetition * loops(prompt, sample.text)
            for prompt, sample in zip(prompts, samples, strict=True)
        ]
    )


def pack_answers(answers: Sequence[Answer], minibatches: int, rows: int, seq: int) -> list[list[Batch]]:
    """Micro-batches of each minibatch, equally many answers in each; `examples` numbers the answers of the whole rollout."""
    examples = [Example([*asked, *said], [0.0] * len(asked) + [1.0] * len(said)) for asked, said in answers]
    packed: list[list[Batch]] = []
    for part in torch.arange(len(examples)).chunk(minibatches):
        numbers = part.tolist()
        plan = [[numbers[i] for i in row] for row in pack_rows([len(examples[i].tokens) for i in numbers], seq)]
        packed.append(
            [batch for i in range(0, len(plan), rows) for batch in shares(examples, plan[i : i + rows], rows, seq)]
        )
    return packed


def sample(
    policy: PolicyWithValue, tokenizer: Tokenizer, prompts: Sequence[Prompt], max_new_tokens: int, seed: int
) -> list[Sample]:
    """One answer to each prompt at temperature 1, drawn by the first process and sent to all."""

    def drawn() -> list[dict[str, Any]]:
        found = answer(policy.decoder, tokenizer, prompts, temperature=1.0, max_new_tokens=max_new_tokens, seed=seed)
        return [asdict(one) for one in found]

    return [Sample(**one) for one in processes.from_first(drawn)]


def collect(
    policy: PolicyWithValue,
    reference: Decoder,
    judge: Judge,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    scoring: Scoring,
    *,
    max_new_tokens: int,
    minibatches: int,
    rows: int,
    seq: int,
    seed: int,
    compile: bool,  # noqa: A002 - the field's name
) -> Rollout:
    """Sample one answer to each prompt and work out what each of its tokens was worth; the processes share the second."""
    samples = sample(policy, tokenizer, prompts, max_new_tokens, draw_seed(seed, "answers", 0))
    answers = [(one.prompt_ids, one.answer_ids) for one in samples]
    mask = answer_places(answers)
    old, ref, old_values = (torch.zeros(mask.shape) for _ in range(3))
    model_scores = torch.zeros(len(samples))
    batches = [batch for part in pack_answers(answers, minibatches, rows, seq) for batch in part]
    with (
        training_forward(policy, compile),
        training_forward(reference, compile),
        training_forward(judge.model, compile),
    ):
        for batch in distributed.deal(batches):
            at = token_places(mask, batch)
            found, value = policy(batch)
            for into, some in (
                (old, found.logprobs),
                (old_values, value),
                (ref, labelled(reference, batch).logprobs),
            ):
                into[at] = some.detach().cpu()
            model_scores[batch["examples"].cpu()] = judge(batch).detach().cpu()
    for part in (old, old_values, ref, model_scores):
        processes.add_up(part)  # each answer was worked out by one process, and is 0 elsewhere
    total = model_scores + penalties(prompts, samples, scoring)
    shaped = token_rewards(total, old, ref, mask.float(), scoring.kl_weight)
    advantages = gae(shaped, old_values, scoring.gamma, scoring.lam) * mask
    worked_out = (old, old_values, whiten(advantages, mask), (advantages + old_values) * mask)
    tokens = float(mask.sum())
    return Rollout(
        answers,
        dict(zip(PER_TOKEN, worked_out, strict=True)),
        {
            "reward": float(model_scores.mean()),
            "score": float(total.mean()),
            "kl": float(((old - ref) * mask).sum()) / tokens,
            # The answers were drawn from the policy itself, so −log π is an unbiased estimate of its entropy.
            "entropy": -float((old * mask).sum()) / tokens,
            "answer_tokens": tokens / len(samples),
            "value_error": float(((advantages**2) * mask).sum()) / tokens,
        }
        | answer_figures(prompts, samples),
    )


def probe(
    policy: PolicyWithValue,
    judge: Judge,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    rows: int,
    seq: int,
    seed: int,
    compile: bool,  # noqa: A002 - the field's name
) -> dict[str, float]:
    """Figures of one answer to each prompt, drawn with the same random numbers at every call."""
    samples = sample(policy, tokenizer, prompts, max_new_tokens, draw_seed(seed, "probe", 0))
    [batches] = pack_answers([(one.prompt_ids, one.answer_ids) for one in samples], 1, rows, seq)
    with training_forward(judge.model, compile):
        reward = sum(float(judge(batch).detach().sum()) for batch in distributed.deal(batches))
    return {"reward": distributed.sums({"reward": reward})["reward"] / len(samples)} | answer_figures(prompts, samples)


def answer_figures(prompts: Sequence[Prompt], samples: Sequence[Sample]) -> dict[str, float]:
    """Pass, stop and loop rates, and the mean length in characters."""
    return {
        "pass_rate": fmean(sample.good for sample in samples),
        "stop_rate": fmean(sample.stopped for sample in samples),
        "loop_rate": fmean(loops(prompt, sample.text) for prompt, sample in zip(prompts, samples, strict=True)),
        "answer_chars": fmean(len(sample.text) for sample in samples),
    }

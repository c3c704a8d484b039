"""One iteration's experience: answers of the policy as it is, scored, packed, with an advantage for each token.

Everything here is a function of (weights, seed, iteration). Log-probabilities of the rollout are computed again with the forward
pass of training (decoding with a cache rounds otherwise), so that the ratio of the first update is exactly 1.

The score of an answer is the reward model's, centred and scaled, on the answer's last token; less a penalty where the
answer did not end or goes round in circles (a reward model trained on a few hundred pairs has seen few of either); plus, by
choice, a share of the programmatic check. The check's pass rate is always reported and, by default, never rewarded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

import torch
from torch.nn.utils.rnn import pad_sequence

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
from hagane.train.batches import Example, collate, pack_rows
from hagane.train.random import generator
from hagane.train.task import Batch

PER_TOKEN = ("old_logprobs", "old_values", "advantages", "returns")
"""What a rollout adds to its batches: [N] float32, one entry for each labelled place, in their order."""


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
    """Minibatches of micro-batches, and figures of the whole rollout."""

    minibatches: list[list[Batch]]
    figures: dict[str, float] = field(default_factory=dict)


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


def pack_answers(samples: Sequence[Sample], minibatches: int, rows: int, seq: int) -> list[list[Batch]]:
    """Answers in packed batches, equally many in each minibatch; `examples` numbers the samples of the whole rollout."""
    examples = [
        Example(sample.prompt_ids + sample.answer_ids, [0.0] * len(sample.prompt_ids) + [1.0] * len(sample.answer_ids))
        for sample in samples
    ]
    packed: list[list[Batch]] = []
    for part in torch.arange(len(examples)).chunk(minibatches):
        numbers = part.tolist()
        plan = [[numbers[i] for i in row] for row in pack_rows([len(examples[i].tokens) for i in numbers], seq)]
        packed.append([collate(examples, plan[i : i + rows], rows, seq) for i in range(0, len(plan), rows)])
    return packed


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
    """Sample one answer to each prompt at temperature 1 and work out what each of its tokens was worth."""
    samples = answer(
        policy.decoder,
        tokenizer,
        prompts,
        temperature=1.0,
        max_new_tokens=max_new_tokens,
        seed=draw_seed(seed, "answers", 0),
    )
    packed = pack_answers(samples, minibatches, rows, seq)
    batches = [batch for part in packed for batch in part]
    extra = penalties(prompts, samples, scoring)
    logprobs, ref_logprobs, values, rewards, lengths = [], [], [], [], []
    with (
        training_forward(policy, compile),
        training_forward(reference, compile),
        training_forward(judge.model, compile),
    ):
        for batch in batches:
            found, value = policy(batch)
            logprobs.append(found.logprobs.detach())
            values.append(value.detach())
            ref_logprobs.append(labelled(reference, batch).logprobs.detach())
            rewards.append(judge(batch).detach())
            lengths.append(torch.bincount(found.sequence, minlength=len(batch["examples"])))
    order = torch.cat([batch["examples"] for batch in batches])
    model_scores, length = torch.cat(rewards), torch.cat(lengths)
    total = model_scores + extra[order]

    def padded(parts: list[torch.Tensor]) -> torch.Tensor:
        return pad_sequence(list(torch.split(torch.cat(parts), length.tolist())), batch_first=True)

    old, ref, old_values = padded(logprobs), padded(ref_logprobs), padded(values)
    mask = torch.arange(old.shape[1])[None] < length[:, None]
    shaped = token_rewards(total, old, ref, mask.float(), scoring.kl_weight)
    advantages = gae(shaped, old_values, scoring.gamma, scoring.lam) * mask
    worked_out = dict(zip(PER_TOKEN, (old, old_values, whiten(advantages, mask), advantages + old_values), strict=True))
    sizes = [len(part) for part in logprobs]
    flat = {name: torch.split(value[mask], sizes) for name, value in worked_out.items()}
    done = iter([batch | {name: parts[i] for name, parts in flat.items()} for i, batch in enumerate(batches)])
    tokens = float(length.sum())
    return Rollout(
        [[next(done) for _ in part] for part in packed],
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
    samples = answer(
        policy.decoder,
        tokenizer,
        prompts,
        temperature=1.0,
        max_new_tokens=max_new_tokens,
        seed=draw_seed(seed, "probe", 0),
    )
    [batches] = pack_answers(samples, 1, rows, seq)
    with training_forward(judge.model, compile):
        reward = torch.cat([judge(batch).detach() for batch in batches])
    return {"reward": float(reward.mean())} | answer_figures(prompts, samples)


def answer_figures(prompts: Sequence[Prompt], samples: Sequence[Sample]) -> dict[str, float]:
    """Pass, stop and loop rates, and the mean length in characters."""
    return {
        "pass_rate": fmean(sample.good for sample in samples),
        "stop_rate": fmean(sample.stopped for sample in samples),
        "loop_rate": fmean(loops(prompt, sample.text) for prompt, sample in zip(prompts, samples, strict=True)),
        "answer_chars": fmean(len(sample.text) for sample in samples),
    }

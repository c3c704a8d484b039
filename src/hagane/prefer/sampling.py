"""Let a model answer prompts and check the answers: for pairs, for PPO's rollouts and for what both report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hagane.checks import passes
from hagane.generate.decode import generate
from hagane.model.decoder import Decoder
from hagane.prefer.prompts import Prompt
from hagane.tokenizer.encode import Tokenizer

BATCH = 128


@dataclass(frozen=True)
class Sample:
    """One sampled answer. `good`: it passes the check of its prompt and ended by itself."""

    text: str
    stopped: bool
    good: bool
    prompt_ids: list[int]
    answer_ids: list[int]
    """With the end token where it stopped: what the model was asked to continue, and what it said."""


def draw_seed(seed: int, purpose: str, number: int) -> int:
    """A seed for one draw, unrelated to that of any other purpose or number."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{number}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little")


def answer(
    model: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    *,
    temperature: float,
    max_new_tokens: int,
    seed: int,
) -> list[Sample]:
    """One answer to each prompt (give a prompt several times for several). Pure in (weights, prompts, seed)."""
    asked = [tokenizer.chat_prompt(prompt.text) for prompt in prompts]
    answers = generate(
        model,
        asked,
        max_new_tokens=max_new_tokens,
        # Not the end of a document as well: the end token put behind the answer must be the one the model gave.
        stop_ids=(tokenizer.end_id,),
        temperature=temperature,
        seed=seed,
        batch_size=BATCH,
    )
    samples = []
    for prompt, ids, said in zip(prompts, asked, answers, strict=True):
        text = tokenizer.decode(said.ids)
        ended = [*said.ids, tokenizer.end_id] if said.stopped else said.ids
        good = said.stopped and passes(prompt.check, text)
        samples.append(Sample(text, said.stopped, good, ids, ended))
    return samples

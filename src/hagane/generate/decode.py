"""Answers to many prompts at once, a token a step, with a key–value cache.

A row whose answer is finished gives its place to the next prompt as soon as an eighth of the places is free (continuous
batching, Yu et al. 2022, "Orca"), and when no prompt is left the batch shrinks: no time goes to finished rows. Prompts are
taken longest first: those of one prefill are of like length, and the last to finish are short.
Because rows do not see one another and are right-padded, an answer does not depend on its batch mates, except that
products of another size may round otherwise (in bfloat16 visibly, in float32 hardly ever enough to change a token).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hagane.errors import DataError, UsageError
from hagane.generate.sampling import Sampler
from hagane.model.allocator import keep_freed_memory
from hagane.model.cache import KeyValueCache
from hagane.model.decoder import Decoder
from hagane.model.inference import PackedLinear


@dataclass(frozen=True)
class Generated:
    """One answer. `stopped`: it ended with a stop token, which is not among `ids`; otherwise it was cut off."""

    ids: list[int]
    stopped: bool


def generate(
    model: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_size: int = 64,
) -> list[Generated]:
    """One answer to each prompt, in their order; to sample several answers, repeat the prompt.

    Computes in `model.compute_dtype`; the model itself is not changed. Temperature 0 takes the likeliest token each time.
    An answer is cut off at `max_new_tokens` and where prompt and answer reach the `max_positions` of the model. Raises
    DataError for an empty prompt and for one that leaves no place for an answer, UsageError for settings without a meaning.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}.", fix="Give at least 1.")
    limits = [_limit(model, prompt, max_new_tokens, number) for number, prompt in enumerate(prompts)]
    sampler = Sampler(temperature, top_p, seed, len(prompts), max_new_tokens)
    stops = frozenset(stop_ids)
    answers: list[list[int]] = [[] for _ in prompts]
    stopped = [False] * len(prompts)
    waiting = deque(sorted(range(len(prompts)), key=lambda number: -len(prompts[number])))
    if not waiting:
        return []
    keep_freed_memory()
    with torch.inference_mode():
        twin = model.inference_copy()
        head = PackedLinear(twin.head_weight)
        device = twin.embedding.device
        cache = KeyValueCache(model.config, min(batch_size, len(prompts)), model.compute_dtype, device)
        places: list[int | None] = [None] * cache.rows
        tokens = torch.zeros(cache.rows, dtype=torch.int64, device=device)

        def take(rows: Sequence[int], chosen: Tensor) -> None:
            """Add the chosen token of each of `rows` to its answer, and free the places of those that ended."""
            for row, token in zip(rows, chosen.tolist(), strict=True):
                number = places[row]
                assert number is not None
                if token in stops:
                    stopped[number] = True
                else:
                    answers[number].append(token)
                if stopped[number] or len(answers[number]) == limits[number]:
                    places[row] = None

        while True:
            free = [row for row, number in enumerate(places) if number is None]
            if waiting and len(free) * 8 >= len(places):
                rows = free[: len(waiting)]
                numbers = [waiting.popleft() for _ in rows]
                logits = head(_prefill(twin, cache, rows, [prompts[number] for number in numbers]))
                chosen = sampler.choose(logits, numbers, [0] * len(numbers))
                tokens[rows] = chosen
                for row, number in zip(rows, numbers, strict=True):
                    places[row] = number
                take(rows, chosen)
                continue
            busy = [row for row, number in enumerate(places) if number is not None]
            if not busy:
                return [Generated(ids, end) for ids, end in zip(answers, stopped, strict=True)]
            if len(free) * 4 >= len(places):
                kept = torch.tensor(busy, device=device)
                cache.keep(kept)
                tokens, places = tokens[kept], [places[row] for row in busy]
                busy = list(range(len(places)))
            elif free:
                # An idle row writes at 0 again and again, so that it does not widen attention for the others.
                cache.lengths[free] = 0
                cache.set_lengths(cache.lengths)
            logits = head(twin(tokens[:, None], cache=cache)[:, 0])
            numbers = [number for number in places if number is not None]
            logits = logits if len(busy) == len(places) else logits[busy]
            chosen = sampler.choose(logits, numbers, [len(answers[number]) for number in numbers])
            tokens[busy] = chosen
            take(busy, chosen)


def generate_stream(
    model: Decoder,
    prompt: Sequence[int],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int],
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[int]:
    """The ids of one answer as they come, without the stop token: the same ids as `generate` gives for this one prompt."""
    limit = _limit(model, prompt, max_new_tokens, 0)
    sampler = Sampler(temperature, top_p, seed, 1, max_new_tokens)
    with torch.inference_mode():
        twin = model.inference_copy()
        head = PackedLinear(twin.head_weight)
        device = twin.embedding.device
        cache = KeyValueCache(model.config, 1, model.compute_dtype, device)
        logits = head(_prefill(twin, cache, [0], [prompt]))
    for step in range(limit):
        token = int(sampler.choose(logits, [0], [step]))
        if token in stop_ids:
            return
        yield token
        if step + 1 < limit:
            # Entered anew each step: a context must not stay open while the caller works between two tokens.
            with torch.inference_mode():
                hidden = twin(torch.tensor([[token]], device=device), cache=cache)
                logits = head(hidden[:, 0])


def _prefill(model: Decoder, cache: KeyValueCache, rows: Sequence[int], prompts: Sequence[Sequence[int]]) -> Tensor:
    """Read `prompts` into `rows` of the cache; hidden states of each last token, [prompts, dim]."""
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=cache.lengths.device)
    longest = int(lengths.max())
    tokens = torch.tensor([[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts], device=lengths.device)
    fresh = KeyValueCache(model.config, len(prompts), model.compute_dtype, lengths.device)
    hidden = model(tokens, cache=fresh)
    fresh.set_lengths(lengths)
    cache.put(torch.tensor(rows, device=lengths.device), fresh)
    last: Tensor = hidden[torch.arange(len(prompts), device=lengths.device), lengths - 1]
    return last


def _limit(model: Decoder, prompt: Sequence[int], max_new_tokens: int, number: int) -> int:
    """How many tokens may follow `prompt`."""
    if max_new_tokens < 1:
        raise UsageError(f"max_new_tokens is {max_new_tokens}.", fix="Give at least 1.")
    if not prompt:
        raise DataError(
            "A prompt is empty.", where=f"prompt {number}", fix="Begin it with the token that begins a text."
        )
    room = model.config.max_positions - len(prompt)
    if room < 1:
        raise DataError(
            f"A prompt of {len(prompt)} tokens leaves no place for an answer.",
            where=f"prompt {number}; the model reads {model.config.max_positions} tokens",
            fix="Shorten the prompt.",
        )
    return min(max_new_tokens, room)

"""The one chat format, as segments for Python and as a Jinja template for `transformers`, vLLM and llama.cpp.

    <s><|user|>{text}<|end|><|assistant|>{answer}<|end|>

Special pieces are CONTROL pieces: the sentencepiece model never makes them from text. Programs that render a template into
one string and parse it again (all three above) cannot tell a marker from the same letters in a message, so both sides here
write a space behind the `<` of any special string inside a message: `<|end|>` becomes `< |end|>`. A message can therefore
not close its own turn, and every engine sees the same ids. A system message has no marker of its own: it opens the next
user turn, followed by a newline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hagane.errors import DataError, UsageError

UNK, BOS, EOS, PAD = "<unk>", "<s>", "</s>", "<pad>"
USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL = (UNK, BOS, EOS, PAD, USER, ASSISTANT, END)
"""Ids 0 … 6, in this order."""

Message = Mapping[str, str]
"""{"role": "user" | "assistant" | "system", "content": text}"""

_NEUTRAL = "".join(f" | replace('{special}', '{special[0]} {special[1:]}')" for special in SPECIAL)

CHAT_TEMPLATE = (
    "{{- '" + BOS + "' -}}"
    "{%- set state = namespace(system='') -%}"
    "{%- for message in messages -%}"
    "{%- set text = message['content']" + _NEUTRAL + " -%}"
    "{%- if message['role'] == 'system' -%}"
    "{%- set state.system = state.system + text + '\\n' -%}"
    "{%- elif message['role'] == 'user' -%}"
    "{{- '" + USER + "' + state.system + text + '" + END + "' -}}"
    "{%- set state.system = '' -%}"
    "{%- elif message['role'] == 'assistant' -%}"
    "{{- '" + ASSISTANT + "' + text + '" + END + "' -}}"
    "{%- else -%}"
    "{{- raise_exception('unknown role: ' + message['role']) -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '" + ASSISTANT + "' -}}{%- endif -%}"
)


def neutralize(text: str, pieces: Sequence[str] = SPECIAL) -> str:
    """`text` with a space behind the first letter of every special string, so that no parser takes it for a marker."""
    for special in pieces:
        text = text.replace(special, f"{special[0]} {special[1:]}")
    return text


def conversation(user: str | Sequence[Message]) -> Sequence[Message]:
    """One user turn, or the messages given. Raises UsageError if the last one is not the user's."""
    messages = [{"role": "user", "content": user}] if isinstance(user, str) else user
    if not messages or messages[-1]["role"] != "user":
        raise UsageError("a conversation must end with a user message", fix='end it with {"role": "user", ...}')
    return messages


def segments(messages: Sequence[Message], generation_prompt: bool) -> Iterator[tuple[bool, str]]:
    """(is a special piece, text) in order; plain texts are neutralized. Raises DataError for an unknown role."""
    yield True, BOS
    system = ""
    for number, message in enumerate(messages):
        text = neutralize(message["content"])
        match message["role"]:
            case "system":
                system += text + "\n"
            case "user":
                yield from ((True, USER), (False, system + text), (True, END))
                system = ""
            case "assistant":
                yield from ((True, ASSISTANT), (False, text), (True, END))
            case role:
                raise DataError(
                    f"unknown role {role!r} in a conversation",
                    where=f"message {number}",
                    fix="use user, assistant, system",
                )
    if generation_prompt:
        yield True, ASSISTANT

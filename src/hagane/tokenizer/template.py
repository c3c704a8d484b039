"""The chat format of a model from elsewhere: the Jinja template of its folder, in the sandbox that `transformers` uses.

A template sees the messages and the names of the special pieces, and nothing else: no clock (a prompt that holds today's date
would make every run another one), no files, no attributes of Python objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hagane.errors import DataError
from hagane.tokenizer.chat import Message


class ChatTemplate:
    """Renders conversations as one string, special pieces written out."""

    def __init__(self, source: str, pieces: Mapping[str, str], where: Path) -> None:
        """`pieces`: names a template may use, as `bos_token`, → the text of each. Raises DataError for what is no template."""
        self._where, self._pieces = where, pieces
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.filters["tojson"] = _as_json
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise DataError(
                f"the chat template cannot be read: {error}", where=str(where), fix="restore the file"
            ) from error

    def render(self, messages: Sequence[Message], *, generation_prompt: bool) -> str:
        """The conversation; `generation_prompt`: up to where an answer begins. Raises DataError if the template refuses it."""
        try:
            return self._template.render(
                messages=[dict(message) for message in messages],
                add_generation_prompt=generation_prompt,
                tools=None,
                documents=None,
                **self._pieces,
            )
        except TemplateError as error:
            raise DataError(
                f"the chat template does not take this conversation: {error}",
                where=str(self._where),
                fix="give the roles and the order that the template asks for",
            ) from error


def find_template(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Source of the folder's template: `chat_template.jinja`, or what `config`, its tokenizer_config.json, holds."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = config.get("chat_template")
    if isinstance(found, list):  # several, by name
        found = next((one.get("template") for one in found if one.get("name") == "default"), None)
    return found


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _as_json(value: Any, indent: int | None = None) -> str:
    """Jinja's own filter escapes `<`, `>` and `&` for web pages."""
    return json.dumps(value, ensure_ascii=False, indent=indent)

"""`hagane chat MODEL`: talk with a model in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hagane.generate.decode import generate_stream
from hagane.model.hf import load_model
from hagane.model.peft_folder import load_adapter
from hagane.tokenizer.encode import Tokenizer
from hagane.train.precision import compute_dtype

console = Console(highlight=False)
LEAVE = {"/exit", "/quit", "/q"}


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("chat")(chat)


def chat(
    model: Annotated[Path, typer.Argument(help="A model artefact or a Hugging Face folder.")],
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="Answer this one prompt and leave.")] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="A LoRA adapter to put on the model: a folder of `peft`.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 128,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 1,
) -> None:
    """Talk with a model. Each turn stands alone; /exit or Ctrl-D leaves."""
    decoder, tokenizer = load_model(model, compute_dtype()), Tokenizer.load(model)
    if adapter is not None:
        load_adapter(decoder, adapter)

    def answer(text: str) -> None:
        ids: list[int] = []
        shown = ""
        stream = generate_stream(
            decoder,
            tokenizer.chat_prompt(text),
            max_new_tokens=max_new_tokens,
            stop_ids=tokenizer.stop_ids,
            temperature=temperature,
            seed=seed,
        )
        for token in stream:
            ids.append(token)
            whole = tokenizer.decode(ids).rstrip("\ufffd")
            sys.stdout.write(whole[len(shown) :])
            sys.stdout.flush()
            shown = whole
        sys.stdout.write("\n")

    if prompt is not None:
        answer(prompt)
        return
    console.print(f"{model} — /exit で終了 / leaves", markup=False)
    while True:
        try:
            text = console.input("[bold]あなた>[/bold] ").strip()
        except EOFError:
            return
        if text in LEAVE:
            return
        if text:
            answer(text)

"""`hagane <verb>`: parses, calls, prints. Errors come out as what, where, fix, and an exit code; never as a traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from safetensors import SafetensorError
from typer.core import TyperGroup

from hagane.cli import artifacts, chat, clean, doctor, learning_rate, recipes, stage_verbs
from hagane.errors import HaganeError
from hagane.pipeline.stages import STAGES


class _Verbs(TyperGroup):
    """Lists the stages in the order of the chain; typer would put those with verbs of their own last."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*(name for name in self.commands if name not in STAGES), *STAGES]


app = typer.Typer(
    cls=_Verbs,
    name="hagane",
    help="鋼 — 日本語の生テキストから、選好に合わせた言語モデルまで。 Raw Japanese text in, a preference-tuned language model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
recipes.register(app)
artifacts.register(app)
chat.register(app)
doctor.register(app)
learning_rate.register(app)
clean.register(app)
stage_verbs.register(app)

INTERRUPTED = 130


def main() -> None:
    """Entry point of the `hagane` command. Exit codes: 0, 1 a run that failed, 2 wrong use, 130 an interrupt."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        result = app(arguments, prog_name=app.info.name, standalone_mode=False)
    except HaganeError as error:
        print(f"hagane: {error}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("hagane: interrupted; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except (OSError, SafetensorError) as error:  # of the latter what is left is a disk that is full
        what = getattr(error, "strerror", None) or str(error)
        where = getattr(error, "filename", None) or "the operating system"
        fix = "Check the path, its permissions and the free space."
        print(f"hagane: {HaganeError(what, where=str(where), fix=fix)}", file=sys.stderr)
        return 1
    except Exception as error:
        # Wrong use, as the command-line library reports it; some versions of typer bring a copy of click of their own,
        # so its class cannot be named.
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        if told := describe():  # empty where a verb without arguments has printed its help
            verb = getattr(getattr(error, "ctx", None), "command_path", "hagane")
            print(f"hagane: {told}\n  fix:   {verb} --help", file=sys.stderr)
        return 2
    return result if isinstance(result, int) else 0

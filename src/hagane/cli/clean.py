"""`hagane clean IN... -o OUT`, the stage, and beside it verbs about cleaning: audit, replay, explain, score.

A first word that is none of these verbs belongs to the stage, so that `hagane clean page.html -o OUT` stays as short as every other
stage. (A folder that is called like a verb is given as `./audit`.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from hagane.artifact.files import atomic_write
from hagane.artifact.folder import Job, build
from hagane.artifact.manifest import read_manifest
from hagane.clean import replay
from hagane.clean.audit.audit import audit
from hagane.clean.audit.gold_pages import LILYPOND
from hagane.clean.audit.kinds import KINDS, targets
from hagane.clean.audit.natural import BUILTIN
from hagane.clean.config import Config
from hagane.clean.explain import explain
from hagane.clean.rules import RULE
from hagane.clean.score_model import train_score
from hagane.clean.stage import STAGE
from hagane.cli.stage_verbs import add_stage, read_words

console = Console(highlight=False, soft_wrap=True)
RUN = "run"
NAMES = {"advert": "広告 advert", "menu": "メニュー menu", "template": "定型文 template"}


class _Clean(TyperGroup):
    """Words that name no verb go to the stage."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = [RUN, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the group of verbs to the command line."""
    group = typer.Typer(cls=_Clean, help=f"{STAGE.title}\n\nhagane clean IN... -o OUT", no_args_is_help=True)
    add_stage(group, STAGE, RUN)
    group.command("audit")(audit_verb)
    group.command("replay")(replay_verb)
    group.command("explain")(explain_verb)
    group.command("score")(score_verb)
    app.add_typer(group, name=STAGE.name, rich_help_panel="Stages")


def audit_verb(
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Settings of the stage, as in a recipe.")
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option("--clean", help="Clean text: JSON lines with `text`; may be repeated. Default: builtin."),
    ] = None,
    gold: Annotated[
        list[str] | None,
        typer.Option(
            "--gold", help=f"Gold pages: JSON lines with kind, html and gold, or {LILYPOND}; may be repeated."
        ),
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help="The half of the noise that rules are tuned on.")
    ] = False,
    characters: Annotated[int, typer.Option(min=1, help="Characters read of each clean text.")] = 1_000_000,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the figures to this file.")] = None,
) -> None:
    """Precision, recall and F1 against noise whose place is known; gold main text; clean prose lost."""
    _, config = read_words(STAGE, [*(clean or [BUILTIN]), *(settings or [])])
    assert isinstance(config, Config)
    found = audit(config, gold or (), heldout=not development, characters=characters)
    for table in (_kinds(found), _groups(found), _rules(found), _losses(found), _gold(found), _targets(found)):
        if table.row_count:
            console.print(table)
    if json is not None:
        atomic_write(json, orjson.dumps(found, option=orjson.OPT_INDENT_2))


def replay_verb(
    folder: Annotated[Path, typer.Argument(help="Output of `hagane clean`.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="RULE.threshold=VALUE...", help="What to change, as in a recipe.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; without it only the difference is shown.")
    ] = None,
) -> None:
    """Decide again with other thresholds, without reading or measuring a page; says how many characters change."""
    manifest = read_manifest(folder)
    before = Config.model_validate(manifest.config)
    config = _changed(before, settings or [])
    replay.refuse_unmeasured(before, config)
    with nullcontext(out) if out else _thrown_away() as target:
        assert target is not None
        build(Job(replay.STAGE, config, {"from": folder}, target))
        change = replay.compare(folder, target)
    table = Table("", "文字 characters", title="再判定 replay")
    table.add_row("基準を変える前に残った kept before", f"{change.kept_before:,}")
    table.add_row("変えた後に残った kept after", f"{change.kept_after:,}")
    table.add_row("新たに除いた removed anew", f"{change.removed_anew:,}")
    table.add_row("新たに残した kept anew", f"{change.kept_anew:,}")
    table.add_row("変わった文字 changed", f"{change.changed:,}")
    console.print(table)
    if out:
        console.print(f"→ {out}")


@contextmanager
def _thrown_away() -> Iterator[Path]:
    with TemporaryDirectory(prefix="hagane-replay-") as folder:
        yield Path(folder) / "out"


def _changed(before: Config, settings: list[str]) -> Config:
    """The settings of a cleaning with some of them changed. Raises `UsageError` for what a recipe would refuse."""
    _, config = read_words(STAGE, [*before.sources, *settings])
    changed = before.model_dump()
    for name, value in config.model_dump(exclude_unset=True, exclude={"sources"}).items():
        changed[name] = {**changed[name], **value} if isinstance(value, dict) else value
    return Config.model_validate(changed)


def score_verb(
    good: Annotated[list[str], typer.Option("--good", help="Documents of what is wanted; may be repeated.")],
    bad: Annotated[list[str], typer.Option("--bad", help="Documents of what is not wanted; may be repeated.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, for score.model.")],
) -> None:
    """Make the model of the rule `score` from good and from bad documents."""
    of_good, of_bad = train_score(good, bad, out)
    console.print(f"3-gram: 良い good {of_good:,}、悪い bad {of_bad:,}")
    console.print(f"→ {out}")


def explain_verb(
    folder: Annotated[Path, typer.Argument(help="Output of `hagane clean`.")],
    document: Annotated[str, typer.Argument(help="Id of a document, or a part of it that no other has.")],
) -> None:
    """A page line by line, with what was taken out of it, by which rule, value and threshold."""
    found = explain(folder, document)
    config = Config.model_validate(read_manifest(folder).config)
    console.print(Text(f"{found.id}  ({found.source})", "bold"))
    for line in found.lines:
        if line.rule:
            console.print(
                Text(f"− {line.text}", "red"), Text(f"  {_reason(config, line.rule, line.value, line.detail)}", "dim")
            )
        elif found.rule:
            console.print(Text(f"− {line.text}", "red"))
        else:
            console.print(Text(f"  {line.text}"))
    if found.rule:
        console.print(
            Text(
                f"文書ごと除いた the whole document went: {_reason(config, found.rule, found.value, found.detail)}",
                "bold red",
            )
        )
    else:
        kept = sum(len(line.text) for line in found.lines if not line.rule)
        everything = sum(len(line.text) for line in found.lines)
        console.print(
            Text(f"{everything:,} 文字中 {kept:,} 文字を残した kept {kept:,} of {everything:,} characters", "bold")
        )


def _reason(config: Config, rule: str, value: float, detail: str) -> str:
    sides = {"below": "<", "to": "≤", "from": "≥", "above": ">"}
    return f"{rule} {value:g} {sides[RULE[rule].side]} {getattr(config, rule).threshold:g}{detail and f' ({detail})'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _kinds(found: Mapping[str, Any]) -> Table:
    table = Table(
        "種類 kind",
        "再現率 recall %",
        "適合率 precision %",
        "F1 %",
        title=f"雑音の種類別 noise by kind ({found['half']})",
    )
    for kind, figures in found["kinds"].items():
        table.add_row(NAMES[kind], *(_percent(figures[name]) for name in ("recall", "precision", "f1")))
    table.add_row("本文の損失 good text lost", _percent(found["good_lost"]), "", "")
    return table


def _groups(found: Mapping[str, Any]) -> Table:
    table = Table(
        "ページ群 pages", "ページ数 count", "再現率 recall %", "半分以上が消えた pages gone %", title="内訳 in detail"
    )
    for group, figures in found["groups"].items():
        table.add_row(group, str(figures["pages"]), _percent(figures["recall"]), _percent(figures["pages_gone"]))
    return table


def _rules(found: Mapping[str, Any]) -> Table:
    recalls = [f"{NAMES[kind]} recall %" for kind in KINDS]
    table = Table("規則 rule", "文字数 characters", "適合率 precision %", *recalls, title="規則別 by rule")
    for rule, figures in sorted(found["rules"].items(), key=lambda pair: -pair[1]["characters"]):
        shares = [_percent(figures[f"{kind}_recall"]) for kind in KINDS]
        table.add_row(rule, f"{figures['characters']:,}", _percent(figures["precision"]), *shares)
    return table


def _losses(found: Mapping[str, Any]) -> Table:
    """A row a figure, then a row a rule; a column a clean text."""
    clean = found["clean"]
    table = Table("", *map(_short, clean), title="清浄なテキストで失われた文章 clean prose lost")
    rows = {
        "lost": "損失 lost %",
        "all_lost": "重複も含む with copies %",
        "other_lost": "文章以外 what is no prose %",
        "template_flagged": "定型文と誤判定 flagged as template %",
        "template_touched": "一部が定型文 touched %",
    }
    table.add_row("文字数 characters of prose", *(f"{figures['characters']:,}" for figures in clean.values()))
    for key, name in rows.items():
        table.add_row(name, *(f"{100 * figures[key]:.2f}" for figures in clean.values()))
    for rule in dict.fromkeys(rule for figures in clean.values() for rule in figures["rules"]):
        table.add_row(f"  {rule} %", *(f"{100 * figures['rules'].get(rule, 0):.3f}" for figures in clean.values()))
    return table


def _short(source: str) -> str:
    return Path(source).name.partition(".")[0]


def _gold(found: Mapping[str, Any]) -> Table:
    table = Table("ページ pages", "数 count", "F1", "95 %", title="本文抽出 main text against gold")
    for kind, figures in found.get("gold", {}).items():
        interval = f"{figures['low']:.3f} – {figures['high']:.3f}"
        table.add_row(kind, str(figures["pages"]), f"{figures['f1']:.3f}", interval)
    return table


def _targets(found: Mapping[str, Any]) -> Table:
    table = Table("目標 target", "値 value", "基準 bound", "", title="目標 targets")
    for target in targets(found):
        value = target.value(found)
        if value is not None:
            sign = "≤" if target.at_most else "≥"
            verdict = "達成 reached" if target.reached(value) else "未達 missed"
            table.add_row(" / ".join(map(_short, target.path)), f"{value:.3f}", f"{sign} {target.bound}", verdict)
    return table

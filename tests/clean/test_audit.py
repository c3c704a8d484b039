"""The quality gate: floors under recall, precision, prose kept and main text; and that the gate sees what it should."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from hagane.clean.audit.audit import audit
from hagane.clean.audit.gold import f1, gold_figures
from hagane.clean.audit.gold_pages import main_division
from hagane.clean.audit.injected import count, figures
from hagane.clean.audit.kinds import KINDS
from hagane.clean.audit.natural import pieces, read_pieces
from hagane.clean.audit.noise.adverts import STYLES, adverts
from hagane.clean.audit.noise.menus import menus
from hagane.clean.audit.noise.pages import GOOD, noisy_pages, template_pages
from hagane.clean.audit.noise.templates import family, page_family, seeds
from hagane.clean.audit.noise.vocabulary import Vocabulary
from hagane.clean.audit.outcome import run_stage
from hagane.clean.config import Config
from hagane.cli.main import call
from hagane.corpus.builtin import builtin_pages

CONFIG = Config(sources=["builtin"], workers=0)
DATA = Path(__file__).parents[3] / "shared" / "data"
TEXTS = read_pieces("builtin", 10**9, 3_000)
HALVES = [Vocabulary.of(TEXTS, heldout=heldout) for heldout in (False, True)]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return audit(CONFIG)


def test_the_gate_on_the_builtin_corpus(found: dict[str, Any]) -> None:
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    kinds, groups, clean = found["kinds"], found["groups"], found["clean"]["builtin"]
    assert kinds["advert"]["recall"] >= 0.2
    assert kinds["menu"]["recall"] >= 0.55
    assert groups["menu HTML"]["recall"] >= 0.9
    assert groups["template 10%"]["recall"] >= 0.85
    assert min(kinds[kind]["precision"] for kind in ("advert", "menu")) >= 0.95
    assert found["good_lost"] <= 0.02
    assert clean["lost"] <= 0.02
    assert clean["template_flagged"] <= 0.01


def test_prose_that_is_labelled_noise_is_not_found() -> None:
    """Negative control: with the labels changed about, recall of the same run must be near nothing and precision, too."""
    pages = [page for page in noisy_pages(Random(1), HALVES[1], TEXTS[:24]) if not page.html]
    swapped = [
        replace(page, lines=[(line, "advert" if label == GOOD else GOOD) for line, label in page.lines])
        for page in pages
    ]
    right, wrong = figures(count(pages, CONFIG)), figures(count(swapped, CONFIG))
    assert right["kinds"]["menu"]["recall"] > 0.3
    assert wrong["kinds"]["advert"]["recall"] < 0.02
    assert wrong["kinds"]["menu"]["precision"] < 0.02 < 0.95 < right["kinds"]["menu"]["precision"]


def test_the_halves_share_no_noun_and_no_phrase() -> None:
    development, heldout = HALVES
    assert not set(development.nouns) & set(heldout.nouns)
    for style in STYLES:
        lines = [{line for seed in range(30) for line in adverts(Random(f"{seed}"), words, style)} for words in HALVES]
        assert lines[0]
        assert not lines[0] & lines[1]


def test_equal_seeds_make_equal_noise() -> None:
    words = HALVES[0]
    for draw in (adverts, menus, lambda random, words: page_family(random, words, 3)):
        once, again, other = (draw(Random(seed), words) for seed in (5, 5, 6))
        assert once == again
        assert once != other


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_family_swaps_the_share_of_nouns_that_was_asked_for(share: float) -> None:
    seed = seeds(Random(1), TEXTS, 1)[0]
    copies = family(Random(2), HALVES[0], seed, share=share, copies=20)
    kept = [sum(line in seed for line in lines) / len(lines) for lines in copies]
    assert all(lines not in copies[:number] for number, lines in enumerate(copies))
    assert (sum(kept) / len(kept) > 0.5) == (share == 0.1)
    assert (sum(kept) == 0) == (share == 1.0)


def test_good_text_stands_once_and_every_line_has_its_label() -> None:
    pages = noisy_pages(Random(3), HALVES[0], TEXTS)
    good = [line for page in pages for line, label in page.lines if label == GOOD]
    assert sorted(good) == sorted(line for text in TEXTS for line in text.splitlines())
    assert {label for page in pages for _, label in page.lines} == {GOOD, "advert", "menu"}
    templates = template_pages(Random(3), HALVES[0], TEXTS, 2)
    assert {page.group for page in templates if all(label == "template" for _, label in page.lines)} == {
        page.group for page in templates if page.group
    }


def test_what_decisions_do_not_name_is_what_the_documents_hold() -> None:
    pages = noisy_pages(Random(4), HALVES[0], TEXTS[:24])
    plain, marked = ([page for page in pages if bool(page.html) == html] for html in (False, True))
    run = run_stage([page.text for page in plain], [page.html for page in marked], CONFIG)
    lines = [taken for outcome in [*run.texts, *run.html] for _, _, taken in outcome.by_line()]
    taken = sum(int((line > 0).sum()) for line in lines)
    kept = sum(int((line == 0).sum()) for line in lines)
    counts = count(pages, CONFIG)
    assert taken == sum(counts.taken.values()) > 0
    assert taken + kept == sum(counts.all.values())
    assert set(run.rules) >= {rule for rule, _ in counts.taken}


def test_pieces_end_outside_of_code_and_lose_only_a_short_rest() -> None:
    text = "\n".join(["一行目の文です。", "```", *["x = 1"] * 50, "```", "終わりの文です。"] * 4)
    cut = pieces(text, 100)
    assert all(piece.count("```") % 2 == 0 for piece in cut)
    assert text.startswith("\n".join(cut))
    assert pieces("短い。", 100) == ["短い。"]


def test_f1_of_5_grams() -> None:
    assert f1("鋼は鉄に炭素を加えた合金", "鋼は鉄に 炭素を\n加えた合金") == 1
    assert f1("鋼は鉄に炭素を加えた合金", "まったく別の文章がここにある") == 0
    assert f1("あいうえおか", "あいうえお") == pytest.approx(2 * 1 / 3)


def test_gold_pages_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl.gz"
    rows = [{"kind": "site", "html": page.html, "gold": page.gold} for page in builtin_pages() if page.gold.strip()]
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, rows))))
    found = gold_figures([str(path)], CONFIG)["sites"]
    assert found["pages"] == len(rows)
    assert 0.92 < found["low"] < found["f1"] < found["high"] <= 1


def test_the_gate_on_real_text() -> None:
    names = ("pretrain_aozora_modern_60M", "pretrain_techdoc", "pretrain_law_15M", "html_gold_ja")
    paths = [str(DATA / f"{name}.jsonl.gz") for name in names]
    if absent := [path for path in paths if not Path(path).is_file()]:
        pytest.skip(f"no development data at {', '.join(absent)}")
    *clean, gold = paths
    found = audit(CONFIG.model_copy(update={"sources": clean}), [gold], characters=200_000, bodies=150, families=24)
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    assert found["kinds"]["advert"]["recall"] >= 0.9
    assert found["kinds"]["menu"]["recall"] >= 0.9
    assert found["groups"]["template 10%"]["recall"] >= 0.85
    for share in (25, 50, 75, 100):
        assert found["groups"][f"template {share}%"]["recall"] >= 0.9
    assert found["good_lost"] <= 0.02
    for losses in found["clean"].values():
        assert losses["lost"] <= 0.02
        assert losses["template_flagged"] <= 0.01
    assert found["gold"]["sites"]["f1"] >= 0.88
    assert found["gold"]["manual"]["f1"] >= 0.95


def test_main_text_of_the_manual_is_what_its_authors_mark() -> None:
    html = (
        "<title>題</title><div id=top>案内</div><div id=main><p>本文。<table class='nav_table'><tr><td>次へ</table>"
        "<div class='x contents'>目次<div>節</div></div><script>var x;</script><p>続き&amp;。</div><div id=footer>脚</div>"
    )
    assert main_division(html) == "本文。続き&。"


def test_the_verb_stands_beside_the_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["clean", "audit", "workers=0", "--development", "--json", str(tmp_path / "audit.json")]) == 0
    printed = capsys.readouterr().out
    assert "再現率 recall" in printed
    assert set(orjson.loads((tmp_path / "audit.json").read_bytes())["kinds"]) == set(KINDS)
    assert call(["clean", "audit", "menu_lines.threshold=3"]) == 2
    assert "Did you mean 'menu_line'?" in capsys.readouterr().err
    assert call(["clean", "audit", "workers=0", "--clean", "nowhere.jsonl"]) == 2
    assert "not there" in capsys.readouterr().err
    assert call(["clean", "builtin", "workers=0", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "manifest.json").is_file()

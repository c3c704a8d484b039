"""What the whole stage takes out of clean text, by rule: each clean text is cleaned alone.

Counted are the characters of prose: lines outside of code blocks, at least three characters in ten of them kana or kanji, with
hiragana among them. `lost` leaves out what rules against copies took, for that still stands elsewhere in the corpus; `all_lost`
counts it, and `other_lost` is the share lost of what is no prose. A piece counts as flagged where a rule against templates decided
anything about it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hagane.clean.audit.kinds import COPIES, KINDS
from hagane.clean.audit.outcome import KEPT, run_stage
from hagane.clean.config import Config
from hagane.clean.page import Role

_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_HIRAGANA = re.compile(r"[\u3041-\u3096]")
_SHARE = 0.3


def prose_lost(pieces: Sequence[str], config: Config) -> dict[str, Any]:
    """The figures of one clean text; `rules`: rule → share of the prose that it took."""
    run = run_stage(pieces, [], config)
    prose: Counter[str] = Counter()
    other: Counter[str] = Counter()
    names = ["", *run.rules]
    for outcome in run.texts:
        for line, role, taken in zip(outcome.page.lines, outcome.page.roles, outcome.lines(), strict=True):
            counts = prose if role is not Role.CODE and is_prose(line) else other
            for number, characters in Counter(taken.tolist()).items():
                counts[names[number]] += characters
    by_rule = {rule: prose[rule] / max(prose.total(), 1) for rule in run.rules if prose[rule]}
    return {
        "pieces": len(pieces),
        "characters": prose.total(),
        "lost": round(sum(share for rule, share in by_rule.items() if rule not in COPIES), 5),
        "all_lost": round(sum(by_rule.values()), 5),
        "other_characters": other.total(),
        "other_lost": round(1 - other[names[KEPT]] / max(other.total(), 1), 5),
        "template_flagged": round(sum(not rules.isdisjoint(KINDS["template"]) for rules in run.named) / len(pieces), 5),
        "rules": {rule: round(share, 6) for rule, share in sorted(by_rule.items(), key=lambda pair: -pair[1])},
    }


def is_prose(line: str) -> bool:
    """Whether a line reads as Japanese: enough kana and kanji, and hiragana among them."""
    return len(_JAPANESE.findall(line)) >= _SHARE * len(line) and bool(_HIRAGANA.search(line))

"""What the whole stage takes out of clean text, by rule: each clean text is cleaned alone.

Counted are the characters of prose: lines outside of code blocks that read as Japanese (`natural.is_prose`). `lost` leaves out what
rules against copies took, for that still stands elsewhere in the corpus; `all_lost` counts it, and `other_lost` is the share lost
of what is no prose. A piece counts as touched where a rule against templates decided anything about it, and as flagged where
this covers half of its characters or more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hagane.clean.audit.kinds import COPIES, KINDS
from hagane.clean.audit.natural import is_prose
from hagane.clean.audit.outcome import KEPT, run_stage
from hagane.clean.config import Config
from hagane.clean.page import Role


def prose_lost(pieces: Sequence[str], config: Config) -> dict[str, Any]:
    """The figures of one clean text; `rules`: rule → share of the prose that it took."""
    run = run_stage(pieces, [], config)
    prose: Counter[str] = Counter()
    other: Counter[str] = Counter()
    names = ["", *run.rules]
    for outcome in run.texts:
        for line, role, taken in outcome.by_line():
            counts = prose if role is not Role.CODE and is_prose(line) else other
            for number, characters in Counter(taken.tolist()).items():
                counts[names[number]] += characters
    by_rule = {rule: prose[rule] / max(prose.total(), 1) for rule in run.rules if prose[rule]}
    templated = [
        sum(outcome.decided[rule] for rule in KINDS["template"]) / max(sum(map(len, outcome.lines)), 1)
        for outcome in run.texts
    ]
    return {
        "pieces": len(pieces),
        "characters": prose.total(),
        "lost": round(sum(share for rule, share in by_rule.items() if rule not in COPIES), 5),
        "all_lost": round(sum(by_rule.values()), 5),
        "other_characters": other.total(),
        "other_lost": round(1 - other[names[KEPT]] / max(other.total(), 1), 5),
        "template_touched": round(sum(part > 0 for part in templated) / len(pieces), 5),
        "template_flagged": round(sum(part >= 0.5 for part in templated) / len(pieces), 5),
        "rules": {rule: round(share, 6) for rule, share in sorted(by_rule.items(), key=lambda pair: -pair[1])},
    }

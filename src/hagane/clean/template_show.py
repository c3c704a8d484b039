"""A template as people read it: its text with slots, and what was put into them.

What most documents have stays, also kanji; where they differ stands □. Weather reports, quotations and statutes follow a
template too and may be wanted, so each template gets a kind from what anyone can see in it; whether a kind is dropped is the
recipe's choice.

Cost: ~5 ms a template; only what is stored is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from hagane.clean.skeleton import FILLING, SLOT
from hagane.clean.template_verify import Template

EXAMPLES = 5
_TOKEN = re.compile(rf"{FILLING}+|.")
_ARTICLE = re.compile(r"第[〇一二三四五六七八九十百千0-9]+[条項号章款]|附\s*則")
_CODE = re.compile(r"`|\w\(\)|::|->|\]\(|[a-z]_[a-z]|(?<![A-Za-z])[a-z]+[A-Z][a-z]")
_LATIN = re.compile("[A-Za-z]")
_REFERENCE_CODE, _REFERENCE_LATIN, _REFERENCE_ALIKE = 0.45, 0.2, 0.5
"""Pages about functions alike are written by people, from one another: code in half of the sentences, and Latin names in the
slots or most sentences left as they are. Of 72 groups in manuals nine in ten are told by this; where a machine swaps nouns in
sentences of manuals, code stands in a tenth of them and Latin in hardly a slot."""
_NUMBER = re.compile(r"[0-9]|[〇一二三四五六七八九十百千]+[年月日時分円度人]")


@dataclass(frozen=True)
class Shown:
    """One row of templates.jsonl."""

    text: str
    """The template, a sentence a line, with □ for each slot."""
    kind: str
    """statute (articles and paragraphs), reference (manuals of programs), figures (half of the fillings hold numbers: weather,
    quotations, timetables) or text."""
    documents: int
    """Documents that follow it, of those it was read from."""
    saved_bits: float
    """Shorter description of a document by the template, on average."""
    fillings: list[list[str]]
    """For each slot of `text`, some of what was put in."""


def show(template: Template) -> Shown:
    """The template in words."""
    lines, fillings = [], []
    for members in template.members:
        line = _with_slots(members)
        lines.append(line)
        fillings += _fillings(line, members)
    everything = [filling for slot in fillings for filling in slot]
    return Shown(
        "\n".join(lines),
        _kind(template.members, everything),
        template.documents,
        round(template.saved, 1),
        [list(dict.fromkeys(slot))[:EXAMPLES] for slot in fillings],
    )


def _kind(members: Sequence[Sequence[str]], fillings: Sequence[str]) -> str:
    texts = [text for sentence in members for text in sentence]
    articles, code = (sum(bool(pattern.search(text)) for text in texts) / len(texts) for pattern in (_ARTICLE, _CODE))
    latin, numbers = (
        sum(bool(pattern.search(filling)) for filling in fillings) / max(len(fillings), 1)
        for pattern in (_LATIN, _NUMBER)
    )
    alike = sum(Counter(sentence).most_common(1)[0][1] for sentence in members) / len(texts)
    if articles >= 1 / 3:
        return "statute"
    if code >= _REFERENCE_CODE and (latin >= _REFERENCE_LATIN or alike >= _REFERENCE_ALIKE):
        return "reference"
    return "figures" if numbers >= 1 / 2 else "text"


def _with_slots(members: Sequence[str]) -> str:
    """The first member, with □ for what most of the others do not have at that place."""
    center = _tokens(members[0])
    agreed: Counter[int] = Counter()
    for member in members[1:]:
        for block in SequenceMatcher(None, center, _tokens(member), autojunk=False).get_matching_blocks():
            agreed.update(range(block.a, block.a + block.size))
    fixed = [2 * agreed[place] >= len(members) - 1 for place in range(len(center))]
    parts = [token if stays else SLOT for token, stays in zip(center, fixed, strict=True)]
    return re.sub(f"{SLOT}+", SLOT, "".join(parts))


def _fillings(line: str, members: Sequence[str]) -> list[list[str]]:
    """For each slot of the line, what those members put in that follow it to the letter."""
    pattern = re.compile("(.{1,40}?)".join(map(re.escape, line.split(SLOT))))
    matches = [match for member in members if (match := pattern.fullmatch("".join(member.split())))]
    return [[match[slot] for match in matches] for slot in range(1, line.count(SLOT) + 1)]


def _tokens(text: str) -> list[str]:
    """Runs of fillings, and every other character by itself; no blanks."""
    return _TOKEN.findall("".join(text.split()))

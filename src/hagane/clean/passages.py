"""Long passages inside a line that an earlier document has, too: quoted licences, copied paragraphs, text that was put together.

Windows of 64 characters are hashed, and of their hashes one in 32 is asked about in the corpus, chosen by the hash itself, so
that the same passage is sampled alike wherever it stands (Manber 1994; Schleimer, Wilkerson and Aiken, SIGMOD 2003). Where all
samples of a stretch stand in an earlier document, the whole sentences inside it go. By characters, so that none is cut in two,
and in any language. A passage of 256 characters is missed with probability 0.002.

Cost: six passes over the code points of long lines, twice; 24 bytes of disk in 32 characters.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from hagane.clean.exchange import LATER, Answers
from hagane.clean.minhash import mix
from hagane.clean.rolling import window_hashes
from hagane.clean.tables import changes
from hagane.clean.verdicts import Cut, Verdicts
from hagane.corpus.codepoints import codepoints_of

WINDOW, SAMPLE = 64, 32
MIN_LINE = 128
"""Shorter lines are left to the rule for repeated lines."""
_SENTENCE_END = re.compile(r"[。！？!?][」』）)]*")


def samples(verdicts: Verdicts) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(key, line, place in the line) of each sampled window of the long lines that are left; by line and place."""
    batch = verdicts.batch
    lines = np.flatnonzero(verdicts.left & (batch.characters >= MIN_LINE))
    text = "".join(batch.texts[line] for line in lines.tolist())
    keys = mix(window_hashes(codepoints_of(text), WINDOW))
    starts = np.concatenate(([0], np.cumsum(batch.characters[lines])))
    chosen = np.flatnonzero(keys % np.uint64(SAMPLE) == 0)
    of = np.searchsorted(starts, chosen, "right") - 1
    inside = chosen + WINDOW <= starts[of + 1] if len(lines) else np.zeros(0, bool)
    chosen, of = chosen[inside], of[inside]
    return keys[chosen], lines[of], chosen - starts[of]


def decide_repeated_passages(verdicts: Verdicts, answers: Answers, order: npt.NDArray[np.uint64]) -> None:
    """Rule `repeated_passage`: characters of whole sentences in a stretch that earlier documents have."""
    threshold = verdicts.threshold("repeated_passage")
    keys, lines, places = samples(verdicts)
    if threshold is None or not len(keys):
        return
    _, first, _ = answers.of(keys)
    known = (first != LATER) & (first < order[verdicts.batch.page_of[lines]])
    first_of = np.flatnonzero(changes(lines, known))
    last_of = np.concatenate((first_of[1:], [len(keys)])) - 1
    value = np.full(verdicts.batch.lines, np.nan)
    cuts: dict[int, list[Cut]] = {}
    for one, other in zip(first_of[known[first_of]].tolist(), last_of[known[first_of]].tolist(), strict=True):
        line = int(lines[one])
        text = verdicts.batch.texts[line]
        begin, end = _sentences(text, int(places[one]), int(places[other]) + WINDOW)
        if end > begin:
            cuts.setdefault(line, []).append(Cut(line, begin, end, float(end - begin)))
            value[line] = np.fmax(value[line], end - begin)
    for line in verdicts.chosen("repeated_passage", value).tolist():
        for cut in cuts[line]:
            if cut.value >= threshold:
                verdicts.cut("repeated_passage", cut)


def _sentences(text: str, begin: int, end: int) -> tuple[int, int]:
    """The whole sentences within [begin, end) of a line; an empty span where there is none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    starts = [0, *ends]
    first = next((place for place in starts if place >= begin), len(text))
    last = next((place for place in reversed([*ends, len(text)]) if place <= end), 0)
    return first, last

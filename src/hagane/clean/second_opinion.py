"""A second opinion on pages where the fast tier found hardly any main text: trafilatura, in a process that can be killed.

The fast tier is unsure where it keeps less than `_LITTLE` characters of a page that has `_MUCH`. trafilatura's text is matched
back onto the page's lines, so that the decision is still about lines, with a value: the share of a line's character 5-grams that
trafilatura kept. The process ends after `_SECONDS`, or when it asks for more than `_MEGABYTES`, and a new one begins with the next
page; without an answer the fast tier's word stands.

Cost: some 60 ms a page that is asked about, and a second to start the process. On the gold pages it changes nothing: it is asked
about one of 24 sites, whose main text it does not find either. An oracle that took the better of both answers for each page
would have .917 there instead of .904, and .978 instead of .976 on manual pages.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from importlib.util import find_spec
from types import TracebackType

import numpy as np

from hagane.artifact.progress import note
from hagane.clean.extract import Floats, HtmlPage, Thresholds, removed

_SECONDS, _MEGABYTES = 10.0, 512
_LITTLE, _MUCH = 200, 1000
_GRAM = 5


def is_unsure(page: HtmlPage) -> bool:
    """Whether hardly any of the page is main text by the default thresholds."""
    kept = sum(len(line) for line, rule in zip(page.lines, removed(page, Thresholds()), strict=True) if not rule)
    return kept < _LITTLE and sum(map(len, page.lines)) >= _MUCH


def agreement(lines: list[str], text: str) -> Floats:
    """[lines]: share of each line's character 5-grams that are in `text`, blanks left out; shorter lines count as a whole."""
    packed = "".join(text.split())
    grams = {packed[i : i + _GRAM] for i in range(len(packed) - _GRAM + 1)}
    shares = []
    for line in lines:
        word = "".join(line.split())
        of_line = [word[i : i + _GRAM] for i in range(len(word) - _GRAM + 1)]
        if of_line:
            shares.append(sum(gram in grams for gram in of_line) / len(of_line))
        else:
            shares.append(float(word in packed))
    return np.array(shares)


class SecondOpinion:
    """Asks trafilatura; a context manager, for there is a process to end."""

    def __init__(self, *, seconds: float = _SECONDS, megabytes: int = _MEGABYTES) -> None:
        self.seconds, self._megabytes = seconds, megabytes
        self._process: subprocess.Popen[bytes] | None = None
        self.installed = find_spec("trafilatura") is not None
        if not self.installed:
            note("  trafilatura is not installed: no second opinion on unsure pages (pip install 'hagane[quality]')")

    def __enter__(self) -> SecondOpinion:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def values(self, page: HtmlPage, html: str) -> Floats | None:
        """[lines]: the agreement of each line with trafilatura's main text; None where there is no answer."""
        text = self.text(html) if self.installed else None
        return None if text is None else agreement(page.lines, text)

    def text(self, html: str) -> str | None:
        """trafilatura's main text; None where it failed, took too long or too much memory."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", __name__, str(self._megabytes)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        answer = self._ask(self._process, json.dumps(html).encode() + b"\n")
        if answer is None:
            self._end()
            return None
        found = json.loads(answer)
        return found if isinstance(found, str) else None

    def _ask(self, process: subprocess.Popen[bytes], question: bytes) -> bytes | None:
        """The line that comes back in time, if one does."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(question)  # the process reads all of it before it works
            process.stdin.flush()
        except BrokenPipeError:
            return None
        parts: list[bytes] = []
        deadline = time.monotonic() + self.seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while selector.select(max(deadline - time.monotonic(), 0)):
                part = os.read(process.stdout.fileno(), 1 << 16)
                parts.append(part)
                if not part:
                    return None
                if part.endswith(b"\n"):
                    return b"".join(parts)
        return None

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _serve(megabytes: int) -> None:
    """Answer a JSON string a line with a JSON string a line, until there is no more."""
    import resource

    import trafilatura

    resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    for question in sys.stdin.buffer:
        answer = trafilatura.extract(json.loads(question), include_comments=False)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""A HojiChar chain as a rule: any `Compose` judges pages, and its reason stands in the decision.

A chain is named `profile.py`, as for HojiChar's own command (`FILTER`, or `FACTORY` without arguments), or `module:attribute`.
Naming one runs that Python file: it is code of the recipe's author. JSONLoader and JSONDumper, which a profile for the command
line has at its ends, are left out, since a page is text already.

A page is judged as a whole, so its value is 1 (rejected) or 0. What a chain does to a text (NFKC, masking) serves its own
verdicts and goes no further. A rule must judge a page by that page: chains that draw (`p` below 1) or remember earlier pages
(deduplication) are refused.

Source: HojiChar 0.18, `core/composition.py`, `utils/load_compose.py`. Cost: the chain's own, 3 MB/s for eighteen of its filters.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hagane.errors import DataError, HaganeError, MissingToolError, UsageError

_REASON_CHARACTERS = 200
_SETTINGS_OF_ALL = ("name", "p", "skip_rejected", "use_batch", "batch_size")


@dataclass(frozen=True)
class Verdict:
    """What a chain says of a page."""

    rejected: bool
    reason: str
    """The filter that rejected the page, with its settings and what it found; empty where the page is kept."""
    error: str
    """What a filter raised on this page, which is then not judged; empty otherwise."""


Judge = Callable[[Sequence[str]], list[Verdict]]
"""One verdict a text."""


def load_compose(spec: str) -> Judge:
    """A function that judges texts, one verdict each, by the chain `spec`: `profile.py` or `module:attribute`.

    Raises `MissingToolError` without HojiChar, `UsageError` where there is no file, module or chain of that name, or where the
    chain cannot be a rule, and `DataError` where the profile itself fails.
    """
    if importlib.util.find_spec("hojichar") is None:
        raise MissingToolError("HojiChar is not installed.", where=spec, fix="pip install 'hagane[hojichar]'")
    from hojichar import Document, document_filters

    compose = _find(spec)
    _refuse_unfit(compose, spec)
    ends = (document_filters.JSONLoader, document_filters.JSONDumper)
    compose.filters = [part for part in compose.filters if not isinstance(part, ends)]

    def judge(text: str) -> Verdict:
        page = Document(text)
        try:
            page = compose.apply(page)
        except MemoryError:
            raise  # the limit on a page's memory is not the filter's mistake
        except Exception as error:  # any filter, of anybody's making: it costs the run this page
            return Verdict(False, "", f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS])
        reason = _reason(page.reject_reason) if page.is_rejected else ""
        return Verdict(page.is_rejected, reason, "")

    return lambda texts: [judge(text) for text in texts]


def _find(spec: str) -> Any:
    """The `hojichar.Compose` of that name."""
    from hojichar import Compose

    try:
        found = _from_profile(Path(spec)) if spec.endswith(".py") else _from_module(spec)
    except HaganeError:
        raise
    except Exception as error:
        raise DataError(
            f"The HojiChar profile fails: {type(error).__name__}: {error}",
            where=spec,
            fix=f"Mend what it raises; `python {spec}` shows where." if spec.endswith(".py") else "Mend the module.",
        ) from error
    if not isinstance(found, Compose):
        raise UsageError(
            f"A HojiChar chain must be a Compose; this is {type(found).__name__}.",
            where=spec,
            fix="Name a `hojichar.Compose([...])`; an AsyncCompose waits for other machines and cannot be a rule.",
        )
    return found


def _from_profile(path: Path) -> Any:
    from hojichar.utils.load_compose import load_compose as load_profile

    if not path.is_file():
        raise UsageError("There is no such HojiChar profile.", where=str(path), fix="Name an existing Python file.")
    try:
        return load_profile(path)
    except NotImplementedError as error:
        raise UsageError(
            "The profile defines no chain.", where=str(path), fix="Write FILTER = hojichar.Compose([...]) into it."
        ) from error


def _from_module(spec: str) -> Any:
    module, _, attribute = spec.partition(":")
    fix = "Write a Python file, or module:attribute of a module that Python finds."
    if not attribute:
        raise UsageError("A HojiChar chain is named profile.py or module:attribute.", where=spec, fix=fix)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            raise  # the module is there; something that it imports is not
        raise UsageError(f"There is no module {module}.", where=spec, fix=fix) from error
    if not hasattr(found, attribute):
        raise UsageError(f"The module {module} has no {attribute}.", where=spec, fix=fix)
    return getattr(found, attribute)


def _refuse_unfit(compose: Any, spec: str) -> None:
    for part in compose.filters:
        if getattr(part, "p", 1.0) < 1:
            raise UsageError(
                f"{part.name} looks at a random share of the pages (p={part.p}).",
                where=spec,
                fix="Set its p to 1: the same recipe must give the same corpus.",
            )
        if type(part).__module__ == "hojichar.filters.deduplication":
            raise UsageError(
                f"{part.name} compares a page with those before it, which differ between workers.",
                where=spec,
                fix="Leave it out of the chain; the stage removes duplicates by itself.",
            )


def _reason(found: dict[str, Any]) -> str:
    """`3-DocumentLengthFilter min_doc_len=200`: the filter, and those of its values that it does not share with all."""
    values = [f"{key}={value}" for key, value in found.items() if key not in _SETTINGS_OF_ALL and value is not None]
    return " ".join([str(found.get("name", "")), *values])[:_REASON_CHARACTERS]

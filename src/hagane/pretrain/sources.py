"""From documents artefacts and the mixture of a config to the stream that training reads.

A source has one name wherever it lies: ARTEFACT/SOURCE, the name under which the artefact is given and the documents' own source
(`clean/manpages-ja`). An entry of the mixture is such a name, an artefact (`ja`: all that it holds) or a pattern (`*/manpages-*`);
of several that fit a source the longest counts. So languages cleaned apart and sources cleaned together are weighed alike.

Tokens of an entry are written once, each entry into a folder of its own, and found again by a run that was killed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hagane.artifact.progress import note
from hagane.corpus.store import count_sources, read_documents
from hagane.errors import UsageError
from hagane.tokenizer.encode import Tokenizer
from hagane.train.mixture import Mixture, Source
from hagane.train.tokens import TokenStore

_ENCODED_AT_ONCE = 256

Members = dict[str, set[str]]
"""Name of an artefact → sources in it."""


class Share(BaseModel):
    """How much of the run one entry of the mixture is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float = Field(gt=0, allow_inf_nan=False, description="Its share of the tokens is this over the sum of all.")
    max_epochs: float | None = Field(
        None, gt=0, description="Most passes over its documents; null: as many as it takes."
    )


def open_sources(
    artifacts: Mapping[str, Path], mixture: Mapping[str, Share], tokenizer: Tokenizer, folder: Path
) -> list[Source]:
    """The sources of a mixture, tokenised below `folder`. Without a mixture there is one, of all documents.

    Raises UsageError for an entry without documents and for documents without an entry.
    """
    entries = mixture or {"*": Share(weight=1.0)}
    sources = []
    for number, (name, members) in enumerate(_members(artifacts, list(entries)).items()):
        place = folder / f"{number:02d}"
        if place.is_dir():
            store = TokenStore.open(place)
        else:
            ids = _encoded(tokenizer, artifacts, members)
            store = TokenStore.write(place, ids, bos_id=tokenizer.bos_id, eos_id=tokenizer.eos_id)
        sources.append(Source(name, store, entries[name].weight, entries[name].max_epochs or math.inf))
    return sources


def tell(mixture: Mixture) -> list[dict[str, object]]:
    """Print one line a source: what there is and how often it will be read. Returns the same as rows for the summary."""
    rows, read = [], mixture.rows_read()
    for number, source in enumerate(mixture.sources):
        tokens = read[number] * mixture.seq
        share, epochs = read[number] / sum(read), tokens / source.store.total
        line = f"  {source.name}: {source.store.documents:,} documents, {source.store.total:,} tokens, "
        line += f"{share:.1%} of the run, read {epochs:.2f} times"
        if epochs + mixture.seq / source.store.total > source.max_epochs:
            line += f", which is all of it after {(mixture.last_row(number) + 1) / sum(read):.0%} of the run"
        note(line)
        rows.append(
            {
                "name": source.name,
                "documents": source.store.documents,
                "tokens": source.store.total,
                "weight": source.weight,
                "tokens_read": tokens,
                "share": share,
                "epochs": epochs,
            }
        )
    return rows


def _members(artifacts: Mapping[str, Path], entries: list[str]) -> dict[str, Members]:
    """For each entry, in alphabetical order, which sources of which artefacts it stands for."""
    found: dict[str, Members] = {entry: {} for entry in sorted(entries)}
    uncovered: list[str] = []
    names: list[str] = []
    for artifact, path in sorted(artifacts.items()):
        for source in sorted(count_sources(path)):
            name = f"{artifact}/{source}"
            names.append(name)
            fitting = [entry for entry in found if _fits(entry, name)]
            if fitting:
                found[max(fitting, key=len)].setdefault(artifact, set()).add(source)
            else:
                uncovered.append(name)
    # First this: a misspelt entry also leaves documents without one.
    for entry, members in found.items():
        if not members:
            raise UsageError(
                f"No documents are for {entry!r}.", where="mixture", fix=f"The documents are of {', '.join(names)}."
            )
    if uncovered:
        raise UsageError(
            f"No entry of the mixture is for the documents of {', '.join(uncovered)}.",
            where="mixture",
            fix=f"Add {uncovered[0]!r}, or '*' for all that is not named.",
        )
    return found


def _fits(entry: str, name: str) -> bool:
    return fnmatchcase(name, entry) or name.startswith(f"{entry}/")


def _encoded(tokenizer: Tokenizer, artifacts: Mapping[str, Path], members: Members) -> Iterator[list[int]]:
    texts = (
        document.text
        for artifact, sources in members.items()
        for document in read_documents(artifacts[artifact], "train", sources)
    )
    while some := list(islice(texts, _ENCODED_AT_ONCE)):
        yield from tokenizer.encode_batch(some)

"""How templates are found in a corpus: what each pass asks, and what becomes of the answers.

1. With the second pass: skeletons of sentences with their fillings, and a sample of windows; both are questions.
2. Windows are answered: pairs of the rarer ones are asked about.
3. Pairs are answered: documents that meet often enough are linked, and links make groups.
4. The texts of groups are brought together, and each group is judged by description length; its template goes to templates.jsonl.
5. A page's value is the share of its characters in sentences with a common skeleton, or of those that follow its group's template,
   whichever is larger.

Texts move only of documents that are linked; everything else is 64-bit keys. Memory: one part of the groups, about a million
characters, and more where one group is larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from hagane.artifact.files import renamed
from hagane.clean.batch import Batch, document_numbers, rows_of, write_table
from hagane.clean.config import Config
from hagane.clean.questions import Questions
from hagane.clean.select import decide_pages
from hagane.clean.skeleton import read_symbols, sentence_skeletons
from hagane.clean.template import asked, template_sentences, template_share
from hagane.clean.template_keys import PageKeys, groups, links, pair_keys, window_keys
from hagane.clean.template_show import show
from hagane.clean.template_verify import MIN_DOCUMENTS, SAMPLE, follow, verify
from hagane.clean.verdicts import Verdicts
from hagane.corpus.codepoints import codepoints_of

FOLLOWER = np.dtype([("document", "<u8"), ("share", "<f8"), ("template", "<i8"), ("kept", "?")])
"""A document of a group: the share of it that follows the group's template, the template's number, and whether the recipe keeps
templates of this kind."""
_PART_CHARACTERS = 1_000_000
_SLICE = 256
_Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Templates:
    """The files of this search in the folder of a cleaning's questions."""

    questions: Questions

    @property
    def _followers(self) -> Path:
        return self.questions.folder / "templates" / "followers.npy"

    def _path(self, kind: str, number: int, suffix: str) -> Path:
        return self.questions.folder / "templates" / kind / f"{number:06d}.{suffix}"

    def ask(self, verdicts: Verdicts) -> None:
        """Put the questions of one batch, and keep its sentences and windows."""
        batch = verdicts.batch
        lines = np.flatnonzero(verdicts.left)
        text = "".join(batch.texts[line] for line in lines.tolist())
        starts = np.concatenate(([0], np.cumsum(batch.characters[lines])))
        read = read_symbols(codepoints_of(text), starts)
        skeletons = sentence_skeletons(read)
        page_of = batch.page_of[lines]
        windows = window_keys(read, page_of, batch.pages)
        which, documents = asked(skeletons), batch.documents()
        self.questions.skeletons.put(
            batch.number, skeletons.keys[which], documents[page_of[skeletons.line[which]]], skeletons.fillings[which]
        )
        self.questions.windows.put(batch.number, windows.keys, documents[windows.page])
        with renamed(self._path("kept", batch.number, "npz")) as path:
            np.savez(
                path,
                keys=skeletons.keys,
                asked=which,
                page=page_of[skeletons.line],
                characters=skeletons.characters,
                window_keys=windows.keys,
                window_page=windows.page,
            )

    def _pairs(self, number: int) -> PageKeys:
        with np.load(self._path("kept", number, "npz")) as kept:
            windows = PageKeys(kept["window_keys"], kept["window_page"])
        return pair_keys(windows, self.questions.windows.answers(number).of(windows.keys)[0])

    def ask_pairs(self, batch: int) -> None:
        """Put the second question of one batch."""
        pairs = self._pairs(batch)
        self.questions.pairs.put(batch, pairs.keys, document_numbers(batch, pairs.page))

    def link(self, batch: int) -> tuple[_Array, _Array]:
        """Documents of one batch, and documents of the corpus that they are linked with."""
        pairs = self._pairs(batch)
        documents, first, _ = self.questions.pairs.answers(batch).of(pairs.keys)
        page, head = links(pairs, first.astype(np.int64), documents)
        return document_numbers(batch, page).astype(np.int64), head

    def group(self, found: Iterable[tuple[_Array, _Array]]) -> _Array:
        """[documents, 2]: each document of a group of `MIN_DOCUMENTS` or more, ascending, and its group."""
        pairs = list(found)
        one, other = (np.concatenate([np.zeros(0, np.int64), *(pair[side] for pair in pairs)]) for side in (0, 1))
        members, of = groups(one, other)
        _, which, size = np.unique(of, return_inverse=True, return_counts=True)
        large = size[which] >= MIN_DOCUMENTS
        return np.stack((members[large], of[large]), axis=1)

    def gather(self, config: Config, members: _Array, measured: Path) -> int:
        """Write the texts of those members that are in one batch, by group; returns their characters."""
        batch = Batch.load(measured)
        mine = members[rows_of(batch.number, members[:, 0])]
        mine = mine[np.lexsort((mine[:, 0], mine[:, 1]))]
        texts: list[str] = []
        if len(mine):
            verdicts = decide_pages(batch, config, self.questions.menus.answers(batch.number))
            texts = [verdicts.text(page) for page in (mine[:, 0] - int(batch.documents()[0])).tolist()]
        table = pa.table({"group": mine[:, 1], "document": mine[:, 0], "text": pa.array(texts, pa.large_string())})
        write_table(self._path("texts", batch.number, "arrow"), table)
        return sum(map(len, texts))

    def parts(self, members: _Array, characters: int) -> list[tuple[int, int, int]]:
        """Tasks for `judge`: number, first and last group of a part of about a million characters."""
        heads = np.unique(members[:, 1])
        count = min(max(1, -(-characters // _PART_CHARACTERS)), max(len(heads), 1))
        return [
            (number, int(part[0]), int(part[-1]))
            for number, part in enumerate(np.array_split(heads, count))
            if len(part)
        ]

    def judge(self, config: Config, part: tuple[int, int, int]) -> None:
        """Judge the groups of one part: who follows which template."""
        number, low, high = part
        rows: list[tuple[int, float, int, bool]] = []
        shown: list[dict[str, Any]] = []
        for documents, texts in self._groups(low, high):
            template = verify(
                [texts[index * len(texts) // SAMPLE] for index in range(SAMPLE)] if len(texts) > SAMPLE else texts
            )
            if template is None:
                continue
            shares = [follow(template, texts[begin : begin + _SLICE]) for begin in range(0, len(texts), _SLICE)]
            described = show(template)
            keep = described.kind in config.template.keep
            rows += [
                (document, share, len(shown), keep)
                for document, share in zip(documents, np.concatenate(shares).tolist(), strict=True)
            ]
            shown.append({**asdict(described), "group": len(texts)})
        with renamed(self._path("shown", number, "json")) as path:
            path.write_bytes(orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY))
        with renamed(self._path("followers", number, "npy")) as path:
            np.save(path, np.array(rows, FOLLOWER), allow_pickle=False)

    def _groups(self, low: int, high: int) -> Iterator[tuple[list[int], list[str]]]:
        """(documents, texts) of each group from `low` to `high`."""
        found: dict[int, tuple[list[int], list[str]]] = {}
        for path in sorted((self.questions.folder / "templates" / "texts").glob("??????.arrow")):
            with pa.memory_map(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            begin, end = np.searchsorted(table["group"].to_numpy(), (low, high + 1))
            for row in table.slice(begin, end - begin).to_pylist():
                documents, texts = found.setdefault(row["group"], ([], []))
                documents.append(row["document"])
                texts.append(row["text"])
        return iter(found[group] for group in sorted(found))

    def store(self, parts: int, out: Path) -> None:
        """Bring the parts together: templates.jsonl, and the followers by document."""
        everything, first = [np.zeros(0, FOLLOWER)], 0
        with (out / "templates.jsonl").open("wb") as file:
            for number in range(parts):
                shown = orjson.loads(self._path("shown", number, "json").read_bytes())
                rows = np.load(self._path("followers", number, "npy"))
                rows["template"] += first
                everything.append(rows)
                for place, row in enumerate(shown):
                    file.write(orjson.dumps({"template": first + place, **row}) + b"\n")
                first += len(shown)
        with renamed(self._followers) as path:
            np.save(path, np.sort(np.concatenate(everything), order="document"), allow_pickle=False)

    def decide(self, verdicts: Verdicts) -> None:
        """Rule `template`: the share of a page that follows a template, and which in templates.jsonl it is."""
        batch = verdicts.batch
        with np.load(self._path("kept", batch.number, "npz")) as kept:
            keys, which, page, characters = (kept[name] for name in ("keys", "asked", "page", "characters"))
        marked = np.zeros(len(keys), bool)
        documents, _, wordings = self.questions.skeletons.answers(batch.number).of(keys[which])
        marked[which] = template_sentences(documents, wordings)
        value = template_share(page, characters, marked, batch.pages)
        followers = np.load(self._followers, mmap_mode="r")
        said = {}
        for row in followers[rows_of(batch.number, followers["document"])]:
            place = int(row["document"] - batch.documents()[0])
            if row["kept"]:
                value[place] = 0.0
            elif row["share"] >= value[place]:
                value[place] = row["share"]
                said[place] = f"template {row['template']}"
        verdicts.pages("template", value, said)

"""Main text of an HTML page: what is left without navigation, side bars, adverts, footers and lists of links.

Four steps, each of which says what it took away and by which value:

1. `boilerplate_tag`: nav, aside, footer, form and header elements, unless most of the page's prose lies inside one.
2. `boilerplate_name`: elements whose class, id or role has a word such as `sidebar` or `related`, with the same proviso.
3. `outside_main`: descend from the body into the child that holds nearly all prose, as long as there is one; what lies outside
   is not main text. (The idea of a "content root" is Readability's; measuring *prose*, that is hiragana outside links, is ours:
   Japanese menus and adverts are nouns.)
4. `link_density`: blocks inside the main text that consist of links (Kohlschütter et al., WSDM 2010).

Cost: sums over the element tree, once down and once up; no second look at the DOM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hagane.clean.dom import Tree
from hagane.clean.page import Role

_TAGS = frozenset(("nav", "aside", "footer", "form", "header", "menu", "dir"))
_WORDS = frozenset(
    """
    nav navi navigation navbar gnav lnav globalnav localnav menu menubar submenu sidemenu sidebar sidebox aside side
    subcolumn subcontents sub header head masthead footer foot colophon copyright copy breadcrumb breadcrumbs
    breadcrumblist topicpath pankuzu crumb crumbs pager pagination paging pagenavi prevnext prev next related relation
    relate recommend recommended recommendation osusume ranking rank popular share sharing social sns bookmark tweet
    twitter facebook hatena line comment comments commentlist respond reply trackback trackbacks trackback-list widget
    widgets banner bnr ad ads adv advert advertisement adsense adsbygoogle sponsor sponsored pr promo promotion toc
    tableofcontents contents mokuji index ulist tag tags tagcloud category categories archive archives calendar profile
    author-box authorbox search searchform login signup subscribe newsletter cookie consent gdpr modal popup hidden-by-
    style skip skiplink sitemap meta postmeta entry-footer entryfooter utility tool tools noprint nav_table navtable print
    complementary contentinfo banner-area pickup topics news-list newslist latest recent recententries recentposts info-
    list faq-link
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_SPLIT = re.compile(r"[\s_\-:/.]+|(?<=[a-z])(?=[A-Z])|(?<=[a-z])(?=\d)")
# Names that hold one of the words above and yet mean the text itself.
_MAIN_NAMES = re.compile(
    r"\b(?:main|content|article|entry|post|body|contents?[-_]?(?:main|body|area|wrap\w*)|displayarea)\b", re.IGNORECASE
)
_SENTENCE = 30
"""Characters outside links from which a line of prose keeps the block around it from being a list of links."""
_HIRAGANA = re.compile(r"[\u3041-\u3096]")
_SENTENCE_END = re.compile(r"[。！？!?」][)）」』]*$")


@dataclass(frozen=True)
class Verdict:
    """Why a line is not main text."""

    rule: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Thresholds:
    """Settings of the extraction; the config of the stage describes them."""

    protect: float = 0.5
    descend: float = 0.9
    links: float = 0.75


def main_text(tree: Tree, thresholds: Thresholds) -> list[Verdict | None]:
    """For each line of the page None where it is main text, else why not."""
    return _Extraction(tree, thresholds).run()


class _Extraction:
    def __init__(self, tree: Tree, thresholds: Thresholds) -> None:
        self.tree, self.thresholds = tree, thresholds
        self.characters = [len(line) - line.count(" ") for line in tree.lines]
        self.prose = [_prose(line, links) for line, links in zip(tree.lines, tree.links, strict=True)]
        self.verdicts: list[Verdict | None] = [None] * len(tree.lines)

    def run(self) -> list[Verdict | None]:
        if not self.tree.tags:
            return self.verdicts
        self._drop("boilerplate_tag", [tag in _TAGS for tag in self.tree.tags])
        self._drop("boilerplate_name", [_is_boilerplate(names) for names in self.tree.names])
        self._descend()
        self._drop_links()
        self._drop_stranded_headings()
        return self.verdicts

    def _sums(self, of: list[int]) -> list[int]:
        """Sum of a line figure over each element's subtree; lines already dropped count nothing."""
        sums = [0] * len(self.tree.tags)
        for owner, value, verdict in zip(self.tree.owners, of, self.verdicts, strict=True):
            if verdict is None:
                sums[owner] += value
        for element in range(len(sums) - 1, 0, -1):
            parent = self.tree.parents[element]
            if parent >= 0:
                sums[parent] += sums[element]
        return sums

    def _drop(self, rule: str, marked: list[bool]) -> None:
        """Drop the lines under marked elements that do not hold `protect` of the page's prose."""
        sums = self._sums(self.prose)
        total = max(sums[0], 1)
        reason: list[Verdict | None] = [None] * len(marked)
        for element, mark in enumerate(marked):
            parent = self.tree.parents[element]
            reason[element] = reason[parent] if parent >= 0 else None
            if mark and reason[element] is None and sums[element] < self.thresholds.protect * total:
                reason[element] = Verdict(rule, round(sums[element] / total, 4), self.thresholds.protect)
        for line, owner in enumerate(self.tree.owners):
            if self.verdicts[line] is None:
                self.verdicts[line] = reason[owner]

    def _descend(self) -> None:
        """Find the smallest element that holds nearly all prose, and drop what lies outside."""
        sums = self._sums(self.prose)
        if sums[0] == 0:
            return
        children: dict[int, list[int]] = {}
        for element, parent in enumerate(self.tree.parents):
            if parent >= 0:
                children.setdefault(parent, []).append(element)
        root = 0
        while root in children and self.tree.tags[root] not in ("ul", "ol", "dl", "table", "p", "li"):
            best = max(children[root], key=lambda element: sums[element])
            if sums[best] < self.thresholds.descend * sums[0] or self.tree.tags[best] in ("p", "ul", "ol", "dl", "pre"):
                break
            root = best
        inside = [False] * len(sums)
        for element in range(root, len(sums)):
            parent = self.tree.parents[element]
            inside[element] = element == root or (parent >= root and inside[parent])
        share = round(sums[root] / sums[0], 4)
        first = next((line for line, owner in enumerate(self.tree.owners) if inside[owner]), 0)
        for line, owner in enumerate(self.tree.owners):
            if self.verdicts[line] is None and not inside[owner]:
                title = line < first and self.tree.roles[line] is Role.HEADING and self.tree.tags[owner] in ("h1", "h2")
                if not title:
                    self.verdicts[line] = Verdict("outside_main", share, self.thresholds.descend)

    def _drop_links(self) -> None:
        """Drop blocks whose text is links: lists, tables and boxes of them, and lines that are one row of links."""
        links, characters = self._sums(self.tree.links), self._sums(self.characters)
        sentences = self._sums([int(prose >= _SENTENCE) for prose in self.prose])
        reason: list[Verdict | None] = [None] * len(links)
        for element, tag in enumerate(self.tree.tags):
            parent = self.tree.parents[element]
            reason[element] = reason[parent] if parent >= 0 else None
            if (
                reason[element] is None
                and tag not in ("body", "h1", "h2", "h3", "h4", "h5", "h6")
                and characters[element]
            ):
                density = links[element] / characters[element]
                if density > self.thresholds.links and not sentences[element]:
                    reason[element] = Verdict("link_density", round(density, 4), self.thresholds.links)
        for line, owner in enumerate(self.tree.owners):
            if self.verdicts[line] is None:
                self.verdicts[line] = reason[owner]

    def _drop_stranded_headings(self) -> None:
        """Drop headings that have lost the block they stood over to `link_density` or the end of the page."""
        alive = [line for line, verdict in enumerate(self.verdicts) if verdict is None]
        for position in range(len(alive) - 1, -1, -1):
            line = alive[position]
            if self.tree.roles[line] is not Role.HEADING:
                if len(self.tree.lines[line]) > 1:
                    break
                continue
            self.verdicts[line] = Verdict("stranded_heading", 0.0, 1.0)
        if all(verdict is not None for verdict in self.verdicts):
            for line in alive:  # a page of headings alone: the rule has nothing to say about it
                self.verdicts[line] = None


def _prose(line: str, links: int) -> int:
    """Characters of running text outside links: counted where there is hiragana, doubly sure with a full stop."""
    outside = len(line) - links
    if outside <= 0:
        return 0
    kana = len(_HIRAGANA.findall(line))
    if kana < 4 or kana < 0.1 * len(line):
        return 0
    return outside if _SENTENCE_END.search(line) or len(line) >= 40 else outside // 3


def _is_boilerplate(names: str) -> bool:
    if not names:
        return False
    if any(name in _WORDS for name in names.lower().split()):
        return True
    if _MAIN_NAMES.search(names):
        return False
    return any(word.lower() in _WORDS for word in _SPLIT.split(names))

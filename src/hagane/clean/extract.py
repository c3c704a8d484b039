"""Main text of an HTML page: four values a line tell it from navigation, side bars, adverts, footers and lists of links.

- `boilerplate`: share of the page's prose in the innermost element around the line that is a nav, aside, footer, form or header, or
  has a word such as `sidebar` or `related` in its class, id or role. Small: the line is boilerplate. 1 outside of such elements.
- `outside_main`: going down from the body into the child with most prose, the share of the first element that the line lies
  outside of. Large: what the line is outside of is the main text. (The "content root" is Readability's; measuring *prose*, that
  is hiragana outside links, is ours: Japanese menus and adverts are nouns.) 0 for lines inside all of them.
- `link_density`: the largest share of link text of a block around the line that has no sentence (Kohlschütter et al., WSDM 2010).

All are measured without the thresholds of the recipe; the two later ones leave out what the earlier ones call boilerplate at the
constants below. `removed` is the decision. Cost: running sums over the lines and one pass over the elements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hagane.clean.dom import Tree, html_tree
from hagane.clean.page import Role
from hagane.clean.table_rows import join_rows
from hagane.corpus.codepoints import codepoints_of

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
    author-box authorbox search searchform login signup subscribe newsletter cookie consent gdpr modal popup
    hidden-by-style skip skiplink sitemap meta postmeta entry-footer entryfooter utility tool tools noprint nav_table navtable print
    complementary contentinfo banner-area pickup topics news-list newslist latest recent recententries recentposts
    list faq-link
    """.split()  # noqa: SIM905 - a list of this length reads as words
)
_SPLIT = re.compile(r"[\s_\-:/.]+|(?<=[a-z])(?=[A-Z])|(?<=[a-z])(?=\d)")
# Names that hold one of the words above and yet mean the text itself.
_MAIN_NAMES = re.compile(
    r"\b(?:main|content|article|entry|post|body|contents?[-_]?(?:main|body|area|wrap\w*)|displayarea)\b", re.IGNORECASE
)
_PARAGRAPHS = frozenset(("p", "ul", "ol", "dl", "pre"))
_LISTS = frozenset(("table", "li"))
_UNJUDGED = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "p"))
_UNNAMED = frozenset(("blockquote", "tr", "thead"))
_SENTENCE = 30
"""Characters outside links from which a line of prose keeps the block around it from being a list of links."""
_SENTENCE_END = re.compile(r"[。！？!?」][)）」』]*$")


Floats = npt.NDArray[np.float64]
_PROTECT, _MAIN_SHARE = 0.5, 0.8
"""From which values on the later measurements do not count a line."""
_LEFT = 0.1
"""Share of the prose that marks must leave to be believed."""


@dataclass(frozen=True)
class HtmlPage:
    """The lines of a page and what was measured about each."""

    lines: list[str]
    roles: list[Role]
    boilerplate: Floats
    """[lines]: share of the page's prose, 0 to 1; 1 where no boilerplate element is around."""
    outside_main: Floats
    """[lines]: share of the page's prose, 0 to 1; 0 where the line is inside the main text."""
    link_density: Floats
    """[lines]: 0 to 1."""


@dataclass(frozen=True)
class Thresholds:
    """Settings of the decision; the config of the stage describes them."""

    protect: float = 0.5
    main_share: float = 0.8
    link_density: float = 0.75


RULES = ("", "boilerplate", "outside_main", "link_density", "stranded_heading")


def html_lines(html: str) -> HtmlPage:
    """The lines of a page with their values. Any string has some."""
    return measure(join_rows(html_tree(html)))


def measure(tree: Tree) -> HtmlPage:
    """The values of a tree's lines."""
    firsts, ends, owners, links = (
        np.array(column, np.int64) for column in (tree.firsts, tree.ends, tree.owners, tree.links)
    )
    characters, prose = _characters_and_prose(tree.lines, links)

    def sums(values: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        running = np.concatenate(([0], np.cumsum(values)))
        return np.asarray(running[ends] - running[firsts])

    boilerplate = _boilerplate(tree, sums(prose), owners, prose)
    left = boilerplate >= _PROTECT
    outside = _outside_main(tree, sums(prose * left))
    left &= outside < _MAIN_SHARE
    density = _link_density(tree, sums(links * left), sums(characters * left), sums((prose >= _SENTENCE) & left))
    return HtmlPage(tree.lines, tree.roles, boilerplate, outside, density[owners])


def _boilerplate(
    tree: Tree, sums: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], prose: npt.NDArray[np.int64]
) -> Floats:
    """[lines]. Where hardly any prose would be left, names are not believed; where that does not help, tags are not either."""
    total = max(int(sums[0]), 1)
    by_tag = [tag in _TAGS for tag in tree.tags]
    by_name = [
        bool(names) and tag not in _UNNAMED and _is_boilerplate(names)
        for tag, names in zip(tree.tags, tree.names, strict=True)
    ]
    for marks in ([tag or name for tag, name in zip(by_tag, by_name, strict=True)], by_tag):
        values: list[float] = []
        for mark, parent, share in zip(marks, tree.parents, (sums / total).tolist(), strict=True):
            values.append(share if mark else values[parent] if parent >= 0 else 1.0)
        lines = np.array(values)[owners]
        if prose[lines >= _PROTECT].sum() >= _LEFT * total:
            return lines
    return np.ones(len(tree.lines))


def _outside_main(tree: Tree, prose: npt.NDArray[np.int64]) -> Floats:
    """[lines]"""
    values = np.zeros(len(tree.lines))
    start, end = 0, len(values)
    for element in np.flatnonzero(2 * prose > prose[0]).tolist():  # each inside the one before: none else holds half
        tag = tree.tags[element]
        if tag in _PARAGRAPHS:
            break
        first, last = tree.firsts[element], tree.ends[element]
        values[start:first] = values[last:end] = prose[element] / prose[0]
        start, end = first, last
        if tag in _LISTS:
            break
    return values


def _link_density(
    tree: Tree, links: npt.NDArray[np.int64], characters: npt.NDArray[np.int64], sentences: npt.NDArray[np.int64]
) -> Floats:
    """[elements]"""
    densities = np.where(sentences > 0, 0.0, links / np.maximum(characters, 1)).tolist()
    values: list[float] = []
    for tag, parent, density in zip(tree.tags, tree.parents, densities, strict=True):
        around = values[parent] if parent >= 0 else 0.0
        values.append(around if parent < 0 or tag in _UNJUDGED else max(around, density))
    return np.array(values)


def removed(page: HtmlPage, thresholds: Thresholds) -> npt.NDArray[np.uint8]:
    """[lines]: by which of `RULES` each line is not main text; 0 where it is kept."""
    rules = np.zeros(len(page.lines), np.uint8)
    rules[page.link_density > thresholds.link_density] = 3
    rules[page.outside_main >= thresholds.main_share] = 2
    rules[page.boilerplate < thresholds.protect] = 1
    kept = np.flatnonzero(rules == 0)[::-1].tolist()
    for position, line in enumerate(kept):  # headings at the end have lost what they stood over
        if page.roles[line] is not Role.HEADING and len(page.lines[line]) > 1:
            rules[kept[:position]] = 4
            break
    return rules


def _characters_and_prose(
    lines: list[str], links: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """[lines], [lines]: characters without blanks; characters of running text outside links.

    Running text has hiragana; it counts in full where it ends as a sentence does or is long, else by a third.
    """
    if not lines:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    codepoints = codepoints_of("".join(lines))
    lengths = np.array(list(map(len, lines)))
    starts = np.cumsum(lengths) - lengths
    hiragana = np.add.reduceat(codepoints - 0x3041 < 0x56, starts, dtype=np.int64)
    blanks = np.add.reduceat(codepoints == 0x20, starts, dtype=np.int64)
    outside = np.maximum(lengths - links, 0)
    outside[(hiragana < 4) | (hiragana < 0.1 * lengths)] = 0
    for line in np.flatnonzero((outside > 0) & (lengths < 40)).tolist():
        if not _SENTENCE_END.search(lines[line]):
            outside[line] //= 3
    return lengths - blanks, outside


@lru_cache(4096)
def _is_boilerplate(names: str) -> bool:
    if not names:
        return False
    if any(name in _WORDS for name in names.lower().split()):
        return True
    if _MAIN_NAMES.search(names):
        return False
    return any(word.lower() in _WORDS for word in _SPLIT.split(names))

"""Noise put into good text, line by line with its label: what the audit lets the stage clean.

Two corpora. `noisy_pages`: advertising and menus, as pages of nothing else, as blocks inside good pages, around the pages of sites
that share their lists, and around single pages of sites seen once. `template_pages`: families of machine-made texts among
good ones. Each good text stands once, so that whatever goes from it goes by mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hagane.clean.audit.noise.adverts import STYLES, advert_page, adverts
from hagane.clean.audit.noise.menus import html_page, menu_page, menus, site
from hagane.clean.audit.noise.templates import family, page_family, seeds
from hagane.clean.audit.noise.vocabulary import Vocabulary

GOOD = ""
SITE_PAGES = 12
"""Pages of one site."""
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the different nouns of a template that are swapped."""
HARDER_SHARE = 0.5
COPIES = (5, 20)
"""Fewest and most texts of one template."""


@dataclass(frozen=True)
class Page:
    """One page with the label of each line: `GOOD`, advert, menu or template."""

    group: str
    """Which of the audit's rows it counts in; empty for a page without noise. A number is the share of nouns swapped."""
    lines: list[tuple[str, str]]
    html: str = ""
    """The page as HTML; empty where it is plain text."""

    @property
    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(line for line, _ in self.lines)


def _label(lines: Sequence[str], label: str) -> list[tuple[str, str]]:
    return [(line, label) for line in lines]


def noisy_pages(random: Random, words: Vocabulary, texts: Sequence[str]) -> list[Page]:
    """Each of `texts` once, most of them with noise, and pages of nothing but noise, a quarter as many as texts.

    A quarter has advertising inside, a third stands on sites, an eighth on single pages of a site, an eighth as HTML on sites.
    """
    bodies = [text.splitlines() for text in random.sample(list(texts), len(texts))]
    count = len(bodies)
    pages = []
    for number in range(count // 4):
        style = list(STYLES)[number % len(STYLES)]
        pages.append(Page(f"advert {style}", _with_adverts(random, words, bodies.pop(), style)))
    for start in range(0, count // 3, SITE_PAGES):
        where = site(random, words)
        for _ in range(min(SITE_PAGES, count // 3 - start)):
            before, after = menus(random, words, where)
            lines = _label(before, "menu") + _label(bodies.pop(), GOOD) + _label(after, "menu")
            pages.append(Page("menu sites", lines))
    for _ in range(count // 8):
        before, after = menus(random, words)
        lines = _label(before, "menu") + _label(bodies.pop(), GOOD) + _label(after, "menu")
        pages.append(Page("menu single", lines))
    for start in range(0, count // 8, SITE_PAGES):
        where = site(random, words)
        for _ in range(min(SITE_PAGES, count // 8 - start)):
            title, *body = bodies.pop()
            html, noise = html_page(random, words, where, title, body)
            pages.append(Page("menu HTML", _label([title, *body], GOOD) + _label(noise, "menu"), html))
    pages += [Page("", _label(body, GOOD)) for body in bodies]
    pages += [Page("advert pages", _label(advert_page(random, words), "advert")) for _ in range(count // 8)]
    pages += [Page("menu pages", _label(menu_page(random, words), "menu")) for _ in range(count // 8)]
    random.shuffle(pages)
    return pages


def _with_adverts(random: Random, words: Vocabulary, body: Sequence[str], style: str) -> list[tuple[str, str]]:
    """One block of this style somewhere between the lines of `body`, and one below."""
    lines = _label(body, GOOD)
    place = random.randint(0, len(lines))
    lines[place:place] = _label(adverts(random, words, style), "advert")
    return lines + _label(adverts(random, words, style), "advert")


def template_pages(random: Random, words: Vocabulary, texts: Sequence[str], families: int) -> list[Page]:
    """`families` templates for each share of swapped nouns, for the harder variant and for page templates.

    They are fewer where the texts have no more. Every second text is drawn from; the others stand among the copies as they are.
    """
    found = seeds(random, texts[::2], families * (len(SHARES) + 1))
    kinds = [(share, False) for share in SHARES] + [(HARDER_SHARE, True)]
    pages = []
    for number, seed in enumerate(found):
        share, harder = kinds[number % len(kinds)]
        group = f"template {share:.0%}{' harder' if harder else ''}"
        made = family(random, words, seed, share=share, copies=random.randint(*COPIES), harder=harder)
        pages += [Page(group, _label(lines, "template")) for lines in made]
    for _ in range(len(found) // len(kinds)):
        made = page_family(random, words, random.randint(*COPIES))
        pages += [Page("template pages", _label(lines, "template")) for lines in made]
    pages += [Page("", _label(text.splitlines(), GOOD)) for text in texts[1::2]]
    random.shuffle(pages)
    return pages

"""Settings of the stage clean: sources and thresholds."""

from __future__ import annotations

from pydantic import Field

from hagane.artifact.stage import StageConfig
from hagane.clean.extract import Thresholds


class Config(StageConfig):
    """Raw pages to clean Japanese documents."""

    sources: list[str] = Field(
        min_length=1,
        description="What to read: paths, globs, debian:PACKAGE, hub:OWNER/NAME or builtin, in this order.",
    )
    heldout_share: float = Field(
        0.03, ge=0, lt=1, description="Share of documents kept back for evaluation, chosen by a hash of their id."
    )
    max_page_megabytes: int = Field(64, gt=0, description="A page larger than this is quarantined as too_large.")
    protect: float = Field(
        0.5,
        gt=0,
        le=1,
        description="An element named like boilerplate stays if it holds this share of the page's prose.",
    )
    main_share: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Main text is the smallest element that holds this share of the prose of each one around it.",
    )
    link_density: float = Field(
        0.75, gt=0, description="Blocks with a larger share of link text, without a sentence, go."
    )
    min_kana: float = Field(0.02, ge=0, le=1, description="A document with a smaller share of kana is not Japanese.")
    min_japanese: float = Field(
        0.3, ge=0, le=1, description="Smallest share of kana and kanji in what is left of a document."
    )
    code_share: float = Field(0.5, ge=0, le=1, description="Blocks of code with a smaller share of kana and kanji go.")
    foreign_share: float = Field(
        0.15, ge=0, le=1, description="Lines with a smaller share of kana and kanji are code or another language."
    )
    foreign_run: int = Field(40, ge=1, description="Characters from which neighbouring lines of this kind are removed.")
    noun_list_hiragana: float = Field(0.08, ge=0, le=1, description="Lists of words with less hiragana than this go.")
    advert_words: int = Field(3, ge=1, description="Different shop words from which a line is an advert.")
    notice_characters: int = Field(
        120, ge=1, description="Longest line that is taken for a copyright notice or a marked advert."
    )
    self_repetition: float = Field(
        0.5, gt=0, description="Lines with a larger share of repetition of a short piece go."
    )
    menu_documents: int = Field(8, ge=2, description="Documents in which a short line must stand to be a menu entry.")
    menu_characters: int = Field(60, ge=1, description="Longest line that can be a menu entry.")
    repeat_characters: int = Field(
        8, ge=1, description="Shortest line that may stand only once, in a document and in the corpus."
    )
    long_document: int = Field(
        100_000,
        ge=1,
        description="Longer documents come last when repeated lines are removed: a one-page edition gives way to its pages.",
    )
    min_new: float = Field(
        0.3,
        ge=0,
        le=1,
        description="A document of which a smaller share is left once repeated lines are gone goes as a whole.",
    )
    near_duplicate: float = Field(
        0.8, gt=0, le=1, description="Estimated Jaccard similarity from which a document is a copy."
    )
    min_characters: int = Field(150, ge=0, description="Documents with fewer characters left go.")

    def extraction(self) -> Thresholds:
        """The settings of main-text extraction."""
        return Thresholds(self.protect, self.main_share, self.link_density)

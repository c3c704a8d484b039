"""Settings of the stage clean: what to read, and a threshold for every rule."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hagane.artifact.stage import StageConfig


class Threshold(BaseModel):
    """From which value on a rule removes; `null` measures and removes nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    threshold: float | None = Field(description="The value at which the rule begins to remove; null switches it off.")


class SecondOpinionRule(Threshold):
    """Whether to ask for a second opinion, and what it decides."""

    threshold: float | None = Field(0.5, description="Share of a line's 5-grams in trafilatura's text.")
    ask: bool = Field(False, description="Ask where hardly any main text was found.")


class TemplateRule(Threshold):
    """From which share of template text on a document goes, and which kinds of templates may stay."""

    threshold: float | None = Field(0.5, description="Share of a document's characters in sentences from a template.")
    keep: list[Literal["statute", "reference", "figures", "text"]] = Field(
        ["statute", "reference"],
        description="Kinds of templates that stay: statute (articles and paragraphs), reference (manuals of "
        "programs), figures (weather, timetables, quotations: half of what is filled in holds numbers), text.",
    )


class HojicharChain(Threshold):
    """A HojiChar chain, and whether the pages that it rejects go."""

    threshold: float | None = Field(1, description="1: pages that the chain rejects go; null: they are only marked.")
    profile: str | None = Field(
        None, description="profile.py, as for HojiChar's own command, or module:attribute; null: there is no chain."
    )


class Contamination(Threshold):
    """Benchmarks, and from how many of their windows in a line it goes."""

    threshold: float | None = Field(
        1, description="Windows of 20 characters that stand in a benchmark, from which a line goes; null: it stays."
    )
    benchmarks: dict[str, str] = Field(
        {},
        description="Name → file or folder of a benchmark (JSON, JSON lines, CSV, TSV, text); every string in it counts.",
    )


class Score(Threshold):
    """A score model, and below which score documents go."""

    threshold: float | None = Field(
        None, description="Mean of log p_good − log p_bad over 3-grams, below which a document goes; null: none does."
    )
    model: str | None = Field(None, description="A file of `hagane clean score`; null: nothing is scored.")


def _rule(threshold: float | None, description: str) -> Any:
    return Field(Threshold(threshold=threshold), description=description)


class Config(StageConfig):
    """Raw pages to clean Japanese documents."""

    sources: list[str] = Field(
        min_length=1,
        description="What to read: paths, globs, debian:PACKAGE, hub:OWNER/NAME or builtin, in this order.",
    )
    engine: Literal["local", "ray"] = Field(
        "local", description="Where to clean: on this machine, or on a Ray cluster whose machines share this disk."
    )
    workers: int | None = Field(
        None,
        ge=0,
        description="Processes that clean; null takes one a core, 0 this one (no ray). The result is the same.",
    )
    heldout_share: float = Field(
        0.03, ge=0, lt=1, description="Share of documents kept back for evaluation, chosen by a hash of their id."
    )
    max_page_megabytes: int = Field(8, gt=0, description="A page larger than this is quarantined as too_large.")
    max_page_seconds: float = Field(10, gt=0, description="A page that takes longer to read is quarantined as time.")
    max_page_memory_megabytes: int = Field(
        512, gt=0, description="A page that takes more memory to read is quarantined as memory."
    )
    keep_measurements: bool = Field(
        True, description="Keep what was measured beside the documents: `clean replay` and `clean explain` need it."
    )
    long_document: int = Field(
        100_000,
        ge=1,
        description="Longer documents come last when repeated lines are removed: a one-page edition gives way to its pages.",
    )

    boilerplate: Threshold = _rule(
        0.5, "An element of boilerplate (by its tag or name) goes if it holds a smaller share of the page's prose."
    )
    outside_main: Threshold = _rule(
        0.8, "Main text is the smallest element that holds this share of the prose of each one around it."
    )
    link_density: Threshold = _rule(0.75, "Blocks with a larger share of link text, without a sentence, go.")
    second_opinion: SecondOpinionRule = Field(
        SecondOpinionRule(),
        description="Pages with hardly any main text are read by trafilatura, too (extra `quality`): "
        "lines of which a smaller share is in its text go, and it alone decides about such a page.",
    )
    stranded_heading: Threshold = _rule(
        1, "Headings at the end of the main text, over nothing, go (1), or stay (null)."
    )
    broken_characters: Threshold = _rule(0, "Lines with more characters that could not be decoded go.")
    language: Threshold = _rule(0.02, "A document with a smaller share of kana is not Japanese.")
    code: Threshold = _rule(0.5, "Blocks of code with a smaller share of kana and kanji go.")
    foreign_text: Threshold = _rule(
        0.15, "Neighbouring lines with a smaller share of kana and kanji are code or another language."
    )
    copyright_line: Threshold = _rule(120, "Copyright notices up to this many characters go.")
    advert_mark: Threshold = _rule(120, "Lines marked as advert up to this many characters go.")
    breadcrumb: Threshold = _rule(3, "Lines like A > B > C among so many first lines of a page go.")
    tag_line: Threshold = _rule(120, "Lines of hash tags up to this many characters go.")
    noun_list: Threshold = _rule(0.08, "Lists of words with a smaller share of hiragana go.")
    self_repetition: Threshold = _rule(0.5, "Lines with a larger share of repetition of a short piece go.")
    mojibake: Threshold = _rule(0.05, "Lines with a larger share of signs of a wrong encoding go.")
    decoration: Threshold = _rule(0.3, "Lines with a larger share of symbols go.")
    same_letter: Threshold = _rule(0.4, "Lines with a larger share of one letter held down go.")
    adult_words: Threshold = _rule(0.05, "Documents fuller of adult words go (different words × share of characters).")
    discrimination_words: Threshold = _rule(0.05, "Documents fuller of words of discrimination go.")
    abuse_words: Threshold = _rule(0.05, "Documents fuller of words of abuse go.")
    repeated_in_document: Threshold = _rule(2, "From this occurrence on a line goes from its document.")
    hojichar: HojicharChain = Field(
        HojicharChain(), description="Pages that a HojiChar chain rejects go; what it does to texts is not taken over."
    )
    contamination: Contamination = Field(
        Contamination(), description="Lines that hold a piece of a benchmark go; nothing is looked for without one."
    )
    score: Score = Field(Score(), description="Documents that read more like bad text than like good go.")
    advert: Threshold = _rule(1, "Lines with higher log-odds of being advertisement, given the lines around, go.")
    menu_line: Threshold = _rule(
        0.5, "Lines with higher log-odds of being a menu entry, given the lines around and the corpus, go."
    )
    too_short: Threshold = _rule(150, "Documents with fewer characters left go.")
    little_japanese: Threshold = _rule(0.2, "Documents with a smaller share of kana and kanji left go.")
    template: TemplateRule = Field(
        TemplateRule(), description="Documents made from a template by swapping words go; templates.jsonl shows them."
    )
    exact_duplicate: Threshold = _rule(1, "Similarity from which the same text is a copy; only 1 and null make sense.")
    near_duplicate: Threshold = _rule(0.8, "Estimated Jaccard similarity from which a document is a copy.")
    repeated_line: Threshold = _rule(2, "Documents from which a line is known: it stays in the first one only.")
    repeated_passage: Threshold = _rule(
        200, "Characters from which whole sentences of a line that an earlier document has go."
    )
    mostly_repeated: Threshold = _rule(
        0.3, "A document of which a smaller share is left once repeated lines are gone goes as a whole."
    )
    personal_data: Threshold = _rule(
        1, "Lines with so many telephone, mail, address, My Number or card data or more have them masked."
    )
    empty_heading: Threshold = _rule(1, "Headings over nothing go (1), or stay (null).")

"""Numbers and words for a reader: rounding, units, and every sentence in two languages at once.

Both languages stand in the page, marked `ja` and `en`; the style sheet shows one. Values are escaped, the sentences around
them come from the templates and may hold markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

NOTHING = "—"


def both(ja: str, en: str, **values: Any) -> Markup:
    """One text in Japanese and English; `{name}` is replaced by the escaped value."""
    shown = {key: escape(value) for key, value in values.items()}
    parts = (
        Markup('<span class="{0}" lang="{0}">{1}</span>').format(
            language, Markup(text).format(**shown) if shown else Markup(text)
        )
        for language, text in (("ja", ja), ("en", en))
    )
    return Markup("").join(parts)


def number(value: float | None, digits: int = 0) -> str:
    """1,234 or 1,234.5; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """+1.23 or −1.23."""
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = f"{value:+,.{digits}f}"
    return shown.lstrip("+-") if float(shown.replace(",", "")) == 0 else shown.replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """0.4813 → 48.1 %."""
    return NOTHING if value is None else f"{number(100 * value, digits)} %"


def points(value: float | None) -> str:
    """A difference of two rates in percentage points: 0.031 → +3.1."""
    return NOTHING if value is None else signed(100 * value, 1)


def rate(value: float | None) -> str:
    """A learning rate: 3.0e-4 → 3.0 × 10⁻⁴."""
    if not value:
        return NOTHING if value is None else "0"
    exponent = math.floor(math.log10(abs(value)))
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10**exponent:.1f} × 10{raised}"


def interval(value: Mapping[str, Any] | None, digits: int = 2) -> str:
    """value [low, high]."""
    if value is None:
        return NOTHING
    return f"{number(value['value'], digits)} [{number(value['low'], digits)}, {number(value['high'], digits)}]"


def interval_percent(value: Mapping[str, Any] | None) -> str:
    """value % [low, high], all in per cent."""
    if value is None:
        return NOTHING
    return f"{percent(value['value'])} [{number(100 * value['low'], 1)}, {number(100 * value['high'], 1)}]"


def interval_points(value: Mapping[str, Any] | None) -> str:
    """A difference of rates with its interval, in percentage points."""
    if value is None:
        return NOTHING
    return f"{points(value['value'])} [{points(value['low'])}, {points(value['high'])}]"


def size(value: float | None) -> str:
    """Bytes as kB, MB or GB."""
    if value is None:
        return NOTHING
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def compact(value: float | None) -> Markup:
    """A large count in short, as each language counts: 2,413万 and 24.1 M."""
    if value is None:
        return Markup(NOTHING)
    ja = en = number(value)
    for unit, factor in (("億", 1e8), ("万", 1e4)):
        if value >= factor:
            ja = f"{number(value / factor, 0 if value >= 100 * factor else 1)}{unit}"
            break
    for unit, start, factor in (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e4, 1e3)):
        if value >= start:
            en = f"{value / factor:.1f} {unit}"
            break
    return both(ja, en)


def duration(seconds: float | None) -> Markup:
    """Minutes and seconds in both languages."""
    if seconds is None:
        return Markup(NOTHING)
    if seconds < 60:
        short = f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
        return both(f"{short}秒", f"{short} s")
    minutes, rest = divmod(round(seconds), 60)
    return both(f"{minutes}分{rest:02d}秒", f"{minutes} min {rest:02d} s")


def excerpt(text: str, most: int = 100) -> str:
    """The beginning of a long text."""
    return text if len(text) <= most else text[:most] + "…"


FILTERS = {
    "excerpt": excerpt,
    "number": number,
    "signed": signed,
    "percent": percent,
    "points": points,
    "rate": rate,
    "interval": interval,
    "interval_percent": interval_percent,
    "interval_points": interval_points,
    "size": size,
    "compact": compact,
    "duration": duration,
}

"""Charts as inline SVG: drawn by altair, coloured by the page, readable in two languages.

Vega lays text out with the fonts of the machine that draws; the page is read on another, often with Japanese fonts that the
first has not. So nothing rests on measured text: axis titles start at an edge or are centred, labels of categories get a room
computed here, legends are HTML. Colours are CSS variables of the page, hence one picture for light, dark and print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup, escape

from hagane.report.words import both

Both = Sequence[str]
"""(Japanese, English)."""
Point = tuple[float, float]

WIDTH = 380
FONT = 12
MOST_POINTS = 160
FEW_POINTS = 30
"""A curve of so few points shows each of them: what lies between was not measured."""
DASHES: tuple[Any, ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
INK, GRID, SURFACE = "#0000e0", "#0000e1", "#0000e2"
_VARIABLES = {INK: "var(--muted)", GRID: "var(--line)", SURFACE: "var(--paper)"}
_COLOURS = 8


@dataclass(frozen=True)
class Line:
    """One curve; `colour` and `dash` number entries of the palette."""

    label: Both
    points: Sequence[Point]
    colour: int = 0
    dash: int = 0


@dataclass(frozen=True)
class Mark:
    """One figure of a row of a dot or bar chart, with its interval where it has one."""

    label: Both
    value: float
    low: float | None = None
    high: float | None = None
    colour: int = 0
    group: Both = ("", "")
    """What the legend says of this colour."""


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points, each the mean of a stretch: what a picture of this width can show."""
    stretch = -(-len(points) // most) if points else 1
    if stretch == 1:
        return list(points)
    parts = [points[i : i + stretch] for i in range(0, len(points), stretch)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def line_chart(
    lines: Sequence[Line],
    *,
    title: Both,
    x: Both,
    y: Both,
    log: bool = False,
    zero: bool = False,
    zero_line: bool = False,
    form: str | None = None,
    x_most: float | None = None,
    x_log: bool = False,
    height: int = 210,
) -> Markup:
    """Curves over a quantitative axis, as a figure with its legend. `zero_line` marks y = 0; `x_log` needs x above 0."""
    drawn = [(line, thin(line.points)) for line in lines if line.points]
    if not drawn:
        return Markup("")
    values: list[dict[str, Any]] = [
        {"x": a, "y": b, "s": str(number)}
        for number, (_, points) in enumerate(drawn)
        for a, b in points
        if not log or b > 0
    ]
    names = [str(number) for number in range(len(drawn))]
    most = max(value["x"] for value in values)
    chart = (
        alt.Chart(_data(values))
        .mark_line(strokeWidth=2, strokeJoin="round")
        .encode(
            x=_log_x([value["x"] for value in values])
            if x_log
            else alt.X(
                "x:Q", title="@x@", axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=[0, x_most or most], nice=False)
            ),
            y=alt.Y("y:Q", title="@y@", axis=_y_axis(form, log), scale=_scale(log, zero)),
            color=alt.Color(
                "s:N", legend=None, scale=alt.Scale(domain=list(names), range=[_hex(line.colour) for line, _ in drawn])
            ),
            strokeDash=alt.StrokeDash(
                "s:N", legend=None, scale=alt.Scale(domain=names, range=[DASHES[line.dash] for line, _ in drawn])
            ),
        )
    )
    few = [value for value in values if len(drawn[int(value["s"])][1]) <= FEW_POINTS]
    dots = chart.mark_point(filled=True, size=28, opacity=1).properties(data=_data(few))
    layers: list[Any] = [chart, dots] if few else [chart]
    if zero_line:
        rule = alt.Chart(_data([{"y": 0}])).mark_rule(strokeWidth=1, color=INK)
        layers.insert(0, rule.encode(y="y:Q"))
    texts = {"@x@": x, "@y@": y}
    legend = [(line.label, line.colour, line.dash) for line, _ in drawn]
    return _figure(_svg(alt.layer(*layers), height), texts, title, legend)


def interval_chart(
    marks: Sequence[Mark], *, title: Both, x: Both, bars: bool = False, form: str = ".2f", percent: bool = False
) -> Markup:
    """Horizontal rows, one a label: a dot a group (or one bar from zero) with its 95 % interval and its value."""
    if not marks:
        return Markup("")
    scale = 100.0 if percent else 1.0
    labels = list(dict.fromkeys(tuple(mark.label) for mark in marks))
    groups = list(dict.fromkeys((tuple(mark.group), mark.colour) for mark in marks))
    order = {group: number for number, group in enumerate(groups)}
    values: list[dict[str, Any]] = [
        {
            "label": f"@{labels.index(tuple(mark.label))}@",
            "v": mark.value * scale,
            "low": (mark.value if mark.low is None else mark.low) * scale,
            "high": (mark.value if mark.high is None else mark.high) * scale,
            "s": str(order[tuple(mark.group), mark.colour]),
            "text": format(mark.value * scale, ".1f" if percent else form),
        }
        for mark in marks
    ]
    room = max(_width(text) for label in labels for text in label) + 8
    least, most = min(value["low"] for value in values), max(value["high"] for value in values)
    offset = not bars and len(groups) > 1
    step = 15 if offset else 26
    y = alt.Y(
        "label:N",
        title=None,
        sort=[f"@{number}@" for number in range(len(labels))],
        axis=alt.Axis(minExtent=room, maxExtent=room, labelLimit=0, ticks=False, domain=False),
        scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2),
    )
    numbers = [str(number) for number in range(len(groups))]
    shared: dict[str, Any] = {
        "y": y,
        "color": alt.Color("s:N", legend=None, scale=alt.Scale(domain=numbers, range=[_hex(c) for _, c in groups])),
    }
    if offset:
        shared["yOffset"] = alt.YOffset("s:N", sort=numbers)
    base = alt.Chart(_data(values))
    axis = alt.X(
        "v:Q",
        title="@x@",
        axis=alt.Axis(tickCount=5),
        scale=alt.Scale(domain=[min(0, least), max(most * 1.18, 1e-9)], nice=False),
    )
    main = base.mark_bar(height={"band": 0.7}) if bars else base.mark_point(filled=True, size=46, opacity=1)
    whisker = base.mark_rule(strokeWidth=1.5) if not bars else base.mark_rule(strokeWidth=1.5, color=INK)
    spans = {key: value for key, value in shared.items() if not (bars and key == "color")}
    value_text = base.mark_text(align="left", dx=6, fontSize=FONT - 1, color=INK)
    layers = [
        main.encode(x=axis, **shared),
        whisker.encode(x="low:Q", x2="high:Q", **spans),
        value_text.encode(x="high:Q", text="text:N", **{key: value for key, value in shared.items() if key != "color"}),
    ]
    rows = len(labels) * (step * len(groups) + 8 if offset else step)
    texts = {"@x@": x} | {f"@{number}@": label for number, label in enumerate(labels)}
    legend = [(group, colour, 0) for group, colour in groups if any(group)]
    return _figure(_svg(alt.layer(*layers), max(rows, 60), max(WIDTH - room + 40, 240)), texts, title, legend)


def _data(values: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=values)


def _y_axis(form: str | None, log: bool) -> alt.Axis:
    """The title lies flat above the axis, so that it is read without turning the head and never measured."""
    shown: dict[str, Any] = (
        {"format": ".0e", "tickCount": 4} if log else {"tickCount": 5} | ({"format": form} if form else {})
    )
    return alt.Axis(**shown, titleAngle=0, titleAlign="left", titleAnchor="end", titleX=-40, titleY=-10)


def _log_x(values: Sequence[float]) -> alt.X:
    scale = alt.Scale(type="log", domain=[min(values), max(values)], nice=False)
    return alt.X("x:Q", title="@x@", axis=alt.Axis(tickCount=5, format=".0e"), scale=scale)


def _scale(log: bool, zero: bool) -> alt.Scale:
    return alt.Scale(type="log") if log else alt.Scale(zero=zero, nice=True)


def _hex(colour: int) -> str:
    return f"#0000f{colour % _COLOURS}"


def _width(text: str) -> int:
    """Room for `text` in pixels, whatever font it is shown in."""
    return round(sum(1.0 if ord(letter) > 0x2E7F else 0.6 for letter in text) * FONT)


def _svg(chart: alt.LayerChart | alt.FacetChart, height: int, width: int = WIDTH) -> str:
    shown = chart.properties(
        width=width, height=height, background="transparent", padding={"left": 6, "right": 14, "top": 6, "bottom": 4}
    )
    axis = {
        "labelColor": INK, "titleColor": INK, "domainColor": GRID, "tickColor": GRID, "gridColor": GRID,
        "labelFontSize": FONT, "titleFontSize": FONT, "titleFontWeight": "normal", "titlePadding": 8,
    }  # fmt: skip
    shown = shown.configure(font="sans-serif", aria=False).configure_view(strokeWidth=0).configure_axis(**axis)
    return str(vl_convert.vegalite_to_svg(shown.to_dict()))


def _figure(svg: str, texts: Mapping[str, Both], title: Both, legend: Sequence[tuple[Both, int, int]]) -> Markup:
    """The picture with its texts in both languages, its title, and its legend where there is more than one thing to tell apart."""
    for colour in range(_COLOURS):
        svg = svg.replace(_hex(colour), f"var(--s{colour})")
    for mark, variable in _VARIABLES.items():
        svg = svg.replace(mark, variable)
    for mark, (ja, en) in texts.items():
        svg = svg.replace(
            f">{mark}<", f'><tspan class="ja">{escape(ja)}</tspan><tspan class="en">{escape(en)}</tspan><'
        )
    svg = re.sub(r' (?:xmlns(?::xlink)?|version|class)="[^"]*"', "", svg, count=4)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(title[0])} / {escape(title[1])}"', 1)
    keys = Markup("").join(
        Markup('<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><line x1="1" x2="23" y1="4" y2="4" '
               'stroke="var(--s{})" stroke-width="3" stroke-dasharray="{}"/></svg>{}</li>').format(
            colour % _COLOURS, " ".join(map(str, DASHES[dash])) if dash else "none", both(*map(str, map(escape, label)))
        )
        for label, colour, dash in legend
    )  # fmt: skip
    key = Markup('<ul class="legend">{}</ul>').format(keys) if len(legend) > 1 else Markup("")
    caption = both(*(str(escape(text)) for text in title))
    return Markup('<figure class="chart"><figcaption>{}</figcaption>{}<div class="picture">{}</div></figure>').format(
        caption, key, Markup(svg)
    )

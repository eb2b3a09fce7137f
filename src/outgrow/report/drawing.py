"""A chart as the page embeds it: a Vega-Lite specification, its title, and what it shows in words.

Names of fields are ours alone; whatever a user named is a value. Colours carry nothing by themselves: shape
or dash says the same, and each contrasts with white and with near-black paper at 3 to 1 or better. Text takes
the colour of the page, so one drawing serves light, dark and print.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from outgrow.report.text import is_number

if TYPE_CHECKING:
    import altair as alt

WEAK, STRONG, SHARED, CHANCE = "#d2600a", "#1279c4", "#9a5bb5", "#7b8693"
"""Colours of what belongs to the teacher, to the student, to both, and to chance."""

BEFORE, AFTER = "#9a5bb5", "#1279c4"
"""Colours of what was expected and of what was measured."""

POINTS = 160
"""Points drawn of a spectrum or curve: more than any width shows apart."""

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": _FONT,
    "padding": {"left": 2, "right": 8, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "tickColor": "currentColor",
        "domainColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.13,
        "domainOpacity": 0.5,
        "tickOpacity": 0.5,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 150,
    },
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "labelFontSize": 12,
        "labelLimit": 200,
        "orient": "top",
        "offset": 6,
        "rowPadding": 3,
        "symbolSize": 80,
        "symbolStrokeWidth": 2,
    },
    "text": {"color": "currentColor", "fontSize": 12},
    "style": {"guide-label": {"font": _FONT}, "guide-title": {"font": _FONT}},
}
"""Look of every chart."""


@dataclass(frozen=True)
class Drawing:
    """One chart of the page."""

    title: str
    """Its heading, not yet escaped."""
    alt: str
    """What it shows, for those who do not see it; not yet escaped."""
    caption: str
    """How to read it; not yet escaped."""
    spec: Mapping[str, Any]
    """Vega-Lite."""


def specified(chart: alt.LayerChart | alt.Chart | alt.FacetChart, height: int) -> dict[str, Any]:
    """Turn a chart into a specification that takes the width of its container."""
    import altair as alt

    sized = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    spec: dict[str, Any] = sized.to_dict()
    # Altair's own theme sets sizes for a fixed width.
    spec["config"] = CONFIG
    return spec


def embedded(spec: Mapping[str, Any]) -> str:
    r"""Write a specification as JSON that can stand inside a script element."""
    text = json.dumps(_rounded(spec), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _rounded(value: Any) -> Any:
    """Six digits: no screen shows more, and they halve the page's data."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def thinned(values: Sequence[float], logarithmic: bool = True) -> list[tuple[int, float]]:
    """Keep enough points of a long curve."""
    count = len(values)
    places = list(range(count))
    if count > POINTS:
        spaced = np.geomspace(1, count, POINTS) - 1 if logarithmic else np.linspace(0, count - 1, POINTS)
        places = sorted({round(place) for place in spaced.tolist()})
    return [(place + 1, float(values[place])) for place in places if is_number(values[place])]


def decades(low: float, high: float) -> tuple[float, float]:
    """Widen a range of positive numbers by a twentieth of a logarithmic axis, and never to length 0."""
    start, end = math.log10(low), math.log10(high)
    room = max((end - start) / 20, 0.05)
    return 10 ** (start - room), 10 ** (end + room)


def log_ticks(low: float, high: float) -> list[float]:
    """Choose a few round numbers for a logarithmic axis."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 2, 5), range(1, 10)):
        ticks = [step * 10.0**power for power in powers for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) > 2:
            break
    return [float(f"{tick:.6g}") for tick in inside]

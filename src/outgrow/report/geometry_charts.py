"""Charts of representations: spectra, dimensions by rule, canonical correlations, the effect of penalties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import altair as alt

from outgrow.report import marks
from outgrow.report.drawing import (
    CHANCE,
    SHARED,
    STRONG,
    WEAK,
    Drawing,
    decades,
    log_ticks,
    specified,
    thinned,
)
from outgrow.report.findings import Plain, items, part
from outgrow.report.interval_chart import Row, Series, intervals
from outgrow.report.line_chart import Points, key, lines
from outgrow.report.page_geometry import dimensions
from outgrow.report.text import is_number, number, shortened, value_of, visible

COUNTING = {
    "energy": ("circle", "square", "triangle-up"),
    "gavish-donoho": ("cross",),
    "parallel": ("diamond",),
}
"""Rules that count leading directions, so that their number is a place on the spectrum, and their shapes; the
other rules measure flatness and stand in the chart of dimensions alone."""

HEIGHT = 260
"""Of these charts in pixels."""


def names_of(weak: object, strong: object) -> tuple[str, str]:
    """Name both sets shortly and differently."""
    return f"{shortened(weak, 18)} (weak)", f"{shortened(strong, 18)} (strong)"


def spectrum_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw both spectra with the directions that counting rules keep; None without spectra."""
    names = names_of(weak, strong)
    points: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    shapes: dict[str, str] = {}
    for name, side in zip(names, ("weak", "strong"), strict=True):
        representation = part(geometry, side)
        values, total = representation.get("spectrum") or [], value_of(representation.get("total"))
        if not total or total <= 0:
            continue
        shares = [value / total if is_number(value) and value > 0 else None for value in values]
        along = thinned([float("nan") if share is None else share for share in shares])
        points += [{"what": name, "place": place, "value": share} for place, share in along]
        free = {rule: iter(symbols) for rule, symbols in COUNTING.items()}
        for dimension in items(representation, "dimensions"):
            rule, count = str(dimension.get("rule")), value_of(dimension.get("estimate"))
            shape = next(free.get(rule, iter(())), None)
            if shape is None or count is None or not 1 <= count <= len(shares):
                continue
            share = shares[int(count) - 1]
            label = shortened(dimension.get("label", rule), 24)
            if share is not None:
                shapes.setdefault(label, shape)
                kept.append({"what": name, "place": int(count), "value": share, "rule": label})
    if not points:
        return None
    shares_drawn = [point["value"] for point in points]
    # Marks at the last direction need room.
    last = 1.08 * max(2, *(point["place"] for point in points))
    x = marks.logarithmic(alt.X, "place:Q", "direction", (1, last), format="~s", grid=False)
    ends = decades(min(shares_drawn), max(shares_drawn))
    up = partial(marks.logarithmic, alt.Y, title="share of the variance", ends=ends, format="~%")
    looks = {names[0]: (WEAK, [1, 0], "circle"), names[1]: (STRONG, [6, 3], "circle")}
    layers = lines(points, looks, x, up)
    if kept:
        legend = {"orient": "bottom", "columns": 2, "symbolFillColor": "currentColor", "symbolStrokeWidth": 0}
        dots = marks.data(kept).mark_point(filled=True, size=95, opacity=1)
        layers.append(
            dots.encode(
                x=x,
                y=up("value:Q"),
                color=key(alt.Color, {name: look[0] for name, look in looks.items()}),
                shape=marks.keyed(alt.Shape, "rule", shapes, **legend),
                tooltip=marks.tips(what="set", rule="rule", place="direction"),
            )
        )
    kept_text = "; ".join(f"{mark['what']}, {mark['rule']}: {mark['place']}" for mark in kept)
    return Drawing(
        "Spectra",
        f"Share of the variance by direction, falling for both sets. Directions kept: {visible(kept_text)}.",
        "How much of each set's variance its directions hold, on logarithmic axes; marks stand where a rule"
        " stops counting.",
        specified(alt.layer(*layers), HEIGHT),
    )


def dimension_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw the intrinsic dimensions of both sets by rule; None where no rule gave a number."""
    names = names_of(weak, strong)
    by_rule = dimensions(geometry)
    return intervals(
        "Intrinsic dimension by rule",
        [Row(label, both) for label, both in by_rule if any(value_of(one) is not None for one in both)],
        (Series(names[0], WEAK, "circle"), Series(names[1], STRONG, "square")),
        "directions",
        "How many directions each set really uses. Rules answer different questions, so they differ.",
        logarithmic=True,
    )


def correlation_chart(geometry: Plain) -> Drawing | None:
    """Draw the canonical correlations beside what chance gives; None where they are not identifiable."""
    shared = part(geometry, "correlation")
    kinds = {"measured": shared.get("canonical") or [], "by chance": shared.get("canonical_by_chance") or []}
    points: list[dict[str, Any]] = [
        {"what": name, "place": place, "value": value}
        for name, values in kinds.items()
        for place, value in thinned(values, logarithmic=False)
    ]
    if not points:
        return None
    last = max(2, *(point["place"] for point in points))
    x = alt.X(
        "place:Q",
        scale=alt.Scale(domain=[min(point["place"] for point in points), last], nice=False),
        axis=alt.Axis(title="pair of directions", tickCount=5, format="d"),
    )
    up = partial(marks.linear, alt.Y, title="canonical correlation", domain=[0, 1])
    looks = {"measured": (SHARED, [1, 0], "circle"), "by chance": (CHANCE, [5, 4], "circle")}
    first, last_one, by_chance = (
        (values or [None])[at]
        for values, at in ((kinds["measured"], 0), (kinds["measured"], -1), (kinds["by chance"], 0))
    )
    return Drawing(
        "Canonical correlations against chance",
        f"Canonical correlations fall from {number(first)} to {number(last_one)}; with the rows of one set"
        f" shuffled the largest is {number(by_chance)}.",
        "1 is a direction that both sets hold. The dashed line has the rows of one set shuffled: what is not"
        " above it is not shared.",
        specified(alt.layer(*lines(points, looks, x, up)), HEIGHT),
    )


def ridge_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw the dimensions that are left along penalties; None without the ridge version."""
    names = names_of(weak, strong)
    looks = {
        names[0]: ("d_w", (WEAK, [1, 0], "")),
        names[1]: ("d_s", (STRONG, [6, 3], "")),
        "shared": ("d_sw", (SHARED, [8, 2, 2, 2], "")),
        "shared by chance": ("chance", (CHANCE, [2, 3], "")),
    }
    return _along_penalties(
        items(geometry, "ridge"),
        ("kappa", "penalty over mean variance"),
        looks,
        "What penalties leave",
        "Directions left of each set, shared, and shared by chance, all falling as the penalty grows.",
        "Ridge heads fade weak directions out. Defined also where too few rows make the plain correlation"
        " dimension undefined.",
    )


def projector_chart(geometry: Plain) -> Drawing | None:
    """Draw what the strong features could still learn that the weak ones cannot teach, along penalties."""
    looks = {
        "the strong features fit": ("d_s", (STRONG, [6, 3], "")),
        "the weak ones teach of it": ("shared", (SHARED, [8, 2, 2, 2], "")),
        "left": ("gap", (STRONG, [1, 0], "")),
        "left by chance": ("gap_by_chance", (CHANCE, [2, 3], "")),
    }
    return _along_penalties(
        items(geometry, "projector_gaps"),
        ("penalty", "penalty r over mean variance"),
        looks,
        "What the teacher cannot teach",
        "Along the penalty: directions that the strong features fit, those that the weak ones teach of them,"
        " those that are left, and those that would be left by chance.",
        "The projector gap along its penalty. The lower the solid line is below the dotted one, the more the"
        " two sets see of the same.",
    )


def _along_penalties(
    rows: Sequence[Plain],
    axis: tuple[str, str],
    looks: Mapping[str, tuple[str, marks.Look]],
    title: str,
    description: str,
    caption: str,
) -> Drawing | None:
    points = []
    for one in rows:
        for name, (field, _) in looks.items():
            penalty, value = value_of(one.get(axis[0])), value_of(one.get(field))
            if penalty is not None and penalty > 0 and value is not None:
                points.append({"what": name, "place": penalty, "value": value})
    if not points:
        return None
    ends = _ends(points)
    x = marks.logarithmic(alt.X, "place:Q", axis[1], ends, values=log_ticks(*ends)[::2])
    up = partial(marks.linear, alt.Y, title="directions", zero=True)
    layers = lines(points, {name: look for name, (_, look) in looks.items()}, x, up)
    return Drawing(title, description, caption, specified(alt.layer(*layers), HEIGHT))


def _ends(points: Points) -> tuple[float, float]:
    places = [point["place"] for point in points]
    return min(places), max(places)

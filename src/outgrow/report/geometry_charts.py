"""Charts of representations: spectra, dimensions by rule, canonical correlations, the effect of penalties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from outgrow.report.interval_chart import Row, Series, in_words, interval_chart
from outgrow.report.text import is_number, number, shortened, value_of, visible

COUNTING = {
    "energy": ("circle", "square", "triangle-up"),
    "gavish-donoho": ("cross",),
    "parallel": ("diamond",),
}
"""Rules that count leading directions, so that their number is a place on the spectrum, and their shapes; the
other rules measure flatness and stand in the chart of dimensions alone."""


def names_of(weak: object, strong: object) -> tuple[str, str]:
    """Name both sets shortly and differently."""
    return f"{shortened(weak, 18)} (weak)", f"{shortened(strong, 18)} (strong)"


def spectrum_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw both spectra with the directions that counting rules keep.

    None without spectra.
    """
    names = names_of(weak, strong)
    lines: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    shapes: dict[str, str] = {}
    for name, key in zip(names, ("weak", "strong"), strict=True):
        own = part(geometry, key)
        values, total = own.get("spectrum") or [], value_of(own.get("total"))
        if not total or total <= 0:
            continue
        shares = [value / total if is_number(value) and value > 0 else None for value in values]
        points = thinned([float("nan") if share is None else share for share in shares])
        lines += [{"set": name, "direction": place, "share": share} for place, share in points]
        free = {rule: iter(found) for rule, found in COUNTING.items()}
        for dimension in items(own, "dimensions"):
            rule, count = str(dimension.get("rule")), value_of(dimension.get("estimate"))
            shape = next(free.get(rule, iter(())), None)
            if shape is None or count is None or not 1 <= count <= len(shares):
                continue
            share = shares[int(count) - 1]
            label = shortened(dimension.get("label", rule), 24)
            if share is not None:
                shapes.setdefault(label, shape)
                marks.append({"set": name, "direction": int(count), "share": share, "rule": label})
    if not lines:
        return None
    import altair as alt

    colour = _colours("set", {names[0]: WEAK, names[1]: STRONG})
    dash = alt.StrokeDash(
        "set:N", scale=alt.Scale(domain=list(names), range=[[1, 0], [6, 3]]), legend=_legend()
    )
    low, high = decades(min(point["share"] for point in lines), max(point["share"] for point in lines))
    # Marks at the last direction need room.
    last = 1.08 * max(2, *(point["direction"] for point in lines))
    x = alt.X(
        "direction:Q",
        scale=alt.Scale(type="log", domain=[1, last], nice=False),
        axis=alt.Axis(title="direction", values=log_ticks(1, last), format="~s", grid=False),
    )
    y = alt.Y(
        "share:Q",
        scale=alt.Scale(type="log", domain=[low, high], nice=False),
        axis=alt.Axis(title="share of the variance", values=log_ticks(low, high), format="~%"),
    )
    layers: list[Any] = [
        alt.Chart(alt.InlineData(values=lines))
        .mark_line(strokeWidth=2.2, clip=True)
        .encode(x=x, y=y, color=colour, strokeDash=dash)
    ]
    if marks:
        by_rule = alt.Shape(
            "rule:N",
            scale=alt.Scale(domain=list(shapes), range=list(shapes.values())),
            legend=alt.Legend(
                title=None, orient="bottom", columns=2, symbolFillColor="currentColor", symbolStrokeWidth=0
            ),
        )
        layers.append(
            alt.Chart(alt.InlineData(values=marks))
            .mark_point(filled=True, size=95, opacity=1)
            .encode(x=x, y=y, color=colour, shape=by_rule, tooltip=_tips("set", "rule", "direction"))
        )
    said = "; ".join(f"{mark['set']}, {mark['rule']}: {mark['direction']}" for mark in marks)
    return Drawing(
        "Spectra",
        f"Share of the variance by direction, falling for both sets. Directions kept: {visible(said)}.",
        "How much of each set's variance its directions hold, on logarithmic axes; marks stand where a rule"
        " stops counting.",
        specified(alt.layer(*layers), 260),
    )


def dimension_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw the intrinsic dimensions of both sets by rule.

    None where no rule gave a number.
    """
    names = names_of(weak, strong)
    series = (Series(names[0], WEAK, "circle"), Series(names[1], STRONG, "square"))
    found = dimensions(geometry)
    rows = [Row(label, both) for label, both in found if any(value_of(one) is not None for one in both)]
    spec = interval_chart(rows, series, "directions", logarithmic=True)
    if spec is None:
        return None
    return Drawing(
        "Intrinsic dimension by rule",
        f"Intrinsic dimension by rule. {in_words(rows, series)}.",
        "How many directions each set really uses. Rules answer different questions, so they differ.",
        spec,
    )


def dimensions(geometry: Plain) -> list[tuple[str, tuple[Any, Any]]]:
    """Pair the dimensions of both sets by rule.

    None where one lacks the rule.
    """
    both = [
        {str(found.get("label")): found.get("estimate") for found in items(part(geometry, key), "dimensions")}
        for key in ("weak", "strong")
    ]
    return [
        (label, (both[0].get(label), both[1].get(label))) for label in dict.fromkeys([*both[0], *both[1]])
    ]


def correlation_chart(geometry: Plain) -> Drawing | None:
    """Draw the canonical correlations beside what chance gives.

    None where they are not identifiable.
    """
    shared = part(geometry, "correlation")
    kinds = {"measured": shared.get("canonical"), "by chance": shared.get("canonical_by_chance")}
    points = [
        {"what": name, "place": place, "value": value}
        for name, values in kinds.items()
        for place, value in thinned(values or [], logarithmic=False)
    ]
    if not points:
        return None
    spec = _lines(
        points,
        {"measured": (SHARED, [1, 0]), "by chance": (CHANCE, [5, 4])},
        "pair of directions",
        "canonical correlation",
        ridge=False,
    )
    first, last = (kinds["measured"] or [None])[0], (kinds["measured"] or [None])[-1]
    by_chance = (kinds["by chance"] or [None])[0]
    return Drawing(
        "Canonical correlations against chance",
        f"Canonical correlations fall from {number(first)} to {number(last)}; with the rows of one set"
        f" shuffled the largest is {number(by_chance)}.",
        "1 is a direction that both sets hold. The dashed line has the rows of one set shuffled: what is not"
        " above it is not shared.",
        spec,
    )


def ridge_chart(geometry: Plain, weak: object, strong: object) -> Drawing | None:
    """Draw the dimensions that are left along penalties.

    None without the ridge version.
    """
    names = names_of(weak, strong)
    look = {
        names[0]: (WEAK, [1, 0]),
        names[1]: (STRONG, [6, 3]),
        "shared": (SHARED, [8, 2, 2, 2]),
        "shared by chance": (CHANCE, [2, 3]),
    }
    points = []
    for found in items(geometry, "ridge"):
        for name, key in zip(look, ("d_w", "d_s", "d_sw", "chance"), strict=True):
            kappa, value = value_of(found.get("kappa")), value_of(found.get(key))
            if kappa is not None and kappa > 0 and value is not None:
                points.append({"what": name, "place": kappa, "value": value})
    if not points:
        return None
    spec = _lines(points, look, "penalty over mean variance", "directions", ridge=True)
    return Drawing(
        "What penalties leave",
        "Directions left of each set, shared, and shared by chance, all falling as the penalty grows.",
        "Ridge heads fade weak directions out. Defined also where too few rows make the plain correlation"
        " dimension undefined.",
        spec,
    )


def projector_chart(geometry: Plain) -> Drawing | None:
    """Draw what the strong features could still learn that the weak ones cannot teach, along penalties.

    None without projector gaps.
    """
    look = {
        "the strong features fit": (STRONG, [6, 3]),
        "the weak ones teach of it": (SHARED, [8, 2, 2, 2]),
        "left": (STRONG, [1, 0]),
        "left by chance": (CHANCE, [2, 3]),
    }
    points = []
    for found in items(geometry, "projector_gaps"):
        for name, key in zip(look, ("d_s", "shared", "gap", "gap_by_chance"), strict=True):
            penalty, value = value_of(found.get("penalty")), value_of(found.get(key))
            if penalty is not None and penalty > 0 and value is not None:
                points.append({"what": name, "place": penalty, "value": value})
    if not points:
        return None
    spec = _lines(points, look, "penalty r over mean variance", "directions", ridge=True)
    return Drawing(
        "What the teacher cannot teach",
        "Along the penalty: directions that the strong features fit, those that the weak ones teach of them,"
        " those that are left, and those that would be left by chance.",
        "The projector gap along its penalty. The lower the solid line is below the dotted one, the more the"
        " two sets see of the same.",
        spec,
    )


def _lines(
    points: Sequence[dict[str, Any]],
    look: dict[str, tuple[str, list[int]]],
    x_title: str,
    y_title: str,
    *,
    ridge: bool,
) -> dict[str, Any]:
    import altair as alt

    names = [name for name in look if any(point["what"] == name for point in points)]
    places = [point["place"] for point in points]
    if ridge:
        ends = min(places), max(places)
        x_scale = alt.Scale(type="log", domain=list(ends), nice=False)
        x_axis = alt.Axis(title=x_title, values=log_ticks(*ends)[::2], format=",~r")
        y_scale = alt.Scale(zero=True)
    else:
        x_scale = alt.Scale(domain=[min(places), max(2, *places)], nice=False)
        x_axis = alt.Axis(title=x_title, tickCount=5, format="d")
        y_scale = alt.Scale(domain=[0, 1])
    dash = alt.Scale(domain=names, range=[look[name][1] for name in names])
    chart = (
        alt.Chart(alt.InlineData(values=list(points)))
        .mark_line(strokeWidth=2.2, clip=True)
        .encode(
            x=alt.X("place:Q", scale=x_scale, axis=x_axis),
            y=alt.Y("value:Q", scale=y_scale, axis=alt.Axis(title=y_title, tickCount=5)),
            color=_colours("what", {name: look[name][0] for name in names}),
            strokeDash=alt.StrokeDash("what:N", scale=dash, legend=_legend()),
        )
    )
    return specified(chart, 260)


def _colours(field: str, look: dict[str, str]) -> Any:
    import altair as alt

    scale = alt.Scale(domain=list(look), range=list(look.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=_legend())


def _legend() -> Any:
    import altair as alt

    return alt.Legend(title=None, columns=1, symbolType="stroke", symbolSize=300)


def _tips(*fields: str) -> list[Any]:
    import altair as alt

    return [alt.Tooltip(f"{field}:N", title=field) for field in fields]

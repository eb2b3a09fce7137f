"""The page of the calibration benchmark: forecasts against measurements, drawn, and the table behind them.

Reads what features.py, measure.py and forecast.py left in the cache; writes one self-contained page and the
table as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from forecast import LABELS, forecast_file, pairs
from summary import Pair, summary

from features import PLAN
from outgrow.report.document import document
from outgrow.report.drawing import AFTER, BEFORE, CHANCE, Drawing, specified
from outgrow.report.figures import Figures
from outgrow.report.listing import Column, listing
from outgrow.report.markup import joined, tag
from outgrow.runs import new_file

POINTS = 1500
"""Cells drawn per chart, drawn at random from all: more is a blot, and a page of megabytes."""

KINDS = {"oracle": "oracle inputs", **{f"m{m}": f"m = {m:,} labels" for m in LABELS}}

SHOWN = ("oracle", "m400", "m2000")
"""Kinds of forecast that have charts of their own."""


def everything() -> list[Pair]:
    """Read every pair and noise level that was forecast."""
    return [
        Pair(name, teacher, student, noise)
        for name, teacher, student in pairs(list(PLAN))
        for noise in PLAN[name]["noise"]
        if forecast_file(name, teacher, student, noise).exists()
    ]


def cells(group: list[Pair], kind: str, what: str) -> list[dict[str, Any]]:
    """Give forecast and measured values of a sample of cells, of the first seed of labels."""
    rows: list[dict[str, Any]] = []
    for pair in group:
        if f"{kind}/student" not in pair.found:
            continue
        if what == "PGR":
            if kind == "oracle":
                best = np.take_along_axis(
                    pair.found["oracle/ceiling"], pair.best_c[None, ..., None], axis=-1
                )[..., 0]
                w = pair.found["oracle/teacher"][:, :, None, :, None]
                told = ((w - pair.found["oracle/student"]) / (w - best[..., None, None]))[0]
            else:
                told = pair.found[f"{kind}/pgr"][0]
            seen = pair.pgr
        else:
            told = pair.found[f"{kind}/student"][0] - pair.sigma2
            seen = pair.mean["student"] - pair.sigma2
        known = np.isfinite(told) & np.isfinite(seen)
        if what == "PGR":
            known &= (np.abs(seen) < 3) & (np.abs(told) < 3)
        for place in zip(*np.nonzero(known), strict=True):
            group_name = "resolved" if pair.resolved[place] else "not resolved"
            if not pair.penalised[place]:
                group_name = "minimum norm" if pair.resolved[place] else "not resolved"
            rows.append({"told": float(told[place]), "seen": float(seen[place]), "cells": group_name})
    rng = np.random.default_rng(0)
    keep = rng.permutation(len(rows))[:POINTS]
    return [rows[place] for place in keep]


def scatter(rows: list[dict[str, Any]], what: str, kind: str) -> Drawing:
    """Draw forecasts over measurements."""
    logarithmic = what != "PGR"
    scale = (
        alt.Scale(type="log", nice=False)
        if logarithmic
        else alt.Scale(domain=[-1.5, 1.5], clamp=True, nice=False)
    )
    ends = (
        [min(row["seen"] for row in rows), max(row["seen"] for row in rows)] if logarithmic else [-1.5, 1.5]
    )
    names = ["resolved", "minimum norm", "not resolved"]
    points = (
        alt.Chart(alt.Data(values=rows))
        .mark_point(size=14, opacity=0.55, strokeWidth=1)
        .encode(
            x=alt.X("seen:Q", title=f"measured {what}", scale=scale),
            y=alt.Y("told:Q", title=f"forecast {what}", scale=scale),
            color=alt.Color(
                "cells:N", title=None, scale=alt.Scale(domain=names, range=[AFTER, BEFORE, CHANCE])
            ),
            shape=alt.Shape("cells:N", title=None, scale=alt.Scale(domain=names)),
        )
    )
    line = (
        alt.Chart(alt.Data(values=[{"end": float(end)} for end in ends]))
        .mark_line(strokeDash=[4, 4], color="currentColor", opacity=0.6, strokeWidth=1)
        .encode(x="end:Q", y="end:Q")
    )
    return Drawing(
        f"{what[0].upper()}{what[1:]}: {KINDS[kind]}",
        f"Scatter of {len(rows)} cells: forecast {what} over measured {what}, {KINDS[kind]}.",
        "Every point is a design and a pair of penalties, measured over twenty seeds; on the dashed line the"
        " forecast is right; points at the edges lie beyond. Minimum norm: a penalty of 0 in one stage or"
        " both. Not resolved: the gap between teacher and ceiling may be nothing.",
        specified(line + points, 300),
    )


def tables(numbers: dict[str, Any]) -> list[Any]:
    """Lay the summary out, one table per kind of cells."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {}
    for title, values in numbers.items():
        group, cells_of, kind = title.split(" | ")
        kinds.setdefault(cells_of, {})[f"{group} · {KINDS.get(kind, kind)}"] = values
    made = []
    for cells_of, rows in kinds.items():
        names = list(dict.fromkeys(key for values in rows.values() for key in values))
        body = [
            [title, *("" if values.get(name) is None else _shown(values[name]) for name in names)]
            for title, values in rows.items()
        ]
        made.append(tag("h2", f"{cells_of[0].upper()}{cells_of[1:]}"))
        columns = [Column("group and forecast"), *(Column(name) for name in names)]
        made.append(listing(cells_of, columns, body).html())
    return made


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def main() -> None:
    """Write the page and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/calibration/cache/calibration.html"))
    parser.add_argument("--json", type=Path, default=Path("benchmarks/calibration/results.json"))
    given = parser.parse_args()
    numbers = summary()
    group = everything()
    figures = Figures()
    charts = []
    for what in ("PGR", "student's risk"):
        drawn = [scatter(cells(group, kind, what), what, kind) for kind in SHOWN]
        charts.append(figures.place(*drawn))
    main_part = tag(
        "main",
        tag("h1", "Forecasts against measurements"),
        tag(
            "p", f"{len(group)} pairs of feature sets and noise levels; what each column is says summary.py."
        ),
        joined([chart for chart in charts if chart is not None]),
        *tables(numbers),
    )
    with new_file(given.out) as work:
        work.write_text(document("outgrow: calibration of forecasts", main_part, figures), encoding="utf-8")
    given.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    print(given.out)


if __name__ == "__main__":
    main()

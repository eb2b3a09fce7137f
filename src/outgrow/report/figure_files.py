"""The figure as files for a paper: all panels in one drawing, as PNG and as PDF with its fonts.

The same charts as on the page, with widths that fit a text column, white paper, and the key drawn in.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from outgrow.report.curve_axes import EDGE
from outgrow.report.curve_looks import Look, families, grouped, in_words, kinds_of, looks_of
from outgrow.report.curve_scene import Scene, scenes
from outgrow.report.document import VEGA_LITE
from outgrow.report.drawing import CONFIG
from outgrow.report.drawing_process import DrawingError, draw
from outgrow.report.findings import Plain, items
from outgrow.report.text import shortened
from outgrow.runs import new_file

_log = logging.getLogger(__name__)

COLUMNS = 3
"""Panels beside one another: three to a text width, where letters are still read."""

WIDTH, HEIGHT = 215, 165
"""Of a panel's plot in pixels: three with their axes take about 800, so that letters of 12 are about 7 points
high at a text width of 6.5 inches."""

BESIDE = EDGE + 20
"""Pixels of labels and title left of a plot: its heading begins above them."""

SCALE = 2
"""Pixels of the PNG to one of the drawing: about 270 per inch at that text width."""

LETTER = 6.6
"""Pixels of a letter at most, on average over a name."""

INK = "#18202b"
"""Of text and axes on paper."""

FONT = "Liberation Sans, Helvetica, Arial, sans-serif"
"""Comes with vl-convert, so that a figure is the same on every machine."""


def write_figures(folder: Path, outcome: Plain, name: str = "figure") -> tuple[Path, ...]:
    """Write the figure of a sweep or a reproduction."""
    spec = specification(outcome)
    if spec is None:
        return ()
    png, pdf = (folder / f"{name}.{ending}" for ending in ("png", "pdf"))
    shared = {"vl_spec": spec, "vl_version": VEGA_LITE}
    try:
        with new_file(png, durable=False) as raster, new_file(pdf, durable=False) as vector:
            draw(
                [
                    ("vegalite_to_png", {**shared, "ppi": SCALE * 72}, raster),
                    ("vegalite_to_pdf", shared, vector),
                ]
            )
    except DrawingError as error:
        _log.warning("the figure could not be drawn (%s); everything else is written", error)
        return ()
    return png, pdf


def specification(outcome: Plain) -> dict[str, Any] | None:
    """Put all panels into one drawing."""
    panels = items(outcome, "panels")
    data: dict[str, Any] = {}
    # Put together as plain values: Altair's own ways of concatenation copy every chart at every level.
    blocks = [
        {"vconcat": drawn, "spacing": 26, "resolve": _resolved("shared")}
        for drawn in (_family(family, data) for family in families(panels))
        if drawn
    ]
    if not blocks:
        return None
    title = {
        "text": textwrap.wrap(shortened(outcome.get("title") or "", 200), 90),
        "subtitle": in_words(kinds_of(panels)),
        "fontSize": 15,
        "anchor": "start",
        "offset": 12,
    }
    spec = {
        "title": title,
        "vconcat": blocks,
        "spacing": 30,
        "resolve": _resolved("independent"),
        "config": {**CONFIG, "font": FONT, "padding": 10},
        "background": "white",
        "datasets": data,
    }
    printed: dict[str, Any] = _on_paper(spec)
    return printed


def _resolved(how: str) -> dict[str, Any]:
    return {"scale": {"color": how, "shape": how}}


def _family(panels: Sequence[Plain], data: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw panels that share a key, each group in a block under its heading."""
    looks = looks_of(panels)
    blocks = []
    for group, members in grouped(panels).items():
        drawn = [_panel(scene, looks, data) for scene in scenes(members, looks)]
        if not drawn:
            continue
        block: dict[str, Any] = {
            "concat": drawn,
            "columns": 2 if len(drawn) == 4 else COLUMNS,
            "spacing": {"row": 22, "column": 20},
        }
        if group:
            block["title"] = {"text": shortened(group, 100), "fontSize": 13, "anchor": "start"}
        blocks.append(block)
    return blocks


def _panel(scene: Scene, looks: Mapping[str, Look], data: dict[str, Any]) -> dict[str, Any]:
    import altair as alt

    from outgrow.report.curve_charts import chart

    longest = max(len(look.label) for look in looks.values())
    room = COLUMNS * WIDTH
    legend = alt.Legend(
        title=None,
        orient="bottom",
        columns=max(1, int(room / (LETTER * longest + 30))),
        labelLimit=room,
        symbolSize=70,
        symbolOpacity=1,
        offset=14,
    )
    # "N = 10,000" stays on one line.
    text = shortened(scene.panel.get("title") or "", 100).replace(" = ", "\u00a0=\u00a0")
    name = textwrap.wrap(text, int((WIDTH + BESIDE) / LETTER))
    outside = f"{len(scene.outside)} of {scene.points} points outside" if scene.outside else alt.Undefined
    title = alt.TitleParams(
        name or "", subtitle=outside, fontSize=12, anchor="start", frame="group", dx=-BESIDE, offset=4
    )
    drawn = chart(scene, looks, data, legend=legend).properties(width=WIDTH, height=HEIGHT, title=title)
    # What only the whole may have is left out.
    return {key: value for key, value in drawn.to_dict().items() if key not in ("$schema", "config")}


def _on_paper(value: Any) -> Any:
    """Replace the page's colour of text: outside a page it has none."""
    if isinstance(value, Mapping):
        return {key: _on_paper(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_on_paper(item) for item in value]
    return INK if value == "currentColor" else value

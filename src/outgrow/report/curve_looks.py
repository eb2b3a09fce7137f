"""How curves are told apart: a colour and a shape for every series, a way of drawing for every kind.

Looks are given out once for all panels that share any series, so a series is the same in each of them and one
key serves all. The key is HTML beside the charts, where long names wrap as text does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outgrow.report.findings import Plain, items
from outgrow.report.markup import Safe, tag
from outgrow.report.text import is_number, shortened, visible

PALETTE = ("#0f77c2", "#dd6a00", "#12a07c", "#b52c71", "#8f7ff5", "#8d6a10", "#5d6f82", "#e05aa8")
"""Colours of series: each 3 to 1 or better from white and from near-black paper, and the first five told
apart also by those who see no red, no green or no blue."""

SHAPES: Mapping[str, str] = {
    "circle": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "square": "M-3.6-3.6h7.2v7.2h-7.2z",
    "diamond": "M0-5L4 0 0 5-4 0z",
    "triangle-up": "M0-4.4L4.4 3.6h-8.8z",
    "triangle-down": "M0 4.4L4.4-3.6h-8.8z",
    "cross": "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "triangle-right": "M4.4 0L-3.6 4.4v-8.8z",
}
"""Shapes of series by Vega's names, and as the key draws them: seven to eight colours, so that 56 series pass
before a pair of both comes again."""

LABEL = 60
"""Characters shown of a series' name."""

CROSS = "M-1-1L1 1M-1 1L1-1"
"""The mark of a published value: two strokes, unlike any shape of a series."""

WAYS = 8
"""At most so many notes are listed of curves of one kind; tooltips show the note of every curve."""

KINDS: Mapping[str, str] = {
    "measured": "measured",
    "theory": "theory",
    "bound": "published bound",
    "published": "published value",
}
"""Kinds of curves in the order of the key, and their names."""

_KEYS: Mapping[str, tuple[Mapping[str, object], ...]] = {
    "theory": ({"d": "M-13 0H13", "stroke_width": 3, "opacity": 0.55},),
    "bound": ({"d": "M-13 0H13", "stroke_width": 1.75, "stroke_dasharray": "5 3"},),
    "published": ({"d": "M-4.5-4.5L4.5 4.5M-4.5 4.5L4.5-4.5", "stroke_width": 2.25},),
}


@dataclass(frozen=True)
class Look:
    """How a series is drawn."""

    label: str
    """Its name as shown, unlike that of any other series; not yet escaped."""
    colour: str
    """Its colour."""
    shape: str
    """Vega's name of its shape."""


def families(panels: Sequence[Plain]) -> list[list[Plain]]:
    """Part panels by what they show: those that have a series in common need one key."""
    groups: list[tuple[set[str], list[Plain]]] = []
    for members in grouped(panels).values():
        series_names = {str(curve.get("series")) for panel in members for curve in items(panel, "curves")}
        joined = [family for family in groups if family[0] & series_names]
        first = joined[0] if joined else (set[str](), list[Plain]())
        if not joined:
            groups.append(first)
        for series, others in joined[1:]:
            first[0].update(series)
            first[1].extend(others)
        groups = [family for family in groups if family not in joined[1:]]
        first[0].update(series_names)
        first[1].extend(members)
    return [family for _, family in groups]


def grouped(panels: Sequence[Plain]) -> dict[str, list[Plain]]:
    """Put panels under their headings."""
    groups: dict[str, list[Plain]] = {}
    for panel in panels:
        groups.setdefault(visible(panel.get("group") or ""), []).append(panel)
    return groups


def looks_of(panels: Sequence[Plain]) -> dict[str, Look]:
    """Give every series its look."""
    curves = (curve for panel in panels for curve in items(panel, "curves"))
    looks: dict[str, Look] = {}
    labels: set[str] = set()
    for series in dict.fromkeys(str(curve.get("series")) for curve in curves):
        place, shape = len(looks), list(SHAPES)[len(looks) % len(SHAPES)]
        label = shortened(series, LABEL)
        if label in labels:
            label = f"{label} ({place + 1})"
        labels.add(label)
        looks[series] = Look(label, PALETTE[place % len(PALETTE)], shape)
    return looks


def kinds_of(panels: Sequence[Plain]) -> dict[str, str]:
    """List the kinds of curves that there are."""
    curves = [curve for panel in panels for curve in items(panel, "curves")]
    kinds = {str(curve.get("kind")) for curve in curves}
    ends = any(is_number(end) for curve in curves for end in curve.get("low") or ())
    names = {kind: name for kind, name in KINDS.items() if kind in kinds}
    if ends and "measured" in names:
        names["measured"] = "measured, 90 % interval"
    return names


def curve_notes(outcome: Plain) -> list[tuple[str | None, str | None]]:
    """Say how the figure's curves were obtained, each way once."""
    notes_by_kind: dict[str, list[str]] = {}
    for panel in items(outcome, "panels"):
        for curve in items(panel, "curves"):
            kind, note = str(curve.get("kind")), shortened(curve.get("note") or "", 300)
            if note and note not in notes_by_kind.setdefault(kind, []):
                notes_by_kind[kind].append(note)
    return [
        (f"Curves: {KINDS.get(kind, kind)}", "; ".join(notes[:WAYS]))
        for kind, notes in notes_by_kind.items()
        if notes
    ]


def in_words(kinds: Mapping[str, str]) -> str:
    """Say how kinds of curves are drawn, for a figure that has no key of them."""
    drawn = {"measured": "Points", "theory": "Solid lines", "bound": "Dashed lines", "published": "Crosses"}
    return " ".join(f"{drawn[kind]}: {name}." for kind, name in kinds.items())


def key(panels: Sequence[Plain]) -> Safe | None:
    """Write what colours, shapes and lines of a figure mean; None where there is nothing to tell apart."""
    looks, kinds = looks_of(panels), kinds_of(panels)
    if not looks:
        return None
    entries = [
        tag("li", _swatch(look.colour, SHAPES[look.shape]), visible(look.label)) for look in looks.values()
    ]
    for kind, name in kinds.items():
        drawn = "".join(
            tag("path", fill="none", stroke="currentColor", **line) for line in _KEYS.get(kind, ())
        )
        picture = _picture(Safe(drawn)) if drawn else _point()
        entries.append(tag("li", picture, name, class_="soft"))
    return tag("ul", *entries, class_="key", aria_label="Key of the figure")


def _swatch(colour: str, shape: str) -> Safe:
    line = tag("path", d="M-13 0H13", stroke=colour, stroke_width=1.5, fill="none")
    return _picture(Safe(line + tag("path", d=shape, fill=colour)))


def _point() -> Safe:
    bar = tag("path", d="M0-8V8", stroke="currentColor", stroke_width=1.5, fill="none")
    return _picture(Safe(bar + tag("path", d=SHAPES["circle"], fill="currentColor")))


def _picture(drawn: Safe) -> Safe:
    # The names of attributes of SVG keep their capitals.
    frame = {"viewBox": "-14 -8 28 16", "width": 28, "height": 16}
    return tag("svg", drawn, aria_hidden="true", **frame)

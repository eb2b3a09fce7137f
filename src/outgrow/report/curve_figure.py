"""A figure of several panels on the page: a key, then every group under its heading, side by side.

The panels are small charts that take the width of their places, so that three stand in a row on a wide
screen and one on a narrow one.
"""

from __future__ import annotations

from outgrow.report.curve_charts import drawing
from outgrow.report.curve_looks import families, grouped, key, looks_of
from outgrow.report.curve_scene import scenes
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items
from outgrow.report.markup import Safe, tag
from outgrow.report.sections import section
from outgrow.report.text import shortened


def figure(outcome: Plain, figures: Figures) -> Safe | None:
    """Place a figure; None where there is no panel."""
    panels = items(outcome, "panels")
    if not panels:
        return None
    parts: list[Safe | None] = []
    for family in families(panels):
        looks = looks_of(family)
        parts.append(key(family))
        for group, members in grouped(family).items():
            drawn = scenes(members, looks)
            placed = figures.place(*(drawing(scene, looks) for scene in drawn))
            empty = [panel for panel in members if all(scene.panel is not panel for scene in drawn)]
            parts.append(tag("h3", shortened(group, 120)) if group else None)
            # Four in rows of three would leave one alone.
            how = "panels four" if len(drawn) == 4 else "panels"
            parts.append(tag("div", placed, class_=how) if placed else None)
            parts += [
                tag("p", f"{shortened(one.get('title') or 'A panel', 120)}: no value to draw.", class_="soft")
                for one in empty
            ]
    return section("figure", "The figure", *parts)

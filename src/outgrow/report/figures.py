"""Charts placed on the page: numbered, named for those who do not see them, drawn once the page is open."""

from __future__ import annotations

from outgrow.report.drawing import Drawing, embedded
from outgrow.report.markup import Safe, tag
from outgrow.report.text import shortened

ALT = 1500
"""Characters of a chart's description at most: a screen reader reads it in one go."""


class Figures:
    """The charts of one page, in its order."""

    def __init__(self) -> None:
        self.drawings: list[Drawing] = []

    def place(self, *drawings: Drawing | None) -> Safe | None:
        """Place charts side by side where the page is wide enough; None without charts."""
        placed = [self._one(drawing) for drawing in drawings if drawing is not None]
        return tag("div", *placed, class_="figures") if placed else None

    def _one(self, drawing: Drawing) -> Safe:
        self.drawings.append(drawing)
        alt = shortened(drawing.alt, ALT)
        chart = f"chart-{len(self.drawings)}"
        return tag(
            "figure",
            tag("p", drawing.title, class_="name"),
            tag("div", class_="chart", data_spec=chart, role="img", aria_label=alt),
            tag("figcaption", drawing.caption),
        )

    def specifications(self) -> str:
        """Write what the page's script draws."""
        return "".join(
            f'<script type="application/json" id="chart-{place}">{embedded(drawing.spec)}</script>\n'
            for place, drawing in enumerate(self.drawings, 1)
        )

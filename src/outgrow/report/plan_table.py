"""What a terminal shows of a plan: what to buy, then every route as a table.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.report import plan_charts as charts
from outgrow.report.findings import Plain, items, part
from outgrow.report.plan_page import advice, sentences, sizes, title_of, verb
from outgrow.report.text import number, quantity_text, shortened, undefined_text, visible


def plan_lines(outcome: Plain) -> Group:
    """Write a plan for a terminal."""
    lines: list[Text | Table] = [
        Text(title_of(outcome), style="bold"),
        Text(sizes(outcome), style="dim"),
    ]
    if outcome.get("note"):
        lines.append(Text(f"Measured {visible(outcome['note'])}", style="dim"))
    lines.append(Text.assemble((f"{verb(outcome)} ", "bold green"), advice(outcome)))
    lines += [Text(sentence) for sentence in sentences(outcome)]
    shown = Table(title=Text(f"Every route, forecast {charts.risk_name(outcome)}, 90 % intervals"))
    for title in ("Route", "n", "N", "Cost", "Risk", "More than the plan", ""):
        shown.add_column(title)
    for place, one in enumerate(items(outcome, "routes")):
        difference = one.get("difference")
        cells = [
            f"{'* ' if place == 0 else '  '}{charts.route_label(one, outcome)}",
            number(one.get("n")),
            number(one.get("N")) if one.get("N") else "–",
            charts.money(one.get("cost")),
            quantity_text(one.get("risk")),
            "–" if difference is None else quantity_text(difference),
            "tied" if one.get("tied") else "",
        ]
        shown.add_row(*map(Text, cells), style="bold" if place == 0 else None)
    lines.append(shown)
    for name, why in part(outcome, "missing").items():
        lines.append(Text(f"{shortened(name, 60)} has no design: {undefined_text(why)}", style="dim"))
    lines += [Text(visible(note), style="yellow") for note in outcome.get("notes") or ()]
    return Group(*lines)

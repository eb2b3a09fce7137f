"""What two representations share, and how many directions each uses, by every rule."""

from __future__ import annotations

from typing import Any

from outgrow.report import geometry_charts as charts
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, part
from outgrow.report.markup import (
    Cell,
    Child,
    Column,
    Safe,
    joined,
    quantity_cell,
    reasons,
    table,
    tag,
    words_cell,
)
from outgrow.report.page_head import note_of
from outgrow.report.text import (
    interval_of,
    is_number,
    number,
    quantity_text,
    shortened,
    undefined_text,
    value_of,
)
from outgrow.report.words import MATCHINGS


def geometry(pair: Plain, outcome: Plain, figures: Figures) -> Safe:
    """Write what the representations of one teacher and the student share."""
    found = part(pair, "geometry")
    heading = tag("h3", "What the two representations share")
    if not found:
        why = undefined_text(pair.get("geometry")) or "This run's findings hold no geometry."
        return joined([heading, tag("p", why)])
    weak, strong = pair.get("weak"), pair.get("strong")
    dims = charts.dimensions(found)
    by_rule: list[list[Child]] = [
        [label, *(Cell(tag("td", count(quantity))) for quantity in both)] for label, both in dims
    ]
    for key, title in (("rank", "numerical rank"), ("width", "columns")):
        both = [part(found, which).get(key) for which in ("weak", "strong")]
        by_rule.append([title, *(quantity_cell(value) for value in both)])
    columns = [
        Column("Rule"),
        Column("d_w", shortened(weak, 32)),
        Column("d_s", shortened(strong, 32)),
    ]
    lost = [(label, quantity) for label, both in dims for quantity in both]
    return joined(
        [
            heading,
            note_of(outcome),
            tag("p", shared_in_words(found), class_="sentence"),
            table([Column("Shared"), Column("Value"), Column("In words")], _shared(found), "What is shared"),
            tag("h4", "Intrinsic dimension by rule"),
            table(columns, by_rule, "Intrinsic dimension by rule"),
            reasons(lost),
            figures.place(
                charts.correlation_chart(found),
                charts.spectrum_chart(found, weak, strong),
                charts.dimension_chart(found, weak, strong),
                charts.ridge_chart(found, weak, strong),
                charts.projector_chart(found),
            ),
        ]
    )


def count(quantity: Any) -> str:
    """Write an intrinsic dimension."""
    value = value_of(quantity)
    if quantity is None or value is None or interval_of(quantity) or value != int(value):
        return "–" if quantity is None else quantity_text(quantity)
    return number(int(value))


def shared_in_words(geometry: Plain) -> str:
    """Say how much of the teacher's directions the student shares."""
    shared = part(geometry, "correlation")
    value, d_w = value_of(shared.get("estimate")), shared.get("d_w")
    if value is None or not is_number(d_w) or not d_w:
        return (
            f"The correlation dimension is undefined: {undefined_text(shared.get('estimate')) or 'not found'}"
        )
    share = min(max(value / d_w, 0.0), 1.0)
    return (
        f"Of the {number(d_w)} directions of the weak features, the strong ones share"
        f" {quantity_text(shared.get('estimate'))} (their correlation dimension d_sw), that is"
        f" {100 * share:.0f} %. In least squares the student inherits that share of what label noise did to"
        " its teacher; the rest averages out as the pool grows."
    )


def _shared(geometry: Plain) -> list[list[Child]]:
    shared, published = part(geometry, "correlation"), part(geometry, "published")
    estimate = shared.get("estimate")
    kept = f"{number(shared.get('d_w'))} and {number(shared.get('d_s'))} directions"
    how = (
        f"sum of squared canonical correlations of {kept} over {number(shared.get('N'))} rows, corrected:"
        " 0 for unrelated sets"
    )
    rows: list[list[Child]] = [
        [
            "Correlation dimension d_sw",
            quantity_cell(estimate),
            words_cell(undefined_text(estimate) or how),
        ]
    ]
    if value_of(shared.get("naive")) is not None:
        rows.append(
            [
                "The same, uncorrected",
                quantity_cell(shared.get("naive")),
                words_cell("too large by what chance adds"),
            ]
        )
        rows.append(
            [
                "Its chance level",
                quantity_cell(shared.get("chance")),
                words_cell("what the uncorrected sum would be for unrelated sets of these sizes"),
            ]
        )
    rows += _left(geometry)
    value, chance, spread = (value_of(published.get(key)) for key in ("value", "chance", "chance_sd"))
    if value is None or chance is None:
        said = undefined_text(geometry.get("published"))
        if said:
            rows.append(["Published similarity", quantity_cell(published), words_cell(said)])
        return rows
    rows.append(["Published similarity", quantity_cell(value), words_cell(published_in_words(published))])
    level = f"{number(chance)} ± {number(spread)}" if spread else number(chance)
    rows.append(
        [
            "Its chance level",
            Cell(tag("td", level)),
            words_cell("mean and standard deviation for unrelated coordinates"),
        ]
    )
    return rows


def _left(geometry: Plain) -> list[list[Child]]:
    found, of_labels = part(geometry, "projector_gap"), part(geometry, "label_gap")
    if not found:
        return []
    rows: list[list[Child]] = [
        [
            "Projector gap",
            quantity_cell(value_of(found.get("gap"))),
            words_cell(undefined_text(found) or gap_in_words(found)),
        ]
    ]
    if value_of(found.get("gap")) is None:
        return rows
    rows.append(
        [
            "Its chance level",
            quantity_cell(value_of(found.get("gap_by_chance"))),
            words_cell("what would be left by unrelated sets of these sizes"),
        ]
    )
    rows.append(
        [
            "Its norm",
            quantity_cell(value_of(found.get("norm"))),
            words_cell(
                "from 0 to 1, what is left of the one target that the teacher can teach least; usually near"
                " 1, so compare teachers by it"
            ),
        ]
    )
    if value_of(of_labels.get("value")) is not None:
        rows.append(
            [
                "Left of the labels",
                quantity_cell(value_of(of_labels.get("value"))),
                words_cell(label_gap_in_words(of_labels)),
            ]
        )
    return rows


def gap_in_words(gap: Plain) -> str:
    """Say what the strong features could still learn that the teacher's cannot teach."""
    return (
        f"of {number(value_of(gap.get('d_s')))} directions that the strong features fit on these rows under a"
        f" penalty of {number(value_of(gap.get('penalty')))} times their mean variance, the weak ones"
        f" ({number(value_of(gap.get('d_w')))}) can teach {number(value_of(gap.get('shared')))}; the others"
        " are out of the student's reach (Xue et al. 2025)"
    )


def label_gap_in_words(gap: Plain) -> str:
    """Say how much of the labels' variance is out of the student's reach."""
    return (
        f"of the labels' variance of {number(value_of(gap.get('variance')))}, what the strong features fit"
        " and the weak ones cannot teach: how far, in mean square, the student stays from the ceiling however"
        " many labels its teacher gets. Labels without any relation would leave"
        f" {number(value_of(gap.get('by_chance')))}. A look back: it reads the label of every row"
    )


def published_in_words(published: Plain) -> str:
    """Say what the published similarity is, and how far from chance it stands."""
    value, chance, spread = (value_of(published.get(key)) for key in ("value", "chance", "chance_sd"))
    how = MATCHINGS.get(str(published.get("matching")), shortened(published.get("matching") or "as found"))
    kept = f"{number(published.get('d_w'))} and {number(published.get('d_s'))}"
    what = (
        f"leading eigenvectors ({kept}, energy .90)"
        f" compared coordinate by coordinate in width {number(published.get('width'))}, {how}; kept for"
        " replication"
    )
    if value is None or chance is None or not spread:
        return what
    away = abs(value - chance) / spread
    if away <= 2:
        return f"{what}. Within two standard deviations of chance: it says nothing of what the sets share"
    return f"{what}. It stands {number(away)} standard deviations from chance"

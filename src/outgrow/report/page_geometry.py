"""What two representations share, and how many directions each uses, by every rule, as part of a page."""

from __future__ import annotations

from typing import Any

from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items, part
from outgrow.report.listing import Column, Listing, Styled, listing
from outgrow.report.markup import Safe, joined, reason_list, reasons, tag
from outgrow.report.sections import note_of
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

CHANCE = "Its chance level"
"""Name of what unrelated sets would give."""


def dimensions(geometry: Plain) -> list[tuple[str, tuple[Any, Any]]]:
    """Pair the dimensions of both sets by rule; None where one lacks the rule."""
    both = [
        {
            str(dimension.get("label")): dimension.get("estimate")
            for dimension in items(part(geometry, key), "dimensions")
        }
        for key in ("weak", "strong")
    ]
    return [
        (label, (both[0].get(label), both[1].get(label))) for label in dict.fromkeys([*both[0], *both[1]])
    ]


def dimension_listing(geometry: Plain, weak: object, strong: object) -> Listing:
    """List the intrinsic dimensions of both sets by rule, with ranks and widths."""
    rows = [[label, *map(count, both)] for label, both in dimensions(geometry)]
    for key, title in (("rank", "numerical rank"), ("width", "columns")):
        rows.append([title, *(part(geometry, which).get(key) for which in ("weak", "strong"))])
    columns = [
        Column("Rule"),
        Column("d_w", small=shortened(weak, 32)),
        Column("d_s", small=shortened(strong, 32)),
    ]
    return listing("Intrinsic dimension by rule", columns, rows)


def count(quantity: Any) -> Any:
    """Write a whole number of directions without decimals; None and all else stay what they are."""
    value = value_of(quantity)
    return quantity if value is None or interval_of(quantity) or value != int(value) else int(value)


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


def shared_listing(geometry: Plain) -> Listing:
    """List what the two sets share, each number with its meaning or why it is undefined."""
    rows = [*_correlation(geometry), *_left(geometry), *_published(geometry)]
    columns = [Column("Shared"), Column("Value"), Column("In words")]
    return listing("What is shared", columns, [(name, value, Styled(text)) for name, value, text in rows])


Rows = list[tuple[str, Any, str]]


def _correlation(geometry: Plain) -> Rows:
    shared = part(geometry, "correlation")
    estimate = shared.get("estimate")
    how = (
        f"sum of squared canonical correlations of {number(shared.get('d_w'))} and"
        f" {number(shared.get('d_s'))} directions over {number(shared.get('N'))} rows, corrected: 0 for"
        " unrelated sets"
    )
    rows: Rows = [("Correlation dimension d_sw", estimate, undefined_text(estimate) or how)]
    if value_of(shared.get("naive")) is not None:
        rows.append(("The same, uncorrected", shared.get("naive"), "too large by what chance adds"))
        chance = "what the uncorrected sum would be for unrelated sets of these sizes"
        rows.append((CHANCE, shared.get("chance"), chance))
    return rows


def _left(geometry: Plain) -> Rows:
    projector_gap, of_labels = part(geometry, "projector_gap"), part(geometry, "label_gap")
    if not projector_gap:
        return []
    gap = value_of(projector_gap.get("gap"))
    if gap is None:
        return [("Projector gap", projector_gap, undefined_text(projector_gap))]
    rows: Rows = [
        ("Projector gap", gap, _gap_in_words(projector_gap)),
        (
            CHANCE,
            value_of(projector_gap.get("gap_by_chance")),
            "what would be left by unrelated sets of these sizes",
        ),
        (
            "Its norm",
            value_of(projector_gap.get("norm")),
            "from 0 to 1, what is left of the one target that the teacher can teach least; usually near 1, so"
            " compare teachers by it",
        ),
    ]
    if value_of(of_labels.get("value")) is not None:
        rows.append(("Left of the labels", value_of(of_labels.get("value")), _label_gap_in_words(of_labels)))
    return rows


def _gap_in_words(gap: Plain) -> str:
    return (
        f"of {number(value_of(gap.get('d_s')))} directions that the strong features fit on these rows under a"
        f" penalty of {number(value_of(gap.get('penalty')))} times their mean variance, the weak ones"
        f" ({number(value_of(gap.get('d_w')))}) can teach {number(value_of(gap.get('shared')))}; the others"
        " are out of the student's reach (Xue et al. 2025)"
    )


def _label_gap_in_words(gap: Plain) -> str:
    return (
        f"of the labels' variance of {number(value_of(gap.get('variance')))}, what the strong features fit"
        " and the weak ones cannot teach: how far, in mean square, the student stays from the ceiling however"
        " many labels its teacher gets. Labels without any relation would leave"
        f" {number(value_of(gap.get('by_chance')))}. A look back: it reads the label of every row"
    )


def _published(geometry: Plain) -> Rows:
    similarity = part(geometry, "published")
    value, chance, spread = (value_of(similarity.get(key)) for key in ("value", "chance", "chance_sd"))
    if value is None or chance is None:
        reason = undefined_text(similarity)
        return [("Published similarity", similarity, reason)] if reason else []
    how = MATCHINGS.get(str(similarity.get("matching")), shortened(similarity.get("matching") or "as found"))
    what = (
        f"leading eigenvectors ({number(similarity.get('d_w'))} and {number(similarity.get('d_s'))},"
        f" energy .90) compared coordinate by coordinate in width {number(similarity.get('width'))}, {how};"
        " kept for replication"
    )
    if spread:
        away = abs(value - chance) / spread
        what += (
            ". Within two standard deviations of chance: it says nothing of what the sets share"
            if away <= 2
            else f". It stands {number(away)} standard deviations from chance"
        )
    level = f"{number(chance)} ± {number(spread)}" if spread else number(chance)
    return [
        ("Published similarity", value, what),
        (CHANCE, level, "mean and standard deviation for unrelated coordinates"),
    ]


def geometry(pair: Plain, outcome: Plain, figures: Figures) -> Safe:
    """Write what the representations of one teacher and the student share."""
    from outgrow.report import geometry_charts as charts

    pair_geometry, weak, strong = part(pair, "geometry"), pair.get("weak"), pair.get("strong")
    heading = tag("h3", "What the two representations share")
    if not pair_geometry:
        why = undefined_text(pair.get("geometry")) or "This run's findings hold no geometry."
        return joined([heading, tag("p", why)])
    return joined(
        [
            heading,
            note_of(outcome),
            tag("p", shared_in_words(pair_geometry), class_="sentence"),
            shared_listing(pair_geometry).html(),
            dimension_listing(pair_geometry, weak, strong).titled(level="h4"),
            reason_list(reasons((label, one) for label, both in dimensions(pair_geometry) for one in both)),
            figures.place(
                charts.correlation_chart(pair_geometry),
                charts.spectrum_chart(pair_geometry, weak, strong),
                charts.dimension_chart(pair_geometry, weak, strong),
                charts.ridge_chart(pair_geometry, weak, strong),
                charts.projector_chart(pair_geometry),
            ),
        ]
    )

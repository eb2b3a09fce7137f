"""The words of the field as the report writes them, each with one line for a newcomer."""

from __future__ import annotations

from typing import NamedTuple

from outgrow.report.text import visible


class Kind(NamedTuple):
    """A kind of route: its key in a run's JSON, its name on the page, and what it is in one line."""

    key: str
    title: str
    line: str


KINDS = {
    kind.key: kind
    for kind in (
        Kind("teacher", "Teacher", "the weak features, fitted to the labelled rows"),
        Kind(
            "student",
            "Student",
            "the strong features, fitted to the teacher's pseudo-labels alone; both penalties chosen together"
            " against the true labels",
        ),
        Kind(
            "joint",
            "Joint student",
            "the strong features, fitted to labels and pseudo-labels together",
        ),
        Kind(
            "stage-wise student",
            "Stage-wise student",
            "the student with each stage tuned for itself, as is usual; shown for comparison, never chosen",
        ),
        Kind(
            "union",
            "Both models",
            "one regression on weak and strong features together, fitted to the labelled rows",
        ),
        Kind(
            "baseline",
            "Labels-only",
            "the strong features, fitted to the labelled rows: the strong baseline",
        ),
        Kind(
            "ceiling",
            "Ceiling",
            "the strong features, fitted to true labels of the whole pool; out of reach in practice, never"
            " chosen",
        ),
    )
}
"""Every kind of route, in the order of the page."""

GLOSSARY = (
    (
        "Risk",
        "mean squared error on rows not trained on; smaller is better. It includes the labels' own noise.",
    ),
    ("Excess risk (ER)", "the risk less the noise of the labels: what a perfect model would bring to zero."),
    (
        "Expected error",
        "what the labelled rows lead to expect: leave-one-out, where each row is predicted by a model that"
        " has not seen it in any of its stages, weighed with a forecast from the same labels and the pool.",
    ),
    (
        "Interval",
        "90 %: over repetitions, nine in ten such intervals hold the true value. Simultaneous ones hold"
        " for all comparisons at once.",
    ),
    (
        "PGR",
        "performance gap recovered: the share of the way from teacher to ceiling that the student goes."
        " 1 is all of it, 0 none; it may fall below or exceed that.",
    ),
    (
        "OPR",
        "outperforming ratio: the baseline's excess risk over the student's. Above 1 the student beats the"
        " baseline. Of raw mean squared errors it is nearer to 1, and stands under its own name.",
    ),
    (
        "Intrinsic dimension (d_w, d_s)",
        "how many directions the weak and the strong features really use, by a named rule.",
    ),
    (
        "Correlation dimension (d_sw)",
        "how many directions the two share: the sum of their squared canonical correlations."
        " The smaller it is beside d_w, the less of the teacher's noise the student inherits.",
    ),
    ("Pseudo-label", "the teacher's prediction for a row without a label."),
)
"""Words of the page and what they mean."""

SANDWICH = {
    "teacher": "the teacher's variance",
    "student": "the student's own variance",
    "inherited": "the variance that the student inherits",
    "baseline": "the baseline's variance",
    "ceiling": "the ceiling's variance",
}
"""Sandwich factors, by their key in a run's JSON."""

MATCHINGS = {
    "none": "coordinates taken as they are",
    "rotation": "the narrower set padded and rotated at random",
    "projection": "the wider set projected at random",
    "padding": "the narrower set padded with zeros",
}
"""How widths were matched for the published similarity."""


MISFIT = "the mean squared difference between the student's and its teacher's predictions"
"""What the promised gain is."""

PROMISE = (
    "If the strong features, under the student's penalty, can express the target, the student's risk is below"
    f" its teacher's by at least {MISFIT} (Charikar et al. 2024). If they cannot, nothing is promised:"
    " disagreeing may then cost. Labels are needed to know which. The teacher here is the one that the"
    " student learned from: its penalty was chosen together with the student's, so it may differ from the"
    " teacher alone."
)
"""The misfit gain and its assumption (docs/theory.md, T7)."""

PROMISES = {
    "exceeded": "more was gained than promised",
    "met": "within its interval the gain is the promised one",
    "broken": (
        "less was gained than promised, so the assumption does not hold here: with this penalty and this pool"
        " the strong features do not express the target"
    ),
}
"""What came out of the promise, by its key in a run's JSON."""


def kind_title(kind: object) -> str:
    """Name a kind of route as the page does."""
    known = KINDS.get(str(kind))
    return known.title if known else visible(kind)

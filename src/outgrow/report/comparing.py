"""The recommended route beside the others: what the labels said of each difference, and what was measured.

A run keeps comparisons in the order of cost; a reader asks one thing, how the recommended route does against
another one. So every difference is turned to "recommended less the other": below zero the recommended errs
less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outgrow.report.findings import Plain, by_name, items, ordered_routes, part
from outgrow.report.text import interval_of, is_number, quantity_text, value_of
from outgrow.report.words import KINDS, kind_title

PSEUDO = ("student", "joint")
"""Kinds of route that are trained on pseudo-labels."""

NEVER_CHOSEN = ("stage-wise student", "ceiling")
"""Kinds of route that are shown and never recommended."""


@dataclass(frozen=True)
class Difference:
    """The recommended route's risk less that of another route.

    Parameters
    ----------
    other : str
        Name of the other route.
    on_labels : dict or None
        Estimate as plain values, from the labelled rows.
    measured : dict or None
        The same from the evaluation rows.
    """

    other: str
    on_labels: Plain | None
    measured: Plain | None


def turned(quantity: Plain) -> Plain:
    """Turn the sign of an estimate.

    Parameters
    ----------
    quantity : dict
        An estimate as plain values.

    Returns
    -------
    dict
        The same with value and interval of the other sign.

    Examples
    --------
    >>> turned({"value": 2.0, "interval": [1.0, 3.0]})
    {'value': -2.0, 'interval': [-3.0, -1.0]}
    """
    value, ends = value_of(quantity), interval_of(quantity)
    changed: dict[str, Any] = {"value": None if value is None else -value}
    changed["interval"] = None if ends is None else [-ends[1], -ends[0]]
    return {**quantity, **changed}


def resolved(quantity: object) -> bool:
    """Tell whether an interval excludes zero.

    Parameters
    ----------
    quantity : object
        An estimate as plain values, or anything else.

    Returns
    -------
    bool
        False without an interval.
    """
    ends = interval_of(quantity)
    return ends is not None and (ends[0] > 0 or ends[1] < 0)


def differences(outcome: Plain, verdict: Plain) -> list[Difference]:
    """List how the route that a verdict recommends does against each other one.

    Parameters
    ----------
    outcome : dict
        The run.
    verdict : dict
        Its verdict over all teachers, or that of one pair.

    Returns
    -------
    list of Difference
        In the order of the page.
    """
    best = verdict.get("recommended")
    on_labels: dict[str, Plain] = {}
    for comparison in items(verdict, "comparisons"):
        first, second = str(comparison.get("first")), str(comparison.get("second"))
        found = part(comparison, "difference")
        if best == first:
            on_labels[second] = found
        elif best == second:
            on_labels[first] = turned(found)
    # Another teacher's routes stood in no comparison of this verdict.
    judged = part(verdict, "risks") or on_labels
    measured: dict[str, Plain] = {}
    for source in (outcome, *items(outcome, "pairs")):
        for comparison in items(source, "on_test"):
            other = str(comparison.get("second"))
            if comparison.get("first") == best and other in judged:
                measured.setdefault(other, part(comparison, "difference"))
    place = {str(route.get("name")): number for number, route in enumerate(ordered_routes(outcome))}
    names = sorted({*on_labels, *measured}, key=lambda name: (place.get(name, len(place)), name))
    return [Difference(name, on_labels.get(name), measured.get(name)) for name in names]


def rival(outcome: Plain, verdict: Plain) -> str | None:
    """Name the route that the verdict sets beside the recommended one.

    Parameters
    ----------
    outcome : dict
        The run.
    verdict : dict
        Its verdict over all teachers, or that of one pair.

    Returns
    -------
    str or None
        The best student by the labels, or the best route without pseudo-labels where the recommended one
        has them.
    """
    routes, best = by_name(outcome), str(verdict.get("recommended"))
    trained_on_pseudo = part(routes, best).get("kind") in PSEUDO
    risks = part(verdict, "risks")

    def stands_against(name: str) -> bool:
        kind = part(routes, name).get("kind")
        return kind not in PSEUDO if trained_on_pseudo else kind == "student"

    others = {name: value_of(risk) for name, risk in risks.items() if name != best and stands_against(name)}
    known = {name: value for name, value in others.items() if value is not None}
    return min(known, key=lambda name: known[name]) if known else None


def measure(outcome: Plain) -> str:
    """Name the measured quantity that the routes are compared by.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    str
        "excess_risk" where the noise is known, else "risk".
    """
    known = [value_of(route.get("excess_risk")) for route in items(outcome, "routes")]
    return "excess_risk" if any(value is not None for value in known) else "risk"


def measured_order(outcome: Plain) -> list[str]:
    """Sort the routes to choose from by what was measured.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of str
        Names, least measured risk first.
    """
    key = measure(outcome)
    choices = [r for r in items(outcome, "routes") if r.get("kind") not in NEVER_CHOSEN]
    found = {str(route.get("name")): value_of(route.get(key)) for route in choices}
    known = {name: value for name, value in found.items() if value is not None}
    return sorted(known, key=lambda name: known[name])


def route_title(name: object, outcome: Plain) -> str:
    """Name a route as the page does, with its teacher.

    Parameters
    ----------
    name : object
        Its name in the run's JSON.
    outcome : dict
        The run.

    Returns
    -------
    str
        Such as "W2S student of minilm-l3"; not yet escaped.
    """
    route = by_name(outcome).get(str(name))
    if route is None:
        return kind_title(name)
    title, weak = kind_title(route.get("kind")), route.get("weak")
    if weak is None:
        return title
    return f"{title} of {weak}" if "student" in title else f"{title} ({weak})"


def route_line(name: object, outcome: Plain) -> str:
    """Say in one line what a route is.

    Parameters
    ----------
    name : object
        Its name in the run's JSON.
    outcome : dict
        The run.

    Returns
    -------
    str
        Empty for a kind that this version does not know.
    """
    kind = KINDS.get(str(part(by_name(outcome), str(name)).get("kind")))
    return kind.line if kind else ""


def evaluated(outcome: Mapping[str, Any]) -> str:
    """Say in a few words what the measured risks were measured on.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    str
        Such as "3,000 test rows".

    Examples
    --------
    >>> evaluated({"evaluation": "test rows", "n_test": 3000})
    '3,000 test rows'
    """
    said, rows = str(outcome.get("evaluation", "rows not trained on")), outcome.get("n_test")
    return f"{rows:,} {said}" if is_number(rows) and rows else said


def came_out(outcome: Plain) -> list[str]:
    """Say what the evaluation rows showed of the route that the labels recommended.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of str
        Sentences, not yet escaped.
    """
    verdict, routes = part(outcome, "verdict"), by_name(outcome)
    best, order, key = str(verdict.get("recommended")), measured_order(outcome), measure(outcome)
    where = evaluated(outcome)
    if best not in order:
        return [f"The recommended route was not measured ({where})."]
    what = key.replace("_", " ")
    title = route_title(best, outcome)
    said = f"{title} came out with {what} {quantity_text(routes[best].get(key))} ({where})"
    if len(order) == 1:
        return [f"{said}."]
    place, count = order.index(best) + 1, len(order)
    if place == 1:
        return [f"{said}, the least of the {count} routes to choose from."]
    least = order[0]
    sentences = [
        f"{said}, number {place} of the {count} routes to choose from.",
        f"The least was that of {route_title(least, outcome)}, {quantity_text(routes[least].get(key))}.",
    ]
    for one in differences(outcome, verdict):
        if one.other == least and one.measured is not None:
            tie = "" if resolved(one.measured) else ", which may be chance"
            sentences.append(f"They differ by {quantity_text(one.measured)}{tie}.")
    return sentences


def sizes(outcome: Plain) -> str:
    """Say how many rows a run had and what was fitted to them.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    str
        One line, not yet escaped.
    """
    named = (("n", "labelled rows"), ("N", "unlabelled rows"), ("n_test", "test rows"))
    # Without test rows the evaluation itself says so.
    parts = [
        f"{outcome[key]:,} {title}" for key, title in named if is_number(outcome.get(key)) and outcome[key]
    ]
    for key, title in (("task", ""), ("head", " heads")):
        if outcome.get(key):
            parts.append(f"{outcome[key]}{title}")
    return ", ".join(parts)

"""Routes by name, on one scale: what labels lead to expect beside what was measured, in the same units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from outgrow.report.findings import Plain, by_name, items, part
from outgrow.report.text import is_number, value_of
from outgrow.report.words import KINDS, kind_title

NEVER_CHOSEN = ("stage-wise student", "ceiling")
"""Kinds of route that are shown and never recommended."""


def scale(outcome: Plain) -> tuple[str, str, str]:
    """Keys of the expected and of the measured quantity that go together, and their name.

    Excess errors where the noise is known on both sides, else errors against labels: never one beside the
    other.
    """

    def known(key: str) -> bool:
        return any(value_of(route.get(key)) is not None for route in items(outcome, "routes"))

    if known("expected_excess") and known("excess_risk"):
        return "expected_excess", "excess_risk", "excess error"
    return "expected", "risk", "error"


def measured_order(outcome: Plain) -> list[str]:
    """Names of the routes to choose from, least measured error first."""
    key = scale(outcome)[1]
    choices = [r for r in items(outcome, "routes") if r.get("kind") not in NEVER_CHOSEN]
    errors = {str(route.get("name")): value_of(route.get(key)) for route in choices}
    known = {name: value for name, value in errors.items() if value is not None}
    return sorted(known, key=lambda name: known[name])


def route_title(name: object, outcome: Plain) -> str:
    """Name a route as the page does, with its teacher."""
    route = by_name(outcome).get(str(name))
    if route is None:
        return kind_title(name)
    title, weak = kind_title(route.get("kind")), route.get("weak")
    if weak is None:
        return title
    return f"{title} of {weak}" if "student" in title else f"{title} ({weak})"


def route_line(name: object, outcome: Plain) -> str:
    """Say in one line what a route is."""
    kind = KINDS.get(str(part(by_name(outcome), str(name)).get("kind")))
    return kind.line if kind else ""


def evaluated(outcome: Mapping[str, Any]) -> str:
    """Say in a few words what the measured risks were measured on."""
    evaluation, rows = str(outcome.get("evaluation", "rows not trained on")), outcome.get("n_test")
    return f"{rows:,} {evaluation}" if is_number(rows) and rows else evaluation


def loss_name(outcome: Plain) -> str:
    """Name the loss of a run's heads."""
    return "squared loss of the scores" if outcome.get("task") == "classification" else "mean squared error"


def sizes(outcome: Plain) -> str:
    """Say how many rows a run had and what was fitted to them."""
    named = (("n", "labelled rows"), ("N", "unlabelled rows"), ("n_test", "test rows"))
    # Without test rows the evaluation itself says so.
    parts = [
        f"{outcome[key]:,} {title}" for key, title in named if is_number(outcome.get(key)) and outcome[key]
    ]
    for key, title in (("task", ""), ("head", " heads")):
        if outcome.get(key):
            parts.append(f"{outcome[key]}{title}")
    return ", ".join(parts)

"""The report of a plan: what it says, that user text stays text, and how it looks in a real browser."""

from __future__ import annotations

from outgrow.report.plan_page import advice, page, sentences
from outgrow.report.terminal import plan_lines

from .made_plans import make_plan
from .reading import terminal


def test_the_advice_stands_first():
    plan = make_plan()
    assert advice(plan) == "400 labels, 5,000 pseudo-labels, for 500. Train: Student."
    said = " ".join(sentences(plan))
    assert "cannot tell it from: Both models" in said
    assert "between 300 labels with 10,000 pseudo-labels and 450 with 2,500" in said
    assert "below 0.40" in said
    html = page(plan)
    assert html.index("5,000 pseudo-labels") < html.index("Every route for the same money")
    assert "/secret" not in html
    assert "has no design: no design. Spend." in html


def test_a_terminal_shows_the_same():
    shown = terminal(plan_lines(make_plan()))
    assert "Buy 400 labels, 5,000 pseudo-labels" in shown
    assert "≈ Both models" in shown
    assert "More rows than there are." in shown


def test_a_target_is_said():
    plan = make_plan() | {"asked": "target", "target": 1.1}
    assert "cheapest to reach 1.1" in " ".join(sentences(plan))
    assert "Every route to the same risk" in page(plan)

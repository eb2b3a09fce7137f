"""The report of a plan: what it says, that user text stays text, and how it looks in a real browser."""

from __future__ import annotations

import copy
import io
import json

import pytest
from rich.console import Console

from outgrow.report.page import write_report
from outgrow.report.plan_page import advice, page, sentences, summary_html
from outgrow.report.plan_table import plan_lines

from .conftest import HOSTILE
from .test_browser import CUT, UNMARKED, open_page


def estimate(value, spread=0.2):
    return {"type": "Estimate", "value": value, "interval": [value - spread, value + spread], "level": 0.9,
            "n": 400, "method": "prospective forecast"}  # fmt: skip


def route(kind, weak, n, N, risk, behind=None, tied=False):
    penalties = {"alpha_w": 0.01, "alpha_s": 0.02} if kind == "student" else {kind: 0.03}
    return {"route": kind, "weak": weak, "n": n, "N": N, "cost": n + 0.02 * N, "penalties": penalties,
            "risk": estimate(risk), "difference": None if behind is None else estimate(behind, 0.1),
            "tied": tied}  # fmt: skip


def make_plan(weak=("small",), strong="large", title=""):
    """A plan as it is read back from its JSON."""
    budgets = [10.0 * 1.5**k for k in range(14)]
    sizes = [2, 8, 30, 120, 480, 2000]
    first = weak[0]
    return {
        "title": title, "note": "", "weak": list(weak), "strong": strong, "m": 400, "pool": 7600,
        "kind": "prospective", "excess": True, "asked": "budget", "budget": 500.0, "target": None,
        "prices": {"label": 1.0, "unlabelled": 0.02, "have_labels": 0, "have_unlabelled": 0},
        "routes": [
            route("student", first, 400, 5000, 1.0),
            route("union", first, 500, 0, 1.05, 0.05, True),
            route("baseline", None, 500, 0, 1.3, 0.3),
        ],
        "missing": {f"teacher ({first})": {"type": "Undefined", "reason": "no design", "remedy": "Spend."}},
        "floor": estimate(0.4), "floor_route": f"union ({first})",
        "frontier": {
            "budgets": budgets,
            "risks": {
                f"student ({first})": [3 / (1 + k) + 0.5 for k in range(14)],
                f"union ({first})": [3 / (1 + k) + 0.6 for k in range(14)],
                "baseline": [None] + [3 / (1 + k) + 0.8 for k in range(1, 14)],
            },
        },
        "risk_map": {"weak": first, "n": sizes, "N": sizes,
                     "risk": [[5 / (1 + i) + 2 / (1 + j) for j in range(6)] for i in range(6)]},
        "as_good": {"n": [300, 450], "N": [10000, 2500]},
        "scenarios": [
            {"what": what, "change": change, "route": "student", "n": 400, "N": 5000,
             "risk": 1 + change / 2, "stay": 1.01 + change / 2}
            for what in ("sharing", "unexplained") for change in (-0.2, 0.2)
        ],
        "notes": ["More rows than there are."],
        "checks": [], "config": {"weak": ["/secret/place/small.npy"], "budget": 500.0}, "seconds": 3.2,
    }  # fmt: skip


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
    out = io.StringIO()
    Console(file=out, width=140).print(plan_lines(make_plan()))
    shown = out.getvalue()
    assert "Buy 400 labels, 5,000 pseudo-labels" in shown
    assert "tied" in shown
    assert "More rows than there are." in shown


def test_a_target_is_said():
    plan = make_plan() | {"asked": "target", "target": 1.1}
    assert "cheapest to reach 1.1" in " ".join(sentences(plan))
    assert "Every route to the same risk" in page(plan)


@pytest.mark.parametrize("name", HOSTILE)
def test_user_text_stays_text(name):
    plan = make_plan((name, "b"), name, name)
    plan["notes"] = [name]
    html = page(json.loads(json.dumps(copy.deepcopy(plan))))
    assert "<img" not in html.split("<script>")[0]
    assert "<svg/onload" not in html
    summary_html(plan)
    Console(file=io.StringIO()).print(plan_lines(plan))


def test_an_empty_plan_is_still_a_page():
    assert "<h1>" in page({})


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("weak", [("small",), ("a teacher of a rather long name, as they come", "b")])
def test_every_chart_is_drawn_and_fits(browser, tmp_path, weak, width):
    opened, told = open_page(browser, write_report(tmp_path, page(make_plan(weak))), width)
    assert told == []
    assert opened.locator(".chart svg").count() == 4
    assert opened.evaluate(UNMARKED) == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate(CUT) == []
    opened.close()

"""What pages and terminals say of findings of every kind, in the order in which a reader needs it."""

from __future__ import annotations

import copy

import pytest

from outgrow.errors import CHECKS

from .conftest import make_outcome, make_reproduction, make_sweep
from .made_plans import make_plan
from .made_rankings import make_ranking
from .reading import Reader, terminal
from .test_pages import VERBS

PATHS = {"input": "/home/me/rows.csv", "weak": ["/home/me/w.npy"], "n": 123}
OWNED = {"label": 1, "unlabelled": 0.02, "have_labels": 100, "have_unlabelled": 9000}


def without_pgr():
    outcome = make_sweep()
    cells = {name: list(values) for name, values in outcome["cells"].items()}
    for place, quantity in enumerate(cells["quantity"]):
        if quantity == "pgr":
            cells["value"][place] = cells["low"][place] = cells["high"][place] = None
            cells["reason"][place] = "the ceiling is no better"
    return {**outcome, "cells": cells}


SAID = {
    "no note": ("run", "several teachers",
        "Teacher by teacher | Risks of every route",
        "",
        "Measured of",
    ),
    "several teachers": ("run", "several teachers",
        "Teacher small, student large | Teacher smaller, student large | Teacher smallest, student large",
        "│ Teacher: small  | │ Teacher: smaller  | │ Teacher: smallest ",
    ),
    "undefined": ("run", "cross-validated",
        "Measured error cross-validation over the labelled rows | Measured excess error undefined: the "
        "label noise variance is not known. Give --noise-variance. | there is no ceiling. Label the pool. |"
        " on pool rows; needs no labels | there are no test rows to measure the gain on. Set rows aside "
        "(--test).",
        "PGR undefined: there is no ceiling. Label the pool. | OPR undefined: the label noise variance is "
        "not known. Give --noise-variance. | on pool rows: 0.432",
        "Left of the labels",
    ),
    "few rows": ("run", "few rows",
        "undefined: 22 rows cannot tell apart 8 + 16 directions.",
    ),
    "classes": ("run", "classification",
        "Accuracy 300 test rows | 0.812 [0.775, 0.850] | PGR of accuracy 0.62 [0.50, 0.75] | Classes bad, "
        "good",
        "Accuracy",
        "Excess risk undefined",
    ),
    "regression": ("run", "ordinary",
        "",
        "★ Joint student",
        "Accuracy | Retrospective",
    ),
    "old": ("run", "old",
        "",
        "",
        "What their disagreement promises",
    ),
    "paths": ("run", lambda: {**make_outcome(), "config": PATHS},
        "…/rows.csv | …/w.npy | n = 123",
        "",
        "/home/me",
    ),
    "forecast": ("forecast", "ordinary",
        "Prospective forecast | Forecast: will large outgrow small? | 150 labels used, 550 unlabelled rows "
        "at hand | Measured of the reduced features | With 150 labelled and 550 unlabelled rows and the "
        "teacher small | n 150, N 550 | What the student's risk is made of | Bias | Inherited variance | "
        "Penalties of least forecast risk | The two agree within their intervals. | What the run measured |"
        " told with the noise variance 0.640",
        "150 labels used | n 150, N 550 | The two agree within their intervals.",
    ),
    "retrospective": ("forecast", "retrospective",
        "Retrospective forecast | nobody has when the question is asked | they are not compared",
        "Retrospective forecast",
        "Prospective",
    ),
    "not told": ("forecast", "several teachers",
        "mean squared error on new labels | --noise-variance gives it, or --repeat-column",
        "--repeat-column",
    ),
    "forecast of classes": ("forecast", "classification",
        "Share of new labels named right | noise of class labels is not known",
        "accuracy",
        "--noise-variance",
    ),
    "undefined forecasts": ("forecast", "undefined",
        "Take a positive penalty",
        "Take a positive penalty",
    ),
    "too much noise": ("forecast", "noise too large",
        "do not tell the excess risks of | OG213 | Use more labels, or read the interval.",
        "do not tell the excess risks of",
        "err least",
    ),
    "ranking": ("rank", lambda: make_ranking(),
        "A tie at the top | good and twin are tied. | The ranking | ≈ good | ≈ twin | OG214",
        "A tie at the top | ≈ good | ≈ twin | excess risk",
        "someone | with the label noise",
    ),
    "one teacher": ("rank", lambda: make_ranking(("good",)),
        "1 teacher",
        "",
        "How far behind",
    ),
    "undefined teacher": ("rank", lambda: make_ranking(undefined=True),
        "bad undefined: the expected risk is infinite: 26 rows. Take a positive penalty.",
        "bad undefined: the expected risk is infinite",
    ),
    "noise in the bias": ("rank", lambda: make_ranking(excess=False),
        "error on new labels | with the label noise",
    ),
    "plan": ("plan", lambda: make_plan(),
        "400 labels, 5,000 pseudo-labels, for 500. Train: Student. | cannot tell it from: Both models | "
        "between 300 labels with 10,000 pseudo-labels and 450 with 2,500 | below 0.40 | More rows than "
        "there are. | Every route for the same money | ★ Student | teacher (small) has no design: no "
        "design. Spend.",
        "Buy 400 labels, 5,000 pseudo-labels | ★ Student | ≈ Both models | More rows than there are.",
        "/secret",
    ),
    "target": ("plan", lambda: make_plan() | {"asked": "target", "target": 1.1},
        "cheapest to reach 1.1 | Every route to the same risk",
    ),
    "owned rows": ("plan", lambda: make_plan() | {"prices": OWNED},
        "100 labels and 9,000 unlabelled rows paid for already | "
        "(100 labels and 5,000 pseudo-labels of them at hand)",
    ),
    "nothing to buy": ("plan", lambda: make_plan() | {"routes": [{**make_plan()["routes"][2], "cost": 0}]},
        "Use | 500 labels, all at hand: there is nothing to buy. Train: Labels-only. | From 300 "
        "labels on",
    ),
    "sweep": ("sweep", lambda: make_sweep(),
        "457 of 500 | The figure | What teacher and student share | A few cells | Shown are 15 of 500 cells"
        " | at N = 10,000. All are in cells.parquet, every seed in sweep.parquet. | To bear in mind | OG202"
        " | How every number was obtained | 50,400 fits from moments and 120 from rows; the worst condition"
        " among the former is 3.4e+06. | Configuration",
        "errs less than its teacher in | at N = 10,000 | clip-b32 | 0.430 [0.397, 0.463]",
        "someone",
    ),
    "many cells": ("sweep", lambda: make_sweep(tuple(f"teacher {at}" for at in range(20))),
        "Shown are 30 of 2,000 cells",
    ),
    "noise levels": ("sweep", lambda: make_sweep(noise=(0.0, 2.0)),
        "",
        "Teacher resnet18, noise 2",
    ),
    "no ratio": ("sweep", lambda: without_pgr(),
        "PGR undefined: the ceiling is no better.",
        "PGR undefined: the ceiling is no better.",
    ),
    "reproduction": ("reproduction", lambda: make_reproduction(),
        "Partly matches | Five numbers agree | 4 of 5 numbers | Here: | The figure | Exact, from the "
        "offsets. | Published and ours | 0.588 0.552 [0.537, 0.567] −0.036 0.02 ✕ differs other weights of "
        "the same network | 0.000164 | +2e-08 | 2.321 | not compared | Shown are 15 of 90 rows; all are in "
        "risks.parquet. | To bear in mind | Checks | How every number was obtained | risks.parquet, "
        "dimensions.parquet, figure.png, figure.pdf | Configuration | …/UTKFace",
        "0.588 | [0.537, 0.567] | −0.036 | differs | matches | other weights of the same network",
        "someone",
    ),
    "matches": ("reproduction", lambda: make_reproduction(verdict="matches"),
        "Matches",
        "Matches",
    ),
    "does not match": ("reproduction", lambda: make_reproduction(verdict="does not match"),
        "Does not match",
        "Does not match",
    ),
    "not compared": ("reproduction", lambda: make_reproduction(verdict="not compared"),
        "Not compared",
        "Not compared",
    ),

}  # fmt: skip
"""By case: the verb, its findings, what the page says in this order, what a terminal says, and what is not on
the page."""


def parts(case, at):
    return [words for words in "".join(SAID[case][at : at + 1]).split(" | ") if words]


@pytest.mark.parametrize("case", SAID)
def test_pages_and_terminals_say(findings, case):
    verb, found = SAID[case][:2]
    outcome = findings[verb][found] if isinstance(found, str) else found()
    text, shown, at = Reader(VERBS[verb].page(outcome)).text, terminal(VERBS[verb].lines(outcome), 400), 0
    for words in parts(case, 2):
        assert words in text[at:], words
        at = text.index(words, at)
    assert [words for words in parts(case, 3) if words not in shown] == []
    assert [words for words in parts(case, 4) if words in text] == []


def test_checks_are_told_with_why_and_remedy_once_each(outcome):
    text = Reader(VERBS["run"].page(outcome)).text
    for code in ("OG104", "OG205", "OG206"):
        kind = CHECKS[code]
        assert (text.count(kind.title), text.count(kind.why), text.count(kind.remedy)) == (1, 1, 1)
    none = {**outcome, "checks": [], "pairs": []}
    assert "No check was raised." in Reader(VERBS["run"].page(none)).text


def test_disagreement_with_leave_one_out_is_named(outcomes):
    outcome = copy.deepcopy(outcomes["ordinary"])
    difference = {"type": "Estimate", "value": 1.0, "interval": [0.5, 1.5]}
    outcome["pairs"][0]["anchors"][0]["difference"] = difference
    for text in (
        Reader(VERBS["forecast"].page(outcome)).text,
        terminal(VERBS["forecast"].lines(outcome), 400),
    ):
        assert "They disagree on: " in text
        assert "Trust leave-one-out there." in text


@pytest.mark.parametrize("verb", VERBS)
def test_serious_checks_stand_above_the_answer_too(findings, verb):
    checks = [{"type": "Check", "code": "OG101", "detail": "two sets of rows"}]
    html = VERBS[verb].page({**findings[verb]["ordinary"], "checks": checks})
    assert html.count("two sets of rows") == 2
    assert html.index("two sets of rows") < html.index("<section")

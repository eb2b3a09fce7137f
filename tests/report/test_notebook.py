"""Single results in a notebook: fragments of HTML with all text escaped."""

from __future__ import annotations

from importlib import import_module

import pytest

from outgrow.results import Check, Estimate, Risks, Undefined

from .reading import Reader

# Importing it lets results draw themselves.
import_module("outgrow.report")

PAYLOAD = '</div><script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.mark.parametrize(
    "result",
    [
        Estimate(1.0, (0.5, 1.5), n=3, rank=2, method=PAYLOAD, checks=(Check("OG101", PAYLOAD),)),
        Undefined(PAYLOAD, PAYLOAD),
        Check("OG205", PAYLOAD),
        Risks(
            Estimate(1.0), Undefined(PAYLOAD, PAYLOAD), Estimate(2.0), Estimate(0.5), {PAYLOAD: Estimate(3.0)}
        ),
    ],
)
def test_fragments_hold_no_markup_of_the_user(result):
    html = result._repr_html_()
    read = Reader(html)
    assert set(read.tags) <= {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td"}
    assert {key for _, attributes in read.elements for key in attributes} <= {"style", "scope"}
    assert "&lt;script&gt;" in html


def test_an_estimate_says_how_it_was_obtained():
    html = Estimate(1.6789, (1.523, 1.841), n=1200, rank=7, method="leave-one-out")._repr_html_()
    for part in ("1.68 [1.52, 1.84]", "90 % interval", "n = 1,200", "rank 7", "leave-one-out"):
        assert part in html


def test_risks_name_their_routes():
    html = Risks(Estimate(1.0), Estimate(2.0), Estimate(3.0), Undefined("no labels", "Label."))._repr_html_()
    for part in ("Teacher", "Student", "Labels-only", "Ceiling", "no labels. Label."):
        assert part in html

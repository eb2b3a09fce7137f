"""Results as text, as JSON and back, on pages, and as a table."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pytest

from outgrow.report.text import quantity_text
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined, as_plain, from_plain, tidy

INF = math.inf


@pytest.mark.parametrize(
    ("interval", "plain", "text"),
    [
        ((0.25, 0.75), [0.25, 0.75], "0.50 [0.25, 0.75]"),
        ((0.25, INF), [0.25, None], "0.50 [0.25, unbounded]"),
        ((-INF, 0.75), [None, 0.75], "0.50 [unbounded, 0.75]"),
        ((-INF, INF), [None, None], "0.50 [unbounded]"),
    ],
)
def test_an_end_that_is_no_bound_is_said_in_words(interval, plain, text):
    one = Estimate(0.5, interval)
    assert f"{one:.2f}" == text
    told = json.loads(json.dumps(as_plain(one), allow_nan=False))
    assert told["interval"] == plain
    assert quantity_text(told).replace("0.500", "0.50") == text
    assert from_plain(Estimate, told) == one


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Quantity, Undefined("why", "what to do")),
        (Quantity | None, Estimate(1.5, (1.0, 2.0), n=3, checks=(Check("OG205", "seen"),))),
        (Quantity | None, None),
        (Risks, Risks(*(Estimate(float(k)) for k in range(4)), extras={"union": Undefined("a", "b")})),
        (Mapping[str, tuple[int, ...]], {"a": (1, 2), "b": ()}),
        (list[tuple[str, float]], [("x", 0.5)]),
    ],
)
def test_what_was_written_comes_back_as_it_was(kind, value):
    assert from_plain(kind, json.loads(json.dumps(as_plain(value)))) == value


def test_what_a_type_has_gained_or_lost_since_does_not_matter():
    assert from_plain(Estimate, {"type": "Estimate", "value": 2.0, "lost": 1}) == Estimate(2.0)
    assert math.isnan(from_plain(Estimate, {"value": None}).value)


def test_every_number_is_a_row_of_the_table():
    class Found:
        COLUMNS = ("of", "value", "low", "high", "level", "n", "reason")

        def numbers(self):
            yield {"of": "a"}, Estimate(2.0, (1.0, INF), n=7)
            yield {"of": "b", "n": 9}, Estimate(2.0, n=7)
            yield {"of": "c"}, Undefined("none here", "")
            yield {"of": "d"}, math.nan
            yield {"of": "e"}, True

    columns = tidy(Found())
    assert list(columns) == list(Found.COLUMNS)
    assert list(zip(*columns.values(), strict=True)) == [
        ("a", 2.0, 1.0, INF, 0.9, 7, None),
        ("b", 2.0, None, None, None, 9, None),
        ("c", None, None, None, None, None, "none here"),
        ("d", None, None, None, None, None, None),
        ("e", 1.0, None, None, None, None, None),
    ]

"""Intervals without a bound: as text, as JSON, and on pages."""

from __future__ import annotations

import json
import math

import pytest

from outgrow.report.text import quantity_text
from outgrow.results import Estimate, as_plain

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

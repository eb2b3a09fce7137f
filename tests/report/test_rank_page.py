"""The page of a ranking: the answer first, every chart drawn, no text of users let through."""

from __future__ import annotations

import itertools
import json

import pytest

from outgrow.report import rank_charts as charts
from outgrow.report.rank_page import label, page
from outgrow.report.terminal import ranking_lines
from outgrow.report.text import percent

from .made_rankings import make_ranking as made
from .reading import terminal


def test_the_answer_stands_before_charts_and_tables():
    html = page(made())
    places = [html.index(word) for word in ("good and twin are tied.", "chart-1", "The ranking", "OG214")]
    assert places == sorted(places)
    assert "A tie at the top" in html
    assert "someone" not in html


def test_every_teacher_stands_in_every_chart():
    outcome = made()
    for chart in (charts.parts_chart, charts.behind_chart, charts.beyond_chart, charts.shared_chart):
        drawing = chart(outcome)
        text = json.dumps(drawing.spec, ensure_ascii=False)
        for name in ("good", "twin", "bad"):
            assert name in drawing.alt
            assert name in text


def test_parts_are_stacked_to_the_whole():
    spec = charts.parts_chart(made()).spec
    data = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "bar")["data"]
    bars = data["values"] if "values" in data else spec["datasets"][data["name"]]
    good = [bar for bar in bars if bar["row"] == "good"]
    assert [bar["part"] for bar in good] == ["bias", "inherited", "fresh"]
    for left, right in itertools.pairwise(good):
        assert left["end"] == pytest.approx(right["start"])
    assert (good[0]["start"], good[-1]["end"]) == (0, pytest.approx(0.3))


def test_ties_are_marked_without_colour():
    outcome = made()
    labels = [label(teacher, outcome) for teacher in outcome["teachers"]]
    assert labels == ["≈ good", "≈ twin", "bad"]
    outcome["tied"], outcome["teachers"][1]["tied"] = ["good"], False
    assert label(outcome["teachers"][0], outcome) == "★ good"


def test_one_teacher_is_behind_nobody():
    outcome = made(("good",))
    assert charts.behind_chart(outcome) is None
    assert "1 teacher" in page(outcome)


def test_an_undefined_risk_has_its_reason_and_no_bar():
    outcome = made(undefined=True)
    html = page(outcome)
    assert "the expected risk is infinite: 26 rows" in html
    assert "Take a positive penalty." in html
    assert "bad" not in charts.parts_chart(outcome).alt
    assert "bad undefined" in terminal(ranking_lines(outcome))


def test_label_noise_is_named_where_it_is_in_the_bias():
    html = page(made(excess=False))
    assert "with the label noise" in html
    assert "error on new labels" in html
    assert "with the label noise" not in page(made())


def test_probabilities_claim_no_certainty():
    assert [percent(value) for value in (0.0, 0.004, 0.25, 0.996, 1.0)] == [
        "< 1 %",
        "< 1 %",
        "25 %",
        "> 99 %",
        "> 99 %",
    ]

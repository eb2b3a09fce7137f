"""Charts of forecasts and rankings hold the numbers of the findings, and sentences follow them."""

from __future__ import annotations

import copy
import itertools
import json

import pytest

from outgrow.report import rank_charts
from outgrow.report.forecast_charts import (
    WIDE,
    accuracy_chart,
    margin_chart,
    ratio_chart,
    risk_curves,
    student_curves,
)
from outgrow.report.forecast_page import forecast_page
from outgrow.report.forecast_words import at_hand, given_sentences, lost, sentence
from outgrow.report.rank_page import label
from outgrow.report.text import percent

from .made_rankings import make_ranking


def test_charts_come_before_tables(outcomes):
    html = forecast_page(outcomes["several teachers"])
    section = html.index('id="teacher-1"')
    assert html.index("data-spec", section) < html.index("<table", section)
    assert html.index("data-spec") < html.index("<table")


def test_reasons_stand_once_for_all_designs_of_a_kind(outcomes):
    outcome = outcomes["undefined"]
    (pair,) = outcome["pairs"]
    found = lost(pair)
    assert any("in 2 of 6 designs" in text and "for 6 dimensions" in text for _, text in found)
    assert any(names == "OPR" and text.startswith("undefined: the variance") for names, text in found)
    assert len(found) < 10


def test_sentences_follow_the_probabilities(outcomes):
    outcome = copy.deepcopy(outcomes["ordinary"])
    (pair,) = outcome["pairs"]
    design = at_hand(outcome, pair)
    assert (design["n"], design["N"]) == (150, 550)
    for rival, value in (("teacher", 0.97), ("baseline", 0.5), ("union", 0.01)):
        design["wins"][rival]["value"] = value
    said = sentence(outcome, pair)
    assert "beats its teacher" in said
    assert "may or may not beat labels-only (50 % that it does)" in said
    assert "does not beat the fit of both models" in said
    assert (percent(0.5), percent(0.996), percent(0.004)) == ("50 %", "> 99 %", "< 1 %")


def values_of(drawing, route):
    """List a route's points wherever they stand in a specification, each once."""
    points = []

    def walk(value):
        if isinstance(value, dict):
            if value.get("what") == route and value not in points:
                points.append(value)
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(drawing.spec)
    return points


def test_lines_bands_and_marks_are_those_of_the_findings(outcomes):
    outcome = outcomes["ordinary"]
    (pair,) = outcome["pairs"]
    for along in ("n", "N"):
        curve = next(c for c in pair["curves"] if c["along"] == along)
        drawing = risk_curves(outcome, pair, along)
        points = {p["place"]: p for p in values_of(drawing, "Student") if "segment" in p}
        assert sorted(points) == curve["places"]
        for place, value, low in zip(
            curve["places"],
            curve["routes"]["student"]["value"],
            curve["routes"]["student"]["low"],
            strict=True,
        ):
            assert (points[place]["value"], points[place]["low"]) == (value, low)
        marks = [p for p in values_of(drawing, "Student") if "shape" in p]
        assert {(m["place"], m["value"], m["low"]) for m in marks} == {
            (150 if along == "n" else 550, 0.3, 0.25)
        }
        assert "what the run measured" in drawing.caption
    # Another teacher's points and another design's are not drawn.
    other = copy.deepcopy(outcome)
    other["measured"] = [{**one, "weak": "elsewhere"} for one in other["measured"]]
    assert [p for p in values_of(risk_curves(other, pair, "n"), "Student") if "shape" in p] == []
    other["measured"] = [{**one, "N": 77} for one in outcome["measured"]]
    assert "what the run measured" not in risk_curves(other, pair, "n").caption
    assert "what the run measured" in risk_curves(other, pair, "N").caption


def test_lines_break_where_nothing_is_defined(outcomes):
    outcome = outcomes["undefined"]
    (pair,) = outcome["pairs"]
    points = [p for p in values_of(risk_curves(outcome, pair, "n"), "Labels-only") if "segment" in p]
    assert len({p["segment"] for p in points}) == 2
    assert all(p["value"] > 0 for p in points)


def test_peaks_turn_the_axis_logarithmic(outcomes):
    outcome = copy.deepcopy(outcomes["ordinary"])
    (pair,) = outcome["pairs"]
    assert '"type": "log", "domain": [0' not in json.dumps(risk_curves(outcome, pair, "n").spec["layer"][0])
    pair["curves"][0]["routes"]["baseline"]["value"][2] = 1e4
    encoding = risk_curves(outcome, pair, "n").spec["layer"][1]["encoding"]["y"]["scale"]
    assert encoding["type"] == "log"


def test_ratios_told_too_vaguely_are_left_out(outcomes):
    pair = copy.deepcopy(outcomes["ordinary"]["pairs"][0])
    whole = ratio_chart(pair, "pgr")
    assert "left out" not in whole.caption
    pair["designs"][0]["pgr"]["interval"] = [-WIDE, WIDE]
    fewer = ratio_chart(pair, "pgr")
    assert "left out" in fewer.caption
    assert whole.alt.count("PGR, forecast") == fewer.alt.count("PGR, forecast") + 1
    assert ratio_chart(outcomes["several teachers"]["pairs"][0], "opr") is None


def test_accuracies_are_drawn_beside_those_measured(outcomes):
    outcome = copy.deepcopy(outcomes["classification"])
    (pair,) = outcome["pairs"]
    design = at_hand(outcome, pair)
    assert "measured" not in accuracy_chart(outcome, pair, design).alt
    one = {"route": "student", "weak": "small", "n": 150, "N": 550, "accuracy": {"value": 0.8}}
    outcome["measured"] = [one]
    assert "measured by the run 0.800" in accuracy_chart(outcome, pair, design).alt
    outcome["measured"] = [{**one, "N": 551}]
    assert "measured" not in accuracy_chart(outcome, pair, design).alt
    assert accuracy_chart(outcomes["ordinary"], outcomes["ordinary"]["pairs"][0], None) is None


def test_one_teacher_needs_no_overview(outcomes):
    assert student_curves(outcomes["ordinary"]) is None
    drawing = student_curves(outcomes["four teachers"])
    for name in ("1. small", "2. smaller", "3. another-teacher-0", "4. another-teacher-1", "Labels-only"):
        assert values_of(drawing, name), name
    assert margin_chart({}, []) is None


def test_from_how_many_labels_on_a_given_teacher_is_not_needed():
    win = {
        "student": {"value": 4.0, "interval": [4.0, 48.1]},
        "joint": {"value": 138.2, "interval": [12.0, 1000.0]},
    }
    pair = {
        "weak": "rule",
        "settings": {"slope": 1.5, "offset": -0.25},
        "searched": [4, 1000],
        "labels_win": win,
    }
    scale, student, joint = given_sentences({"labelled": 50}, pair)
    assert scale == "rule: score x 1.50 - 0.250, from 50 labels."
    assert "from about 4 labels on (90 % interval: 4 or fewer to 48)" in student
    assert "from about 138 labels on (90 % interval: 12 to 1,000 or more)" in joint
    never = {"joint": {"reason": "up to 1,000 labels they are not", "remedy": "Take the student."}}
    assert (
        "up to 1,000 labels they are not"
        in given_sentences({}, {**pair, "settings": {}, "labels_win": never})[0]
    )
    assert given_sentences({}, {}) == []


def test_every_teacher_stands_in_every_chart_with_its_mark():
    outcome = make_ranking()
    for chart in ("parts_chart", "behind_chart", "beyond_chart", "shared_chart"):
        drawing = getattr(rank_charts, chart)(outcome)
        for name in ("good", "twin", "bad"):
            assert name in drawing.alt
            assert name in json.dumps(drawing.spec, ensure_ascii=False)
    assert [label(teacher, outcome) for teacher in outcome["teachers"]] == ["≈ good", "≈ twin", "bad"]
    outcome["tied"] = ["good"]
    assert label(outcome["teachers"][0], outcome) == "★ good"
    assert rank_charts.behind_chart(make_ranking(("good",))) is None
    assert "bad" not in rank_charts.parts_chart(make_ranking(undefined=True)).alt


def test_parts_are_stacked_to_the_whole():
    spec = rank_charts.parts_chart(make_ranking()).spec
    data = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "bar")["data"]
    bars = data["values"] if "values" in data else spec["datasets"][data["name"]]
    good = [bar for bar in bars if bar["row"] == "good"]
    assert [bar["part"] for bar in good] == ["bias", "inherited", "fresh"]
    for left, right in itertools.pairwise(good):
        assert left["end"] == pytest.approx(right["start"])
    assert (good[0]["start"], good[-1]["end"]) == (0, pytest.approx(0.3))

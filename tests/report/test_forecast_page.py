"""The forecast's page: complete, escaped, drawn in a real browser, and sensible where nothing is defined."""

from __future__ import annotations

import copy
import json

from outgrow.errors import CHECKS
from outgrow.report.forecast_charts import (
    WIDE,
    accuracy_chart,
    margin_chart,
    part_chart,
    ratio_chart,
    risk_curves,
    student_curves,
)
from outgrow.report.forecast_page import forecast_page, summary_html
from outgrow.report.forecast_words import at_hand, given_sentences, identified, lost, sentence
from outgrow.report.terminal import forecast_lines
from outgrow.report.text import percent

from .reading import Reader, terminal


def shown(outcome):
    return " ".join(terminal(forecast_lines(outcome)).split())


def test_an_ordinary_page_says_what_was_found(outcomes):
    text = Reader(forecast_page(outcomes["ordinary"])).text
    assert "Prospective forecast" in text
    assert "Forecast: will large outgrow small?" in text
    assert "150 labels used, 550 unlabelled rows at hand" in text
    assert "With 150 labelled and 550 unlabelled rows and the teacher small" in text
    assert "Measured of the reduced features" in text
    for words in ("Bias", "Inherited variance", "Fresh variance", "PGR", "OPR", "leave-one-out", "Penalties"):
        assert words in text
    assert "What the run measured" in text
    assert "told with the noise variance 0.640" in text
    assert "The two agree within their intervals." in text
    for design in outcomes["ordinary"]["pairs"][0]["designs"]:
        assert f"n {design['n']:,}, N {design['N']:,}" in text


def test_charts_come_before_tables(outcomes):
    html = forecast_page(outcomes["several teachers"])
    section = html.index('id="teacher-1"')
    assert html.index("data-spec", section) < html.index("<table", section)
    assert html.index("data-spec") < html.index("<table")


def test_a_retrospective_says_so_everywhere(outcomes):
    text = Reader(forecast_page(outcomes["retrospective"])).text
    assert "Retrospective forecast" in text
    assert "nobody has when the question is asked" in text
    assert "Prospective" not in text
    assert "Retrospective forecast" in shown(outcomes["retrospective"])
    assert "they are not compared" in text


def test_what_is_not_told_is_said_with_its_remedy(outcomes):
    text = Reader(forecast_page(outcomes["several teachers"])).text
    assert "--noise-variance gives it, or --repeat-column" in text
    assert "mean squared error on new labels" in text
    assert "bias and label noise" in json.dumps(
        part_chart(outcomes["several teachers"], outcomes["several teachers"]["pairs"][0]).spec
    )
    assert "--repeat-column" in shown(outcomes["several teachers"])
    classes = dict(identified(outcomes["classification"]))
    assert "noise of class labels is not known" in classes["Excess risk and OPR"]
    assert "--noise-variance" not in Reader(forecast_page(outcomes["classification"])).text
    assert "Share of new labels named right" in Reader(forecast_page(outcomes["classification"])).text
    assert "accuracy" in shown(outcomes["classification"])


def test_reasons_stand_once_for_all_designs_of_a_kind(outcomes):
    outcome = outcomes["undefined"]
    (pair,) = outcome["pairs"]
    found = lost(pair)
    assert any("in 2 of 6 designs" in text and "for 6 dimensions" in text for _, text in found)
    assert any(names == "OPR" and text.startswith("undefined: the variance") for names, text in found)
    assert len(found) < 10
    text = Reader(forecast_page(outcome)).text
    assert "Take a positive penalty" in text
    assert "Take a positive penalty" in shown(outcome)


def test_excess_risks_not_told_from_zero_are_not_ranked(outcomes):
    outcome = outcomes["noise too large"]
    said = sentence(outcome, outcome["pairs"][0])
    assert "do not tell the excess risks of" in said
    assert "err least" not in said
    assert "OG213" in Reader(forecast_page(outcome)).text
    assert CHECKS["OG213"].remedy in Reader(forecast_page(outcome)).text


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


def test_disagreement_with_leave_one_out_is_named(outcomes):
    outcome = copy.deepcopy(outcomes["ordinary"])
    anchor = outcome["pairs"][0]["anchors"][0]
    anchor["difference"] = {"type": "Estimate", "value": 1.0, "interval": [0.5, 1.5]}
    text = Reader(forecast_page(outcome)).text
    assert "They disagree on: " in text
    assert "Trust leave-one-out there." in text


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


def test_a_notebook_shows_the_summary(outcomes):
    fragment = summary_html(outcomes["several teachers"])
    assert Reader(fragment).text.count("With 150 labelled") == 2
    assert summary_html({})


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

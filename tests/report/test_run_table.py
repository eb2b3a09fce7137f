"""What the console shows: the numbers of the run, names as plain text."""

from __future__ import annotations

from outgrow.report.answer import came_out, how_sure, outgrown, to_train
from outgrow.report.terminal import geometry_table, risk_table, summary_lines
from outgrow.report.text import number, quantity_text

from .reading import terminal


def test_the_summary_says_the_verdict_and_what_came_out(outcome):
    text = terminal(summary_lines(outcome))
    assert outcome["title"] in text
    assert outgrown(outcome["verdict"]["outgrown"][0], outcome) in text
    assert to_train(outcome) in text
    assert how_sure(outcome) in text
    assert came_out(outcome)[0] in text
    assert "Measured of the reduced features" in text


def test_the_risk_table_holds_every_risk_and_ratio(outcome):
    text = terminal(risk_table(outcome))
    for route in outcome["routes"]:
        for key in ("expected", "risk", "expected_excess", "excess_risk"):
            assert quantity_text(route[key]) in text
    pair = outcome["pairs"][0]
    assert f"PGR {quantity_text(pair['pgr'])}" in text
    assert "★ Joint student" in text
    assert "Accuracy" not in text


def test_several_teachers_are_told_apart(variants):
    text = terminal(risk_table(variants["several teachers"]))
    for name in ("small", "smaller", "smallest"):
        assert f"│ Teacher: {name} " in text


def test_undefined_ratios_say_why(variants):
    text = terminal(risk_table(variants["cross-validated"]))
    assert "PGR undefined: there is no ceiling. Label the pool." in text
    assert "OPR undefined: the label noise variance is not known. Give --noise-variance." in text


def test_the_geometry_table_holds_dimensions_and_what_is_shared(outcome):
    geometry = outcome["pairs"][0]["geometry"]
    text = terminal(geometry_table("small", "large", geometry, "of the reduced features"))
    assert quantity_text(geometry["correlation"]["estimate"]) in text
    for dimension in geometry["weak"]["dimensions"]:
        assert dimension["label"] in text
        assert f"{dimension['estimate']['value']:.3g}"[:4] in text
    assert "Published similarity" in text
    assert "Measured of the reduced features." in text


def test_what_needs_no_labels_stands_in_the_tables(outcome, variants):
    pair = outcome["pairs"][0]
    gap, left = pair["geometry"]["projector_gap"], pair["geometry"]["label_gap"]
    text = terminal(geometry_table("small", "large", pair["geometry"]), 400)
    by_chance = number(gap["gap_by_chance"])
    assert f"Projector gap {number(gap['gap'])}: of " in text
    assert f"Its chance level {by_chance}: what would be left by unrelated sets" in text
    assert f"Left of the labels {number(left['value'])}: of the labels' variance" in text
    text = terminal(risk_table(outcome), 300)
    assert f"on test rows: {quantity_text(pair['misfit']['promised'])}, if the strong features can" in text
    assert f"Gain measured: {quantity_text(pair['misfit']['measured'])}: less was gained than" in text
    unmeasured = terminal(risk_table(variants["cross-validated"]), 300)
    assert "on pool rows: 0.432" in unmeasured
    assert "Gain measured" not in unmeasured
    flat = {"projector_gap": {"type": "Undefined", "reason": "nothing varies", "remedy": "Look."}}
    assert "Projector gap: nothing varies. Look." in terminal(geometry_table("a", "b", flat))


def test_undefined_dimensions_say_why(variants):
    text = terminal(geometry_table("small", "large", variants["few rows"]["pairs"][0]["geometry"], ""))
    assert "22 rows cannot tell apart 8 + 16 directions" in text


def test_findings_of_an_old_run_are_shown(variants):
    assert terminal(risk_table(variants["old"]))
    assert "undefined" in terminal(geometry_table("a", "b", {}, ""))

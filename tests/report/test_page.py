"""The page by itself: what stands in it, escaped, small, complete, and the same from the JSON."""

from __future__ import annotations

import json
import re

from outgrow import runs
from outgrow.errors import CHECKS
from outgrow.report.answer import came_out, how_sure, outgrown, to_train
from outgrow.report.curve_looks import PALETTE
from outgrow.report.drawing import BEFORE, CHANCE, SHARED, STRONG, WEAK
from outgrow.report.forecast_charts import PARTS, TEACHERS
from outgrow.report.marks import BASELINE, ROUTES
from outgrow.report.page import page, write_report
from outgrow.report.style import CSS
from outgrow.report.text import number, quantity_text

from .reading import Reader, contrast


def test_names_can_be_read_as_the_user_wrote_them(variants):
    html = page(variants["hostile"])
    read = Reader(html)
    assert "<svg/onload=window.pwned=1> ]]><!-- pwned" in read.text
    for hidden in "\x00\x1b\u202e\u2066\u2028":
        assert hidden not in html.replace(read.scripts[-2], "")


def test_names_of_users_are_values_never_fields(variants):
    read = Reader(page(variants["hostile"]))
    specs = [json.loads(script) for script in read.scripts if script.startswith("{")]
    assert len(specs) > 10

    def fields(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key in ("field", "labelExpr", "calculate", "filter", "expr", "signal", "test"):
                    yield str(item)
                yield from fields(item)
        elif isinstance(value, list):
            for item in value:
                yield from fields(item)

    found = {field for spec in specs for field in fields(spec)}
    assert not any("pwned" in field for field in found)
    assert {"value", "place", "slice(datum.label, 4)"} <= found
    # Rows of our data have our names only.
    keys = {key for spec in specs for rows in spec["datasets"].values() for row in rows for key in row}
    assert not any("pwned" in key for key in keys)


def test_the_first_screen_says_what_to_do_and_what_came_out(outcome):
    text = Reader(page(outcome)).text
    first = text[: text.index("Risks of every route")]
    assert outgrown(outcome["verdict"]["outgrown"][0], outcome) in first
    assert to_train(outcome).startswith("Train: Joint student of small")
    assert to_train(outcome) in first
    assert how_sure(outcome) in first
    assert " ".join(came_out(outcome)) in first
    # One scale: what was expected beside what was measured, and differences with one sign.
    for route in outcome["routes"]:
        if route["name"] in outcome["verdict"]["risks"]:
            for key in ("expected_excess", "excess_risk"):
                value, _, interval = quantity_text(route[key]).partition(" ")
                assert f"{value} {interval}" in first.replace("−", "-")
    for comparison in outcome["verdict"]["comparisons"]:
        assert comparison["against"] == outcome["verdict"]["recommended"]
        assert comparison["difference"]["value"] > 0
        assert quantity_text(comparison["difference"]).split()[0] in first


def test_tables_hold_every_number(outcome):
    text = Reader(page(outcome)).text.replace("−", "-")
    for route in outcome["routes"]:
        for key in ("expected", "expected_excess", "risk", "excess_risk"):
            assert quantity_text(route[key]) in text
    pair = outcome["pairs"][0]
    for key in ("pgr", "opr", "opr_raw_mse"):
        assert quantity_text(pair[key]) in text
    geometry = pair["geometry"]
    assert quantity_text(geometry["correlation"]["estimate"]) in text
    for part in (geometry["weak"], geometry["strong"]):
        for dimension in part["dimensions"]:
            assert f"{dimension['estimate']['value']:.3g}"[:4] in text
    # One OPR on a page: that of other models, redrawn for theory, stays in the run's JSON.
    assert "Retrospective" not in text


def test_what_needs_no_labels_is_told_with_its_chance_level_and_its_assumption(outcome, variants):
    text = Reader(page(outcome)).text.replace("−", "-")
    pair = outcome["pairs"][0]
    gap, of_labels = pair["geometry"]["projector_gap"], pair["geometry"]["label_gap"]
    shown = [f"Projector gap {number(gap['gap'])} of {number(gap['d_s'])} directions"]
    shown += [f"Its chance level {number(gap['gap_by_chance'])} what would be left by unrelated sets"]
    shown += [f"Its norm {number(gap['norm'])} from 0 to 1"]
    shown += [f"Left of the labels {number(of_labels['value'])} of the labels' variance"]
    shown += [f"would leave {number(of_labels['by_chance'])}. A look back"]
    shown += ["What their disagreement promises If the strong features, under the student's penalty,"]
    shown += ["If they cannot, nothing is promised"]
    shown += [f"Gain promised {quantity_text(pair['misfit']['promised'])} the mean squared difference"]
    shown += [f"Gain measured {quantity_text(pair['misfit']['measured'])} its teacher's risk less"]
    shown += [f"promised {quantity_text(pair['misfit']['beyond'])} less was gained than promised"]
    for words in shown:
        assert words in text
    methods = text[text.index("How every number was obtained") :]
    assert pair["misfit"]["promised"]["method"] in methods
    unknown = Reader(page(variants["cross-validated"])).text
    assert "on pool rows; needs no labels" in unknown
    assert unknown.count("there are no test rows to measure the gain on. Set rows aside (--test).") == 2
    assert "Left of the labels" not in unknown
    assert "What their disagreement promises" not in Reader(page(variants["old"])).text


def test_checks_are_told_with_why_and_remedy_once_each(outcome):
    text = Reader(page(outcome)).text
    for code in ("OG104", "OG205", "OG206"):
        kind = CHECKS[code]
        assert text.count(kind.why) == 1
        assert text.count(kind.remedy) == 1
        assert kind.title in text
    none = {**outcome, "checks": [], "pairs": []}
    assert "No check was raised." in Reader(page(none)).text


def test_what_is_undefined_says_why_and_what_to_do(variants):
    text = Reader(page(variants["cross-validated"])).text
    assert "Measured error cross-validation over the labelled rows" in text
    assert "there is no ceiling. Label the pool." in text
    assert (
        "Measured excess error undefined: the label noise variance is not known. Give --noise-variance."
        in text
    )
    few = Reader(page(variants["few rows"])).text
    assert "The correlation dimension is undefined: 22 rows cannot tell apart 8 + 16 directions." in few


def test_classes_get_accuracy_and_its_own_ratio(variants):
    text = Reader(page(variants["classification"])).text
    assert "Accuracy 300 test rows" in text
    assert "0.812 [0.775, 0.850]" in text
    assert "PGR of accuracy 0.62 [0.50, 0.75]" in text
    assert "Classes bad, good" in text
    # Its noise variance is nobody's concern.
    assert "Excess risk undefined" not in text
    assert "Accuracy" not in Reader(page(variants["ordinary"])).text


def test_the_note_stands_beside_whatever_was_measured_on_the_features(outcome):
    text = Reader(page(outcome)).text
    said = "Measured of the reduced features: 16 leading components."
    places = [found.start() for found in re.finditer(re.escape(said), text)]
    for heading in (
        "Expected and measured",
        "Risks of every route Risk",
        "What the two representations share",
    ):
        start = text.index(heading)
        assert any(abs(place - start) < 600 for place in places)
    assert "Measured of" not in Reader(page({**outcome, "note": ""})).text


def test_methods_name_how_each_number_was_obtained(outcome):
    text = Reader(page(outcome)).text
    methods = text[text.index("How every number was obtained") :]
    for method in (
        outcome["pairs"][0]["pgr"]["method"],
        outcome["pairs"][0]["geometry"]["correlation"]["estimate"]["method"],
        outcome["verdict"]["comparisons"][0]["difference"]["method"],
    ):
        assert method in methods


def test_several_teachers_stand_side_by_side_each_with_its_own_part(variants):
    text = Reader(page(variants["several teachers"])).text
    assert "Teacher by teacher" in text[: text.index("Risks of every route")]
    for name in ("small", "smaller", "smallest"):
        assert f"Teacher {name}, student large" in text


def test_a_report_stays_small(variants):
    assert len(page(variants["ordinary"]).encode()) < 1_100_000
    assert len(page(variants["several teachers"]).encode()) < 1_500_000


def test_drawing_again_from_the_json_gives_the_same_page(outcome, tmp_path):
    first = write_report(tmp_path, page(outcome))
    assert first == tmp_path / "report.html"
    before = first.read_bytes()
    runs.write_json(tmp_path / "run.json", outcome)
    again = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert write_report(tmp_path, page(again)).read_bytes() == before


def test_colours_are_told_apart_from_the_paper_in_light_and_dark():
    schemes = re.findall(r":root\{([^}]*)\}", CSS.replace("\n", ""))
    assert len(schemes) == 2
    for scheme in schemes:
        colour = {
            name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
            for name, value in re.findall(r"--(\w+):(#[0-9a-f]{3,6})(?=;|$)", scheme)
        }
        for paper in (colour["paper"], colour["panel"]):
            for ink in ("ink", "soft", "link", "do", "dont", "close"):
                assert contrast(colour[ink], paper) >= 4.5, (ink, paper)
        # Marks of charts need less: 3 to 1 (WCAG 1.4.11).
        marks = {WEAK, STRONG, SHARED, CHANCE, BEFORE, BASELINE, *TEACHERS, *PALETTE}
        marks |= {look[0] for look in ROUTES.values()} | {colour for _, colour in PARTS.values()}
        for mark in marks:
            assert contrast(mark, colour["paper"]) >= 3, (mark, colour["paper"])


def test_paths_of_the_authors_machine_are_not_shown(outcome):
    changed = {**outcome, "config": {"input": "/home/me/rows.csv", "weak": ["/home/me/w.npy"], "n": 123}}
    text = page(changed)
    assert "/home/me" not in text
    assert "n = 123" in text

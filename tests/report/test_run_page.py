"""The page and the lines of a run: every number, the answer first, the same from the JSON, and its looks."""

from __future__ import annotations

import json
import re

from outgrow import runs
from outgrow.report.answer import came_out, how_sure, outgrown, to_train
from outgrow.report.curve_looks import PALETTE
from outgrow.report.drawing import BEFORE, CHANCE, SHARED, STRONG, WEAK
from outgrow.report.forecast_charts import PARTS, TEACHERS
from outgrow.report.marks import BASELINE, ROUTES
from outgrow.report.page import page, write_report
from outgrow.report.style import CSS
from outgrow.report.terminal import geometry_table, measure_lines, run_lines
from outgrow.report.text import number, quantity_text

from .reading import Reader, contrast, open_page, terminal


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


def test_the_answer_stands_first_on_the_page_and_in_a_terminal(outcome):
    text, shown = Reader(page(outcome)).text, terminal(run_lines(outcome), 400)
    first, lines = text[: text.index("Risks of every route")], shown[: shown.index("Errors, 90 %")]
    assert to_train(outcome).startswith("Train: Joint student of small")
    said = [outgrown(outcome["verdict"]["outgrown"][0], outcome), to_train(outcome), how_sure(outcome)]
    for words in (*said, *came_out(outcome), outcome["title"], "Measured of the reduced features"):
        assert words in first
        assert words in lines
    # One scale: what was expected beside what was measured, and differences with one sign.
    for route in outcome["routes"]:
        if route["name"] in outcome["verdict"]["risks"]:
            for key in ("expected_excess", "excess_risk"):
                assert quantity_text(route[key]) in first.replace("−", "-")
    for comparison in outcome["verdict"]["comparisons"]:
        assert comparison["against"] == outcome["verdict"]["recommended"]
        assert comparison["difference"]["value"] > 0
        assert quantity_text(comparison["difference"]).split()[0] in first


def test_tables_hold_every_number(outcome):
    pair = outcome["pairs"][0]
    geometry = pair["geometry"]
    numbers = [
        route[key]
        for route in outcome["routes"]
        for key in ("expected", "expected_excess", "risk", "excess_risk")
    ]
    numbers += [pair[key] for key in ("pgr", "opr", "opr_raw_mse")]
    dimensions = [one for side in ("weak", "strong") for one in geometry[side]["dimensions"]]
    on_page = Reader(page(outcome)).text.replace("−", "-")
    measured = terminal(geometry_table("small", "large", geometry, "of the reduced features"), 300)
    assert "Measured of the reduced features." in measured
    for text in (on_page, terminal(run_lines(outcome), 300)):
        assert all(quantity_text(one) in text for one in numbers)
    for text in (on_page, measured):
        assert quantity_text(geometry["correlation"]["estimate"]) in text
        for one in dimensions:
            assert one["label"] in text
            assert f"{one['estimate']['value']:.3g}"[:4] in text


def test_what_needs_no_labels_is_told_with_its_chance_level_and_its_assumption(outcome):
    text, lines = Reader(page(outcome)).text.replace("−", "-"), terminal(run_lines(outcome), 300)
    pair = outcome["pairs"][0]
    gap, left, misfit = pair["geometry"]["projector_gap"], pair["geometry"]["label_gap"], pair["misfit"]
    measured = terminal(geometry_table("a", "b", pair["geometry"]), 400)
    for name, value, words in (
        ("Projector gap", gap["gap"], f"of {number(gap['d_s'])} directions"),
        ("Its chance level", gap["gap_by_chance"], "what would be left by unrelated sets"),
        ("Its norm", gap["norm"], "from 0 to 1"),
        ("Left of the labels", left["value"], "of the labels' variance"),
    ):
        assert f"{name} {number(value)} {words}" in text
        assert f"{name} {number(value)}: {words}" in measured
    shown = [f"would leave {number(left['by_chance'])}. A look back"]
    shown += ["What their disagreement promises If the strong features, under the student's penalty,"]
    shown += ["If they cannot, nothing is promised"]
    shown += [f"Gain promised {quantity_text(misfit['promised'])} the mean squared difference"]
    shown += [f"Gain measured {quantity_text(misfit['measured'])} its teacher's risk less"]
    shown += [f"promised {quantity_text(misfit['beyond'])} less was gained than promised"]
    assert [words for words in shown if words not in text] == []
    assert f"on test rows: {quantity_text(misfit['promised'])}, if the strong features can" in lines
    assert f"Gain measured: {quantity_text(misfit['measured'])}: less was gained than" in lines


def test_what_was_measured_without_labels_is_written(outcome, variants):
    better = {"type": "Undefined", "reason": "no labels", "remedy": "Label some rows."}
    agreement = {"repeated": 0.5, "same": 0.75, "misfit": {"promised": {"value": 0.25}}, "better": better}
    pairs = {"small": outcome["pairs"][0]["geometry"], "few": variants["few rows"]["pairs"][0]["geometry"]}
    pairs["flat"] = {"projector_gap": {"type": "Undefined", "reason": "nothing varies", "remedy": "Look."}}
    found = {"pairs": pairs, "strong": "large", "agreement": {"small": agreement}}
    text = " ".join(terminal(measure_lines(found), 300).split())
    said = ["small (weak) and large (strong), 400 rows", "22 rows cannot tell apart 8 + 16 directions"]
    said += ["repeats 0.500 of", "on 0.750 of the rows", "The rest, 0.250 in", "Unknown: no labels. Label"]
    said += ["Projector gap: nothing varies. Look."]
    assert [words for words in said if words not in text] == []


def test_the_note_stands_beside_whatever_was_measured_on_the_features(outcome):
    text = Reader(page(outcome)).text
    said = "Measured of the reduced features: 16 leading components."
    places = [found.start() for found in re.finditer(re.escape(said), text)]
    for heading in (
        "Expected and measured",
        "Risks of every route Risk",
        "What the two representations share",
    ):
        assert any(abs(place - text.index(heading)) < 600 for place in places)


def test_methods_name_how_each_number_was_obtained(outcome):
    text = Reader(page(outcome)).text
    methods = text[text.index("How every number was obtained") :]
    pair = outcome["pairs"][0]
    for found in (
        pair["pgr"],
        pair["geometry"]["correlation"]["estimate"],
        pair["misfit"]["promised"],
        outcome["verdict"]["comparisons"][0]["difference"],
    ):
        assert found["method"] in methods


def test_drawing_again_from_the_json_gives_the_same_small_page(outcome, variants, tmp_path):
    first = write_report(tmp_path, page(outcome))
    assert first == tmp_path / "report.html"
    before = first.read_bytes()
    assert len(before) < 1_100_000
    assert len(page(variants["several teachers"]).encode()) < 1_500_000
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


def test_a_newcomer_reads_the_answer_first_and_charts_follow_the_window(browser, outcome, tmp_path):
    view, _ = open_page(browser, write_report(tmp_path, page(outcome)), 1280)
    for width, selectors in (
        (1280, ("h1", ".badge", ".take", ".sentence", "table")),
        (400, ("h1", ".badge", ".take")),
    ):
        view.set_viewport_size({"width": width, "height": 800})
        for selector in selectors:
            box = view.locator(selector).first.bounding_box()
            assert box["y"] + box["height"] <= 800, selector
    narrow = "(svg) => svg.getAttribute('width') <= 368"
    view.wait_for_function(f"() => [...document.querySelectorAll('.chart svg')].every({narrow})")
    assert view.evaluate("document.documentElement.scrollWidth") <= 400
    view.close()


def test_on_paper_no_table_is_cut(browser, variants, tmp_path):
    view, _ = open_page(browser, write_report(tmp_path, page(variants["several teachers"])), 1280)
    view.emulate_media(media="print")
    # A4 less margins of 15 mm, in CSS pixels: paper cannot scroll.
    view.set_viewport_size({"width": 680, "height": 1000})
    wide = "(table) => table.scrollWidth > table.clientWidth"
    assert view.evaluate(f"[...document.querySelectorAll('.scroll')].filter({wide}).length") == 0
    view.close()

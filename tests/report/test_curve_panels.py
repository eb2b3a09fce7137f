"""Figures of panels: one cell cannot spoil them, series keep their looks, and what is left out is told."""

from __future__ import annotations

import itertools
import json
import math
import re
import tomllib
from html import unescape

import pytest

from outgrow.report import reproduction_page
from outgrow.report.curve_axes import span_of
from outgrow.report.curve_charts import drawing
from outgrow.report.curve_looks import PALETTE, SHAPES, families, key, looks_of
from outgrow.report.curve_scene import scenes
from outgrow.report.page import write_report
from outgrow.report.settings import toml_lines
from outgrow.report.sweep_cells import Cells
from outgrow.report.sweep_page import page
from outgrow.reproductions.reproduction import Comparison

from .conftest import make_reproduction, make_sweep
from .reading import open_page


def panel(*curves, title="PGR against n", y_name="PGR", **more):
    return {"title": title, "x_name": "n", "y_name": y_name, "x_log": True, "curves": list(curves), **more}


def curve(y, x=(100.0, 200.0, 400.0), series="a", kind="measured", **more):
    return {"series": series, "kind": kind, "x": list(x), "y": list(y), "note": "", **more}


def only(*panels):
    looks = looks_of(panels)
    return [(scene, drawing(scene, looks)) for scene in scenes(panels, looks)]


def datasets(drawn):
    """Rows of every layer, those of looked-up curves left out."""
    spec = json.loads(json.dumps(drawn.spec))
    found = []
    for layer in spec["layer"]:
        data = layer["data"]
        rows = data["values"] if "values" in data else spec["datasets"][data["name"]]
        found.append((layer["mark"]["type"], rows))
    return found


def domain(drawn, channel="y"):
    return next(
        layer["encoding"][channel]["scale"]["domain"]
        for layer in drawn.spec["layer"]
        if "scale" in layer["encoding"].get(channel, {})
    )


def test_the_configuration_is_toml_without_the_authors_folders():
    html = page(make_sweep())
    written = re.search(r"<pre><code>(.*?)</code></pre>", html, re.DOTALL)
    assert written is not None
    config = tomllib.loads(unescape(written.group(1)))
    assert config["N"][-1] == 10_000
    assert config["weak"][0] == "…/resnet18"
    assert config["strong"] == "resnet152=…/resnet152"
    assert "someone" not in html


def test_a_configuration_is_read_back():
    config = {"seed": 1, "n": [1, 2], "title": 'x = "y" \'', "none": None, "last": "C:\\Users\\anna\\f.npy"}
    read = tomllib.loads("\n".join(toml_lines(config)))
    assert read == {"seed": 1, "n": [1, 2], "title": 'x = "y" \'', "last": "…/f.npy"}


def test_a_series_is_one_colour_and_shape_in_every_panel():
    outcome = make_sweep()
    scales = set()
    for _, drawn in only(*outcome["panels"]):
        for layer in drawn.spec["layer"]:
            for channel in ("color", "shape"):
                scale = layer["encoding"].get(channel, {}).get("scale")
                if scale:
                    scales.add((channel, tuple(scale["domain"]), tuple(scale["range"])))
    assert len(scales) == 2
    looks = looks_of(outcome["panels"])
    assert ("color", tuple(looks), tuple(PALETTE[:5])) in scales
    assert len({look.shape for look in looks.values()}) == 5
    assert all(look.colour in key(outcome["panels"]) for look in looks.values())


def test_many_series_are_told_apart_by_colour_and_shape_together():
    count = len(PALETTE) * len(SHAPES)
    looks = looks_of([panel(*(curve([1], [1], series=f"teacher {place}") for place in range(count)))])
    assert len({(look.colour, look.shape) for look in looks.values()}) == count


def test_names_alike_when_shortened_stay_two_series():
    long = "x" * 200
    looks = looks_of(
        [panel(curve([1], [1], series=f"{long}a{long}"), curve([1], [1], series=f"{long}b{long}"))]
    )
    assert len({look.label for look in looks.values()}) == 2


def test_panels_without_a_series_in_common_get_keys_of_their_own():
    teachers, noise = panel(curve([1], [1]), group="x"), panel(curve([1], [1], series="noise 0"), group="y")
    both = panel(curve([1], [1]), curve([1], [1], series="b"), group="z")
    assert families([teachers, noise, both]) == [[teachers, both], [noise]]
    bridge = panel(curve([1], [1], series="b"), curve([1], [1], series="noise 0"), group="w")
    assert families([teachers, noise, both, bridge]) == [[teachers, both, noise, bridge]]
    assert page({"panels": [teachers, noise, both]}).count('<ul class="key"') == 2


def test_one_wild_cell_leaves_the_others_readable():
    plain = domain(only(make_sweep()["panels"][0])[0][1])
    (scene, drawn), *_ = only(make_sweep(wild=True)["panels"][0])
    low, high = domain(drawn)
    assert high - low < 1.5 * (plain[1] - plain[0])
    assert "1 of 49 points lie outside the axis (triangles), the farthest at −31.0." in drawn.caption
    triangles = [rows for kind, rows in datasets(drawn) if kind == "point" and "edge" in rows[0]]
    assert [(row["y"], row["edge"]) for rows in triangles for row in rows] == [(-31.0, low)]
    assert scene.points == 49


def test_points_without_a_value_are_told_beneath():
    both = panel(
        curve([0.5, None, None], [1.0, 2.0, 4.0]), curve([0.1, 0.2, 0.3], [1.0, 2.0, 4.0], series="b")
    )
    drawn = only(both)[0][1]
    assert drawn.caption.endswith("2 points have no value, being undefined: a.")
    whole = panel(curve([0.5, 0.5], [1.0, 2.0]), curve([0.1], [2.0], series="b"))
    assert "no value" not in only(whole)[0][1].caption
    # No place on an axis is another thing.
    below = only({**panel(curve([0.5, -0.5], [1.0, 2.0])), "y_log": True, "rule": None})[0][1]
    assert "no value" not in below.caption and "no place" in below.caption


def test_a_curve_that_falls_far_is_shown_whole():
    fall = curve([0.5, 0.1, -1.0, -2.2], [1.0, 2.0, 4.0, 8.0], series="b")
    both = panel(curve([0.5, 0.5, 0.5, 0.6], [1.0, 2.0, 4.0, 8.0]), fall)
    drawn = only({**both, "y_name": "gain"})[0][1]
    assert domain(drawn)[0] < -2.2
    assert "outside" not in drawn.caption
    # Of PGR what is below -1 says only that the gap is next to nothing.
    drawn = only(both)[0][1]
    assert -1.2 < domain(drawn)[0] <= -1.0
    assert "1 of 8 points lie outside the axis (triangles), the farthest at −2.20." in drawn.caption


def test_long_intervals_widen_the_axis_a_little_and_are_told():
    drawn = only(panel(curve([0.4, 0.5, 0.6], low=[0.3, 0.4, -40.0], high=[0.5, 0.6, 50.0])))[0][1]
    low, high = domain(drawn)
    assert 0.2 < low < 0.3
    assert 0.6 < high < 0.7
    assert "1 interval goes on beyond the axis." in drawn.caption


def test_a_value_that_is_not_there_leaves_a_gap():
    drawn = only(panel(curve([0.4, None, 0.6])))[0][1]
    line = next(rows for kind, rows in datasets(drawn) if kind == "line")
    assert [row["y"] for row in line] == [0.4, None, 0.6]


def test_a_logarithmic_axis_says_what_it_has_no_place_for():
    given = panel(curve([0.4, -0.1, 0.04], low=[0.3, -0.2, -0.01], high=[0.5, 0.1, 0.08]), y_log=True)
    (scene, drawn), *_ = only(given)
    assert "1 value at or below 0 has no place on a logarithmic axis." in drawn.caption
    assert [row["y"] for row in scene.rows] == [0.4, None, 0.04]
    # The bar of the last goes down to the end of the axis and beyond, but never to nothing.
    assert 0 < scene.rows[2]["low"] < scene.y.low


def test_panels_of_one_group_that_show_the_same_have_one_axis():
    first, second = panel(curve([0.1, 0.2, 0.3])), panel(curve([0.5, 0.6, 0.7]))
    other = panel(curve([5.0, 6.0, 7.0]), y_name="OPR")
    axes = [domain(drawn) for _, drawn in only(first, second, other)]
    assert axes[0] == axes[1] != axes[2]


def test_published_values_and_rules_are_always_on_the_axis():
    bulk = curve([0.5] * 9 + [0.6], [2.0**place for place in range(10)])
    wild = curve([9.0], [4.0], kind="published")
    drawn = only(panel(bulk, wild, rule=-3.0))[0][1]
    assert domain(drawn)[0] < -3
    assert domain(drawn)[1] > 9


def test_theory_and_bounds_are_drawn_beneath_the_points():
    kinds = [curve([0.4, 0.5, 0.6], kind=kind) for kind in ("published", "measured", "bound", "theory")]
    marks = [layer["mark"] for layer in only(panel(*kinds, rule=1.0))[0][1].spec["layer"]]
    drawn = [mark["type"] for mark in marks[:-1]]
    assert drawn == ["rule", "line", "line", "line", "point", "point"]
    assert marks[1]["strokeWidth"] > marks[3]["strokeWidth"]
    assert "strokeDash" in marks[2]


def test_marks_at_one_place_stand_beside_one_another():
    both = panel(curve([0.4, 0.5, 0.6]), curve([0.4, 0.5, 0.6], series="b"))
    (scene, _), *_ = only(both)
    ats = [[row["at"] for row in scene.rows if row["series"] == name] for name in "ab"]
    for left, right, true in zip(*ats, (100, 200, 400), strict=True):
        assert 0.95 * true < left < true < right < 1.05 * true
        assert math.isclose(left * right, true**2, rel_tol=1e-9)


def test_axes_hold_all_but_the_wild():
    assert span_of([]) is None
    assert span_of([1.0, 1.0]).holds(1.0)
    span = span_of([0.0, 1e-3, 0.1], logarithmic=True)
    assert span.low > 0
    assert span.holds(1e-3)
    assert span.holds(0.1)


def test_panels_without_values_say_so():
    html = page({"panels": [panel(curve([None, None, None]), title="PGR <b>")]})
    assert "PGR &lt;b&gt;: no value to draw." in html
    assert "chart-1" not in html


def test_wins_are_counted_over_all_cells():
    outcome = make_sweep()
    columns = outcome["cells"]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for quantity, rival in (
        ("student_less_teacher", "its teacher"),
        ("student_less_baseline", "labels-only"),
    ):
        own = [row for row in rows if row["quantity"] == quantity]
        less, more = sum(row["high"] < 0 for row in own), sum(row["low"] > 0 for row in own)
        said = f"errs less than {rival} in {less} of {len(own)} cells and more in {more}."
        assert any(line.endswith(said) for line in Cells(outcome).tally())


def test_cells_find_models_that_depend_on_less_and_reasons():
    names = ("quantity", "weak", "strong", "n", "N", "noise", "value", "low", "high", "alpha_w", "alpha_s")
    rows = [
        ("student", "w", "s", 10, 20, 0.0, 0.5, 0.4, 0.6, None, None),
        ("student", "w", "s", 30, 20, 0.0, 0.45, 0.4, 0.5, None, None),
        ("teacher", "w", "", 10, -1, 0.0, 0.7, 0.6, 0.8, None, None),
        ("student", "w", "s", 10, 20, 0.0, 0.9, 0.8, 1.0, 0.1, 0.1),
        ("pgr", "w", "s", 10, 20, 0.0, None, None, None, None, None),
        ("pgr", "w", "s", 30, 20, 0.0, 0.3, 0.2, 0.4, None, None),
    ]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    columns["reason"] = ["", "", "", "", "the ceiling is no better", ""]
    outcome = {"cells": columns, "tuned": True}
    cells = Cells(outcome)
    first, second = cells.places
    assert (first.n, second.n) == (10, 30)
    assert cells.get("student", first)["value"] == 0.5
    assert cells.get("teacher", first)["value"] == 0.7
    assert cells.get("teacher", second) is None
    assert cells.get("ceiling", first) is None
    assert "undefined: the ceiling is no better." in page(outcome)
    assert Cells({**outcome, "tuned": False}).get("student", first)["value"] == 0.9


@pytest.mark.parametrize(("width", "rows"), [(1280, 2), (400, 6)])
def test_panels_stand_side_by_side_where_there_is_room(browser, tmp_path, width, rows):
    view, _ = open_page(browser, write_report(tmp_path, page(make_sweep())), width)
    tops = view.evaluate(
        "[...document.querySelectorAll('.panels .chart')].map((at) => at.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == rows
    view.close()


def test_a_browser_draws_theory_bound_and_measured_lines(browser, tmp_path):
    path = write_report(tmp_path, reproduction_page.page(make_reproduction()))
    view, _ = open_page(browser, path, 1280, "dark")
    # Three of each in the first panel.
    assert view.locator(".chart svg").first.locator(".mark-line path").count() == 9
    view.close()


def test_dozens_of_panels_stay_small():
    outcome = make_reproduction()
    size = len(reproduction_page.page(outcome).encode())
    outcome["panels"] *= 6
    html = reproduction_page.page(outcome)
    assert html.count('class="chart"') == 18
    assert len(html.encode()) < 2_000_000
    assert (len(html.encode()) - size) / 15 < 25_000


def test_comparisons_agree_with_those_of_the_study():
    values = (None, -1.0, 0.0, 0.5, 0.52, 0.54)
    for published, ours, tolerance in itertools.product(values, values, (0.0, 0.02, 0.1)):
        plain = {"published": published, "ours": ours, "tolerance": tolerance}
        assert reproduction_page.matches(plain) is Comparison("x", published, ours, tolerance).matches, plain


def test_what_was_not_published_is_not_counted():
    assert reproduction_page.tally(make_reproduction(published=False)) == (
        "1 of 1 numbers is met within its tolerance; 1 could not be compared; 4 more are ours alone."
    )
    nothing = {"comparisons": [{"ours": 1.0}]}
    assert reproduction_page.tally(nothing) == "None of 1 numbers could be compared."
    assert reproduction_page.tally({}) == ""

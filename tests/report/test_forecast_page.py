"""The forecast's page: complete, escaped, drawn in a real browser, and sensible where nothing is defined."""

from __future__ import annotations

import copy
import io
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from outgrow.config import ForecastConfig
from outgrow.errors import CHECKS
from outgrow.forecasts.forecast_designs import forecast
from outgrow.report.drawing import STRONG
from outgrow.report.forecast_charts import (
    BASELINE,
    PARTS,
    ROUTES,
    TEACHERS,
    WIDE,
    accuracy_chart,
    margin_chart,
    part_chart,
    ratio_chart,
    risk_curves,
    student_curves,
)
from outgrow.report.forecast_page import forecast_page, percent, summary_html
from outgrow.report.forecast_table import forecast_lines
from outgrow.report.forecast_words import at_hand, given_sentences, identified, lost, sentence
from outgrow.report.page import write_report
from outgrow.report.style import CSS
from outgrow.report.text import escaped
from outgrow.results import as_plain

HOSTILE = (
    '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">',
    "\"'><svg/onload=window.pwned=1> ]]><!-- pwned",
    "[bold red]pwned[/bold red] ${window.pwned=1} {{pwned}} datum.pwned",
)
"""Names that try to leave their place: markup, quotes, styles, templates."""


def made(folder, *, classes=False, run=None, **options):
    """Forecast from a small Gaussian world, as plain values."""
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(700, 8))
    y = latent @ np.linspace(0.2, 1, 8) + 0.8 * rng.normal(size=700)
    np.save(folder / "small.npy", latent[:, 2:] + 0.5 * rng.normal(size=(700, 6)))
    np.save(folder / "smaller.npy", latent[:, 4:] + 0.8 * rng.normal(size=(700, 4)))
    np.save(folder / "large.npy", latent @ rng.normal(size=(8, 10)) + 0.2 * rng.normal(size=(700, 10)))
    labels = np.where(y > 0, "good", "bad") if classes else y
    (folder / "labels.csv").write_text("label\n" + "\n".join(map(str, labels)) + "\n")
    given = {
        "weak": (str(folder / "small.npy"),),
        "strong": str(folder / "large.npy"),
        "labels": str(folder / "labels.csv"),
        "m": 150,
    }
    found = forecast(ForecastConfig(**{**given, **options}), run=run)
    return json.loads(json.dumps(as_plain(found.outcome), allow_nan=False))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Findings of every kind of forecast that the page must draw."""
    folder = tmp_path_factory.mktemp("forecast")
    both = (str(folder / "small.npy"), str(folder / "smaller.npy"))
    measured = {"type": "Estimate", "value": 0.3, "interval": [0.25, 0.36]}
    routes = [
        {"kind": kind, "weak": weak, "excess_risk": measured}
        for kind, weak in (("student", "small"), ("baseline", None))
    ]
    ordinary = made(
        folder,
        noise_variance=0.64,
        note="of the reduced features",
        run={"n": 150, "N": 550, "routes": routes},
    )
    several = made(folder, weak=both)
    four = copy.deepcopy(several)
    for place, pair in enumerate(copy.deepcopy(several["pairs"])):
        pair["weak"] = f"another-teacher-{place}"
        four["pairs"].append(pair)
    hostile = copy.deepcopy(several)
    hostile["title"], hostile["note"] = HOSTILE[0], HOSTILE[2]
    hostile["checks"].append({"type": "Check", "code": "OG214", "detail": HOSTILE[0]})
    hostile["config"]["title"] = HOSTILE[1]
    for pair, name in zip(hostile["pairs"], HOSTILE, strict=False):
        pair["weak"], pair["strong"] = name, HOSTILE[2]
    hostile["identities"] = {name: {"width": 3, "encoder": HOSTILE[1]} for name in HOSTILE}
    long = copy.deepcopy(several)
    long["title"] = "long " * 300
    for pair, end in zip(long["pairs"], "ab", strict=True):
        pair["weak"], pair["strong"] = "a" * 399 + end, "word " * 200
    old = copy.deepcopy(ordinary)
    for key in ("title", "note", "noise", "checks", "identities", "measured", "labelled", "config"):
        del old[key]
    for pair in old["pairs"]:
        del pair["anchors"], pair["factors"], pair["curves"]
        for design in pair["designs"]:
            del design["margins"], design["accuracy"], design["alphas"]
    return {
        "ordinary": ordinary,
        "several teachers": several,
        "four teachers": four,
        "classification": made(folder, classes=True),
        "one design": made(folder, n=(150,), N=(550,)),
        "undefined": made(folder, head="ridgeless", n=(7, 11, 100), N=(11, 550), rank=(6, 10)),
        "retrospective": made(folder, retrospective=True, test=0.2, noise_variance=0.64),
        "noise too large": made(folder, noise_variance=9.0),
        "long names": long,
        "hostile": hostile,
        "old": old,
        "empty": {},
    }


EVERY = [
    "ordinary",
    "several teachers",
    "four teachers",
    "classification",
    "one design",
    "undefined",
    "retrospective",
    "noise too large",
    "long names",
    "hostile",
    "old",
    "empty",
]


class Reader(HTMLParser):
    """Reads a page into elements, text and scripts, and refuses unbalanced ones."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.open, self.said = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


def terminal(outcome):
    stream = io.StringIO()
    Console(file=stream, width=140).print(forecast_lines(outcome))
    return " ".join(stream.getvalue().split())


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_forecast_is_drawn_within_its_elements(outcomes, name):
    read = Reader(forecast_page(outcomes[name]))
    charts = [attributes for _, attributes in read.elements if "data-spec" in attributes]
    assert all(len(chart["aria-label"]) > 20 for chart in charts)
    attributes = {key for _, found in read.elements for key in found}
    assert not any(key.startswith("on") or key in ("src", "action", "srcdoc") for key in attributes)
    ids = [found["id"] for _, found in read.elements if "id" in found]
    assert len(ids) == len(set(ids))
    assert {found["href"][1:] for tag, found in read.elements if tag == "a"} <= set(ids)
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-4]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert not re.search(r"\b(None|nan|inf)\b|(Undefined|Estimate)\(", read.text)
    assert terminal(outcomes[name])


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
    assert "Retrospective forecast" in terminal(outcomes["retrospective"])
    assert "they are not compared" in text


def test_what_is_not_told_is_said_with_its_remedy(outcomes):
    text = Reader(forecast_page(outcomes["several teachers"])).text
    assert "--noise-variance gives it, or --repeat-column" in text
    assert "mean squared error on new labels" in text
    assert "bias and label noise" in json.dumps(
        part_chart(outcomes["several teachers"], outcomes["several teachers"]["pairs"][0]).spec
    )
    assert "--repeat-column" in terminal(outcomes["several teachers"])
    classes = dict(identified(outcomes["classification"]))
    assert "noise of class labels is not known" in classes["Excess risk and OPR"]
    assert "--noise-variance" not in Reader(forecast_page(outcomes["classification"])).text
    assert "Share of new labels named right" in Reader(forecast_page(outcomes["classification"])).text
    assert "accuracy" in terminal(outcomes["classification"])


def test_reasons_stand_once_for_all_designs_of_a_kind(outcomes):
    outcome = outcomes["undefined"]
    (pair,) = outcome["pairs"]
    found = lost(pair)
    assert any("in 2 of 6 designs" in text and "for 6 dimensions" in text for _, text in found)
    assert any(names == "OPR" and text.startswith(": the variance") for names, text in found)
    assert len(found) < 10
    text = Reader(forecast_page(outcome)).text
    assert "Take a positive penalty" in text
    assert "Take a positive penalty" in terminal(outcome)


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


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_every_colour_is_told_from_light_and_dark_paper():
    papers = [
        luminance(f"#{hexes * 2}" if len(hexes) == 3 else f"#{hexes}")
        for hexes in re.findall("--paper:#([0-9a-f]+)", CSS)
    ]
    used = {
        BASELINE,
        STRONG,
        *TEACHERS,
        *(look[0] for look in ROUTES.values()),
        *(c for _, c in PARTS.values()),
    }
    for colour in used:
        for paper in papers:
            light, dark = max(luminance(colour), paper), min(luminance(colour), paper)
            assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_hostile_names_are_text_and_nothing_else(outcomes):
    html = forecast_page(outcomes["hostile"])
    read = Reader(html)
    rest = html
    for script in read.scripts:
        if "pwned" in script:
            json.loads(script)
            assert "<" not in script
        rest = rest.replace(script, "")
    for opening in ("<script>window", "<img", "<svg", "<!-- pwned"):
        assert opening not in rest
    assert escaped('<img src=x onerror="window.pwned=1">') in rest
    fragment = summary_html(outcomes["hostile"])
    assert "<img" not in fragment
    assert escaped("<img src=x") in fragment
    # A terminal reads no styles out of names.
    assert "[bold red]pwned[/bold red]" in terminal(outcomes["hostile"])


def test_a_notebook_shows_the_summary(outcomes):
    fragment = summary_html(outcomes["several teachers"])
    assert Reader(fragment).text.count("With 150 labelled") == 2
    assert summary_html({})


CUT = """() => {
  const faults = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const name = svg.closest("figure").querySelector(".name").textContent;
    const frame = svg.getBoundingClientRect();
    const boxes = [];
    for (const text of svg.querySelectorAll("text")) {
      if (!text.textContent || getComputedStyle(text).opacity === "0" ||
          text.getAttribute("opacity") === "0") continue;
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) faults.push(`${name}: cut off: ${text.textContent}`);
      for (const [other, said] of boxes) {
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 4) faults.push(`${name}: ${said} lies on ${text.textContent}`);
      }
      boxes.push([box, text.textContent]);
    }
  }
  return faults;
}"""
"""Texts of charts that leave their drawing or lie on one another."""

DRAWN = (
    """() => [...document.querySelectorAll("[data-spec]")].every((place) => place.dataset.drawn === "yes")"""
)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(
    "name",
    ["ordinary", "four teachers", "classification", "one design", "undefined", "long names", "hostile"],
)
def test_a_browser_draws_every_chart_and_asks_for_nothing(browser, outcomes, tmp_path, name, width):
    path = write_report(tmp_path, forecast_page(outcomes[name]))
    page = browser()
    page.set_viewport_size({"width": width, "height": 800})
    told = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"error: {error}"))
    page.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_function(DRAWN, timeout=60_000)
    for mark in page.locator(".chart svg .mark-symbol path").all()[:5]:
        mark.hover(force=True)
    assert told == []
    charts = page.locator("[data-spec]").count()
    assert charts >= 3
    assert page.locator(".chart svg").count() == charts
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.pwned") is None
    assert page.evaluate(CUT) == []
    page.close()


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

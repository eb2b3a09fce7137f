"""What holds for every page: only its own elements, text of users as text, nothing loaded, charts drawn."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise

import pytest

from outgrow.report import forecast_page, plan_page, rank_page, reproduction_page, sweep_page
from outgrow.report import terminal as shown
from outgrow.report.page import page as run_page
from outgrow.report.page import write_report
from outgrow.report.text import escaped

from .reading import CUT, UNMARKED, Reader, open_page, terminal


@dataclass(frozen=True)
class Verb:
    """The page of one verb, its lines in a terminal, how many charts "ordinary" has, its notebook summary."""

    page: object
    lines: object
    charts: int
    summary: object = None


VERBS = {
    "run": Verb(run_page, shown.run_lines, 4),
    "forecast": Verb(forecast_page.forecast_page, shown.forecast_lines, 3, forecast_page.summary_html),
    "rank": Verb(rank_page.page, shown.ranking_lines, 4, rank_page.summary_html),
    "plan": Verb(plan_page.page, shown.plan_lines, 4, plan_page.summary_html),
    "sweep": Verb(sweep_page.page, shown.sweep_lines, 6, sweep_page.summary_html),
    "reproduction": Verb(reproduction_page.page, shown.reproduction_lines, 3, reproduction_page.summary_html),
}

OTHER_VERSIONS = {
    "rank": [{"teachers": [{}]}, {"teachers": None, "decision": 3}],
    "sweep": [
        {"panels": [{}], "pairs": [{}], "cells": {"quantity": ["pgr"]}},
        {"panels": None, "cells": 3, "config": [], "fits": None},
        {"panels": [{"curves": [{"x": [1, None, "a"], "y": [1]}, {}], "x_log": True}], "notes": ["note"]},
    ],
    "reproduction": [
        {"comparisons": [{}], "tables": [{}, {"columns": {"a": None}}], "verdict": 3, "because": None},
        {"tables": [{"columns": {"a": [1, 2], "b": [None]}}], "panels": [{"curves": None}], "config": 1},
    ],
}
"""Findings that another version may have left: drawn as far as they go."""

RUNS = ("ordinary", "several teachers", "classification", "cross-validated", "few rows", "long names")
FORECASTS = ("ordinary", "several teachers", "four teachers", "classification", "one design", "undefined")
FORECASTS += ("retrospective", "noise too large", "long names", "old")
ORDINARY = [
    *(("run", name) for name in (*RUNS, "old")),
    *(("forecast", name) for name in FORECASTS),
    *(("rank", name) for name in ("ordinary", "many")),
    *(("plan", name) for name in ("ordinary", "long names")),
    *(("sweep", name) for name in ("ordinary", "wild", "noise")),
    ("reproduction", "ordinary"),
]
DRAWN_AT = [
    (*case, width)
    for place, case in enumerate(case for case in ORDINARY if case[1] not in ("old", "retrospective"))
    for width in ((1280, 400) if case[1] == "ordinary" else ((1280, 400)[place % 2],))
]
"""A browser is slow: ordinary pages are drawn on a screen and on a telephone, the rest on either."""

HOSTILES = [(verb, "hostile") for verb in VERBS]


@pytest.mark.parametrize(("verb", "name"), [*ORDINARY, *HOSTILES])
def test_a_page_is_drawn_within_its_elements(findings, verb, name):
    html = VERBS[verb].page(findings[verb][name])
    read = Reader(html)
    # Only our own elements, and nothing that acts, loads or leads away.
    known = "html head meta link title style body main header section nav article div span p h1 h2 h3 h4"
    known += " ul li dl dt dd a b i strong small code pre table thead tbody tr th td figure figcaption script"
    known += " svg path line" if verb in ("sweep", "reproduction") else ""
    assert set(read.tags) <= set(known.split())
    keys = {key for _, attributes in read.elements for key in attributes}
    assert not any(key.startswith("on") or key in ("src", "action", "srcdoc") for key in keys)
    links = [attributes["href"] for _, attributes in read.elements if "href" in attributes]
    assert all(link.startswith(("#", "data:,")) for link in links)
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for tag, attributes in read.elements if tag == "a"} <= set(ids)
    charts = [attributes for _, attributes in read.elements if "data-spec" in attributes]
    assert {chart["data-spec"] for chart in charts} <= set(ids)
    assert all(len(chart["aria-label"]) > 20 for chart in charts)
    # Headings never skip a level.
    levels = [int(tag[1]) for tag in read.tags if re.fullmatch("h[1-4]", tag)]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert not re.search(r"\b(None|nan|inf)\b|\b(Undefined|Estimate)\(", read.text)
    assert terminal(VERBS[verb].lines(findings[verb][name])).strip()


@pytest.mark.parametrize("verb", VERBS)
def test_only_the_scripts_of_the_page_may_run(findings, verb):
    html = VERBS[verb].page(findings[verb]["ordinary"])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#x27;", "'")
    assert "default-src 'none'" in policy
    script = re.search(r"script-src ([^;]+)", policy).group(1)
    assert "unsafe" not in script
    assert script.count("sha256-") == 2
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert len(html.encode()) < 2_000_000


@pytest.mark.parametrize("verb", VERBS)
def test_text_of_users_is_text_and_nothing_else(findings, verb):
    outcome = findings[verb]["hostile"]
    html = VERBS[verb].page(outcome)
    read, rest = Reader(html), html
    for script in read.scripts:
        if "pwned" in script:
            json.loads(script)
            assert "<" not in script
        rest = rest.replace(script, "")
    # Outside of JSON the payloads stand escaped: none opens an element.
    for opening in ("<script>window", "<img", "<svg/", "<!-- pwned"):
        assert opening not in rest
    assert escaped('<img src=x onerror="window.pwned=1">') in rest
    # A terminal reads neither styles nor controls out of names.
    lines = terminal(VERBS[verb].lines(outcome))
    assert "[bold red]" in lines
    for control in "\x00\x1b\u202e\u2066":
        assert control not in lines
    if VERBS[verb].summary:
        assert {"script", "img", "svg"}.isdisjoint(Reader(VERBS[verb].summary(outcome)).tags)


@pytest.mark.parametrize("verb", VERBS)
def test_findings_of_another_version_are_drawn_as_far_as_they_go(verb):
    for outcome in ({}, *OTHER_VERSIONS.get(verb, [])):
        assert "<h1>" in VERBS[verb].page(outcome)
        assert terminal(VERBS[verb].lines(outcome))
        if VERBS[verb].summary:
            assert isinstance(VERBS[verb].summary(outcome), str)


@pytest.mark.parametrize(("verb", "name", "width"), DRAWN_AT)
def test_a_browser_draws_every_chart_and_asks_for_nothing(browser, findings, tmp_path, verb, name, width):
    path = write_report(tmp_path, VERBS[verb].page(findings[verb][name]))
    page, messages = open_page(browser, path, width)
    assert messages == []
    charts = page.locator("[data-spec]").count()
    assert charts >= (VERBS[verb].charts if name == "ordinary" else 3)
    assert page.locator(".chart svg").count() == charts
    assert name == "undefined" or page.evaluate(UNMARKED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    page.close()


@pytest.mark.parametrize(("verb", "name"), [*HOSTILES, ("run", "old"), ("run", "empty")])
def test_a_browser_runs_nothing_of_the_users(browser, findings, tmp_path, verb, name):
    path = write_report(tmp_path, VERBS[verb].page(findings[verb][name]))
    page, messages = open_page(browser, path, 400, "dark")
    # Tooltips are drawn by the pointer only; they show names too.
    for mark in page.locator(".chart svg .mark-symbol path").all()[:5]:
        mark.hover(force=True)
    assert messages == []
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()

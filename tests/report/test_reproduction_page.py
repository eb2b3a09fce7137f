"""The page of a reproduction: the verdict first, every published number beside ours, no text let through."""

from __future__ import annotations

import io
import itertools
from html.parser import HTMLParser

import pytest

from outgrow.report.page import write_report
from outgrow.report.reproduction_page import matches, page, summary_html, tally
from outgrow.report.reproduction_table import reproduction_lines
from outgrow.reproductions.reproduction import Comparison

HOSTILE = (
    "[bold red]x[/bold red]\x1b[1m</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
)

DRAWN = (
    """() => [...document.querySelectorAll("[data-spec]")].every((place) => place.dataset.drawn === "yes")"""
)

LEAVES = """() => [...document.querySelectorAll(".chart svg")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return text.textContent && (box.left < frame.left - 1 || box.right > frame.right + 1);
  }).map((text) => text.textContent);
})"""
"""Texts of charts that leave their drawing."""


def tags(html):
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, name, attributes):
            found.append(name)

    Reader().feed(html)
    return found


def shown(outcome):
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(reproduction_lines(outcome))
    return console.export_text()


def hostile(made):
    outcome = made(**dict.fromkeys(("name", "title", "source", "setting", "verdict", "because"), HOSTILE))
    outcome["notes"] = [HOSTILE]
    outcome["config"] = {HOSTILE: HOSTILE, "t": {HOSTILE: [HOSTILE]}}
    for one in outcome["comparisons"]:
        one["what"] = one["reason"] = HOSTILE
    for one in outcome["tables"]:
        one["name"] = one["title"] = one["note"] = HOSTILE
        one["columns"] = {HOSTILE: [HOSTILE]}
    for one in outcome["panels"]:
        one["title"] = one["x_name"] = one["y_name"] = one["group"] = HOSTILE
        for place, curve in enumerate(one["curves"]):
            curve["series"], curve["note"] = f"{HOSTILE} {place}", HOSTILE
    return outcome


def test_the_verdict_stands_first_and_the_figure_next(made_reproduction):
    html = page(made_reproduction())
    order = ("Partly matches", "Five numbers agree", "4 of 5 numbers", "Here:", "The figure", "chart-3")
    order += ("Exact, from the offsets.", "Published and ours", "Every risk", "To bear in mind", "Checks")
    order += ("How every number was obtained", "Configuration")
    places = [html.index(word) for word in order]
    assert places == sorted(places)
    assert "…/UTKFace" in html
    assert "someone" not in html


@pytest.mark.parametrize(
    ("verdict", "said", "kind"),
    [
        ("matches", "Matches", "do"),
        ("does not match", "Does not match", "dont"),
        ("partly matches", "Partly matches", "close"),
        ("not compared", "Not compared", "close"),
    ],
)
def test_every_verdict_has_its_word_and_class(made_reproduction, verdict, said, kind):
    html = page(made_reproduction(verdict=verdict))
    assert f'class="verdict {kind}"' in html
    assert f"{said}</span>" in html
    assert said in shown(made_reproduction(verdict=verdict))


def test_comparisons_agree_with_those_of_the_study():
    values = (None, -1.0, 0.0, 0.5, 0.52, 0.54)
    for published, ours, tolerance in itertools.product(values, values, (0.0, 0.02, 0.1)):
        one = Comparison("x", published, ours, tolerance)
        plain = {"published": published, "ours": ours, "tolerance": tolerance}
        assert matches(plain) is one.matches, plain


def test_every_published_number_stands_beside_ours(made_reproduction):
    outcome = made_reproduction()
    for text in (page(outcome), shown(outcome)):
        for number in ("0.588", "0.552", "[0.537, 0.567]", "−0.036", "0.000164", "+2e-08", "2.321"):
            assert number in text, number
        for word in ("matches", "differs", "not compared", "other weights of the same network"):
            assert word in text, word


def test_what_was_not_published_is_not_counted(made_reproduction):
    nothing = made_reproduction(published=False)
    assert tally(nothing) == (
        "1 of 1 numbers is met within its tolerance; 1 could not be compared; 4 more are ours alone."
    )
    assert tally({"comparisons": [{"ours": 1.0}]}) == "None of 1 numbers could be compared."
    assert tally({}) == ""


def test_long_tables_name_their_file(made_reproduction):
    html = page(made_reproduction())
    assert "Shown are 15 of 90 rows; all are in risks.parquet." in html
    assert "risks.parquet, dimensions.parquet, figure.png, figure.pdf" in html
    assert html.count("<td>yes</td>") == 1


def test_dozens_of_panels_stay_small(made_reproduction):
    outcome = made_reproduction()
    size = len(page(outcome).encode())
    outcome["panels"] *= 6
    html = page(outcome)
    assert html.count('class="chart"') == 18
    assert len(html.encode()) < 2_000_000
    assert (len(html.encode()) - size) / 15 < 25_000


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"comparisons": [{}], "tables": [{}, {"columns": {"a": None}}], "verdict": 3, "because": None},
        {"tables": [{"columns": {"a": [1, 2], "b": [None]}}], "panels": [{"curves": None}], "config": 1},
    ],
)
def test_a_reproduction_of_another_version_is_drawn_as_far_as_it_goes(outcome):
    assert "<h1>" in page(outcome)
    assert shown(outcome)
    assert isinstance(summary_html(outcome), str)


def test_names_stay_text(made_reproduction):
    outcome, plain = hostile(made_reproduction), made_reproduction()
    html = page(outcome)
    assert "img" not in tags(html)
    assert tags(html).count("script") == tags(page(plain)).count("script")
    assert {"script", "img"}.isdisjoint(tags(summary_html(outcome)))
    assert "[bold red]x[/bold red]" in shown(outcome)
    assert "\x1b" not in shown(outcome)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("kind", ["ordinary", "hostile"])
def test_the_page_in_a_browser(browser, tmp_path, made_reproduction, kind, width):
    outcome = made_reproduction() if kind == "ordinary" else hostile(made_reproduction)
    path = write_report(tmp_path, page(outcome))
    view = browser()
    view.set_viewport_size({"width": width, "height": 800})
    view.emulate_media(color_scheme="dark")
    told = []
    view.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    view.on("pageerror", lambda error: told.append(f"error: {error}"))
    view.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    view.goto(path.as_uri())
    view.wait_for_function(DRAWN, timeout=30_000)
    for mark in view.locator(".chart svg .mark-symbol path").all()[:4]:
        mark.hover(force=True)
    assert told == []
    assert view.locator(".chart svg").count() == 3
    # Theory, bound and measured lines of the first panel, three of each.
    assert view.locator(".chart svg").first.locator(".mark-line path").count() == 9
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    assert view.evaluate("window.pwned") is None
    assert view.evaluate(LEAVES) == []
    view.close()

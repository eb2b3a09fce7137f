"""The page of a reproduction: the verdict first, every published number beside ours, no text let through."""

from __future__ import annotations

import itertools

import pytest

from outgrow.report.page import write_report
from outgrow.report.reproduction_page import matches, page, tally
from outgrow.report.terminal import reproduction_lines
from outgrow.reproductions.reproduction import Comparison

from .reading import open_page, terminal


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
    assert said in terminal(reproduction_lines(made_reproduction(verdict=verdict)))


def test_comparisons_agree_with_those_of_the_study():
    values = (None, -1.0, 0.0, 0.5, 0.52, 0.54)
    for published, ours, tolerance in itertools.product(values, values, (0.0, 0.02, 0.1)):
        one = Comparison("x", published, ours, tolerance)
        plain = {"published": published, "ours": ours, "tolerance": tolerance}
        assert matches(plain) is one.matches, plain


def test_every_published_number_stands_beside_ours(made_reproduction):
    outcome = made_reproduction()
    for text in (page(outcome), terminal(reproduction_lines(outcome))):
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


def test_a_browser_draws_theory_bound_and_measured_lines(browser, tmp_path, made_reproduction):
    view, _ = open_page(browser, write_report(tmp_path, page(made_reproduction())), 1280, "dark")
    # Three of each in the first panel.
    assert view.locator(".chart svg").first.locator(".mark-line path").count() == 9
    view.close()

"""The page in a real browser: every chart drawn, nothing asked of any network, nothing cut off or on top of
something else."""

from __future__ import annotations

from outgrow.report.page import page as drawn
from outgrow.report.page import write_report

from .reading import open_page


def test_charts_follow_the_width_of_the_window(browser, outcome, tmp_path):
    page, _ = open_page(browser, write_report(tmp_path, drawn(outcome)), 1280)
    page.set_viewport_size({"width": 400, "height": 800})
    narrow = "(svg) => svg.getAttribute('width') <= 368"
    page.wait_for_function(f"() => [...document.querySelectorAll('.chart svg')].every({narrow})")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


def test_a_newcomer_reads_the_answer_without_scrolling(browser, outcome, tmp_path):
    page, _ = open_page(browser, write_report(tmp_path, drawn(outcome)), 1280)
    for selector in ("h1", ".badge", ".take", ".sentence", "table"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 800, selector
    page.set_viewport_size({"width": 400, "height": 800})
    for selector in ("h1", ".badge", ".take", ".sentence"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 800, selector
    page.close()


def test_on_paper_no_table_is_cut(browser, variants, tmp_path):
    page, _ = open_page(browser, write_report(tmp_path, drawn(variants["several teachers"])), 1280)
    page.emulate_media(media="print")
    # A4 less margins of 15 mm, in CSS pixels: paper cannot scroll.
    page.set_viewport_size({"width": 680, "height": 1000})
    wide = "(table) => table.scrollWidth > table.clientWidth"
    assert page.evaluate(f"[...document.querySelectorAll('.scroll')].filter({wide}).length") == 0
    page.close()

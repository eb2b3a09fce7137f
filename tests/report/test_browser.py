"""The page in a real browser: every chart drawn, nothing asked of any network, nothing cut off or on top of
something else."""

from __future__ import annotations

import pytest

from outgrow.report.page import page as drawn
from outgrow.report.page import write_report

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
"""Texts of charts that leave their drawing or lie on one another; boxes are taller than letters, so a few
pixels of height may be shared."""

UNMARKED = """() => [...document.querySelectorAll("[data-spec]")].filter(
  (place) => !place.querySelector("svg .mark-symbol path, svg .mark-line path")
).map((place) => place.dataset.spec)"""

DRAWN = (
    """() => [...document.querySelectorAll("[data-spec]")].every((place) => place.dataset.drawn === "yes")"""
)


def open_page(browser, path, width, scheme="light"):
    page = browser()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    told = []
    page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (told.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_function(DRAWN, timeout=30_000)
    return page, told


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(
    "name", ["ordinary", "several teachers", "classification", "cross-validated", "few rows", "long names"]
)
def test_every_chart_is_drawn_and_fits(browser, variants, tmp_path, name, width):
    path = write_report(tmp_path, drawn(variants[name]))
    page, told = open_page(browser, path, width)
    assert told == []
    charts = page.locator("[data-spec]").count()
    assert charts >= 4
    assert page.locator(".chart svg").count() == charts
    assert page.evaluate(UNMARKED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == []
    if name != "long names":
        assert not [text for text in page.locator(".chart svg text").all_text_contents() if "…" in text]
    page.close()


@pytest.mark.parametrize("name", ["hostile", "old", "empty"])
def test_strange_runs_are_shown_without_a_fault(browser, variants, tmp_path, name):
    path = write_report(tmp_path, drawn(variants[name]))
    page, told = open_page(browser, path, 400, "dark")
    # Tooltips are drawn by the pointer only; they show names too.
    for mark in page.locator(".chart svg .mark-symbol path").all()[:5]:
        mark.hover(force=True)
    assert told == []
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


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

"""How tests read what a report shows: a page's elements and text, a terminal's lines, a browser's drawing."""

from __future__ import annotations

import io
from html.parser import HTMLParser

from rich.console import Console

VOID = {"meta", "link", "br", "hr"}


class Reader(HTMLParser):
    """Reads a page into its elements, its text and its scripts, and refuses unbalanced ones."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.open, self.parts = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self.open[-1:] != ["style"]:
            self.parts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.parts).split())

    @property
    def tags(self):
        return [tag for tag, _ in self.elements]


def terminal(renderable, width=220):
    """What a terminal shows, without styles."""
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Ratio of luminances (WCAG 2): text wants 4.5, marks want 3."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


CUT = """() => {
  const faults = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const frame = svg.getBoundingClientRect();
    const boxes = [];
    for (const text of svg.querySelectorAll("text")) {
      if (!text.textContent || getComputedStyle(text).opacity === "0" ||
          text.getAttribute("opacity") === "0") continue;
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) faults.push(`cut off: ${text.textContent}`);
      for (const [other, words] of boxes) {
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 4) faults.push(`${words} lies on ${text.textContent}`);
      }
      boxes.push([box, text.textContent]);
    }
  }
  return faults;
}"""
"""Texts of charts that leave their drawing or lie on one another; boxes are taller than letters, so a few
pixels of height may be shared."""

UNMARKED = """() => [...document.querySelectorAll("[data-spec]")].filter(
  (place) => !place.querySelector("svg .mark-symbol path, svg .mark-line path, svg .mark-rect path")
).map((place) => place.dataset.spec)"""

DRAWN = (
    """() => [...document.querySelectorAll("[data-spec]")].every((place) => place.dataset.drawn === "yes")"""
)


def open_page(browser, path, width, scheme="light"):
    """Open a report; what the page asked for, or complained of, is listed beside it."""
    page = browser()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    messages = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (messages.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: messages.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    page.wait_for_function(DRAWN, timeout=60_000)
    return page, messages

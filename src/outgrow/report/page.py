"""The report of a run: one page that needs nothing but itself, from the run's JSON alone.

Scripts stand in the page once and are named to the browser by their digests: nothing else may run, load or
be sent, so a name that slipped through as markup could still do nothing. The first screen answers the
question; what it rests on follows, down to how each number was obtained.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from functools import lru_cache
from pathlib import Path

from outgrow.report import page_back, page_risks, page_teacher
from outgrow.report.drawing_process import DrawingError, draw
from outgrow.report.figures import Figures
from outgrow.report.findings import Plain, items
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.page_head import head, title_of
from outgrow.report.style import CSS, DRAW
from outgrow.report.text import escaped, shortened

_log = logging.getLogger(__name__)

VEGA_LITE = "6.4"
"""Version of the scripts: the one that our Altair writes specifications for."""


def write_report(folder: Path, html: str) -> Path:
    """Write a page."""
    path = folder / "report.html"
    path.write_text(html, encoding="utf-8", newline="\n")
    return path


def page(outcome: Plain) -> str:
    """Draw the report of a run."""
    figures = Figures()
    pairs = items(outcome, "pairs")
    anchors = [f"teacher-{place}" for place, _ in enumerate(pairs, 1)]
    main = tag(
        "main",
        head(outcome),
        _contents([(anchor, str(pair.get("weak"))) for anchor, pair in zip(anchors, pairs, strict=True)]),
        page_risks.risks(outcome, figures),
        *(page_teacher.teacher(pair, outcome, figures, at) for at, pair in zip(anchors, pairs, strict=True)),
        page_back.raised(outcome),
        page_back.obtained(outcome),
        page_back.glossary(),
        page_back.configuration(outcome),
    )
    return document(title_of(outcome), main, figures)


def document(title: str, main: Safe, figures: Figures) -> str:
    """Put a page's content into a document that needs nothing but itself."""
    scripts = [_vega(), DRAW] if figures.drawings else []
    allowed = " ".join(f"'{_digest(script)}'" for script in scripts) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escaped(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="data:,">\n<title>{escaped(title)}</title>\n'
        f"<style>{CSS}</style>\n</head>\n<body>\n{main}\n{figures.specifications()}"
        + "\n".join(f"<script>{script}</script>" for script in scripts)
        + "\n</body>\n</html>\n"
    )


def _contents(teachers: list[tuple[str, str]]) -> Safe:
    links = [("risks", "Risks"), *((at, f"Teacher {shortened(name, 30)}") for at, name in teachers)]
    links += [
        ("checks", "Checks"),
        ("methods", "Methods"),
        ("words", "Words"),
        ("configuration", "Configuration"),
    ]
    return tag("nav", joined([tag("a", title, href=f"#{at}") for at, title in links]), aria_label="Contents")


@lru_cache(maxsize=1)
def _vega() -> str:
    wanted = {"snippet": "window.vegaEmbed = vegaEmbed;", "vl_version": VEGA_LITE}
    try:
        script = draw([("javascript_bundle", wanted, None)]).decode()
    except DrawingError as error:
        _log.warning("the report has no charts (%s); `outgrow report DIR` draws it again", error)
        return ""
    # The parser ends the element at the first "</script", and turns carriage returns into line feeds before
    # the digest is taken.
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r\n", "\n")


def _digest(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"

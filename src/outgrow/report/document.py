"""A page as one file that needs nothing but itself.

Scripts stand in it once and are named to the browser by their digests: nothing else may run, load or be
sent, so a name that slipped through as markup could still do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from functools import lru_cache

from outgrow.report.drawing_process import DrawingError, draw
from outgrow.report.figures import Figures
from outgrow.report.markup import Safe
from outgrow.report.style import CSS, DRAW
from outgrow.report.text import escaped

_log = logging.getLogger(__name__)

VEGA_LITE = "6.4"
"""Version of the scripts: the one that our Altair writes specifications for."""


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

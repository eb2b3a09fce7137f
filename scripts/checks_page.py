"""Write docs/checks.md, one paragraph a coded check, from the registry in outgrow.errors."""

from __future__ import annotations

from pathlib import Path

from outgrow.errors import CHECKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "checks.md"
HEAD = """# Checks

A check is raised by a result that exists but deserves suspicion. The terminal shows its code, title and
remedy, the serious ones above the answers; `outgrow explain CODE` shows what stands here. OG1xx are about
data, OG2xx about statistics, OG3xx about models. Made by `scripts/checks_page.py`.
"""


def page() -> str:
    """Give the page."""
    parts = [
        f"## {kind.code}: {kind.title}\n\n{'**Serious.** ' if kind.serious else ''}{kind.why} {kind.remedy}\n"
        for kind in CHECKS.values()
    ]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

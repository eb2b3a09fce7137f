"""Checks in a terminal and in the docs: each with its title and remedy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from outgrow.errors import CHECKS, ConfigError
from outgrow.report.check_lines import check_lines, explained
from outgrow.results import Check, as_plain

from .reading import terminal

ROOT = Path(__file__).resolve().parents[2]


def test_titles_and_remedies_are_shown_and_serious_checks_apart():
    outcome = {"checks": as_plain([Check("OG101", "2 rows"), Check("OG208", "teacher [bold]x[/bold]")])}
    first, rest = (terminal(check_lines(outcome, serious)) for serious in (True, False))
    assert f"OG101 {CHECKS['OG101'].title}: 2 rows" in first
    assert CHECKS["OG101"].remedy in first
    assert "OG208" not in first
    assert f"OG208 {CHECKS['OG208'].title}: teacher [bold]x[/bold]" in rest
    assert CHECKS["OG208"].remedy in rest


def test_every_code_is_explained_and_unknown_ones_are_refused():
    for code, kind in CHECKS.items():
        text = explained(code.lower())
        assert all(part in text for part in (code, kind.title, kind.why, kind.remedy))
    with pytest.raises(ConfigError, match="no check is called 'OG999'"):
        explained("OG999")


def test_the_page_of_the_docs_is_that_of_the_registry():
    spec = importlib.util.spec_from_file_location("checks_page", ROOT / "scripts" / "checks_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page()  # else run scripts/checks_page.py

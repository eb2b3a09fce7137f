"""Tables for page and terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from outgrow.report.listing import Column, listing
from outgrow.results import Estimate, as_plain


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_folds_numbers_and_cuts_no_digit(width):
    parts = [as_plain(Estimate(1.234e-8 * k, (1.1e-9 * k, 3.54e-8 * k), n=9)) for k in range(1, 9)]
    table = listing("parts", [Column(str(k)) for k in range(8)], [parts])
    out = Console(width=width, file=io.StringIO())
    out.print(*table.lines())
    text = out.file.getvalue()
    assert "…" not in text

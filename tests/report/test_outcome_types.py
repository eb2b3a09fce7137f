"""Findings of a run, written as JSON and read back as what they were."""

from __future__ import annotations

import pytest

from outgrow.results import Estimate, as_plain, from_plain
from outgrow.study.outcome import Retrospective, RunOutcome
from outgrow.study.verdict import Comparison


@pytest.mark.parametrize("kind", ["ordinary", "several teachers", "classification", "cross-validated"])
def test_a_run_comes_back_as_it_was(variants, kind):
    plain = variants[kind]
    found = from_plain(RunOutcome, plain)
    assert as_plain(found) == plain
    assert isinstance(found.on_test[0], Comparison)
    assert isinstance(found.routes[0].expected, Estimate)
    assert found.pairs[0].weak == plain["pairs"][0]["weak"]
    assert isinstance(found.pairs[0].theory, Retrospective) == (kind in ("ordinary", "several teachers"))

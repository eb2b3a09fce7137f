"""Golden results stand: made by scripts/golden.py, a change of any number is a decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"

# Machines differ in the order of sums. In the synthetic world that is some 1e-15, times a condition of 10^3
# in the fits; the worst conditioned fits of the movies move by some 1e-9. A change of a formula or of a draw
# moves far more. A z score is a difference of near equals, and may itself be near 0.
CLOSE = {
    "synthetic": {"rel": 1e-8, "abs": 1e-20},
    "movies": {"rel": 1e-6, "abs": 1e-9},
}


@pytest.mark.parametrize("name", CLOSE)
def test_golden_results_stand(name, golden):
    kept = json.loads((GOLDEN / f"{name}.json").read_text())
    found = golden(name)
    assert json.loads(json.dumps(found["config"])) == kept["config"]
    assert found["verdict"] == kept["verdict"]
    assert found["comparisons"].keys() == kept["comparisons"].keys()
    for what, value in kept["comparisons"].items():
        close = value if value is None else pytest.approx(value, rel=min(1e-7, CLOSE[name]["rel"]))
        assert found["comparisons"][what] == close, what
    assert found["tables"].keys() == kept["tables"].keys()
    for table, columns in kept["tables"].items():
        assert found["tables"][table].keys() == columns.keys()
        for column, values in columns.items():
            least = {"abs": 1e-8} if column == "z" else {}
            for again, value in zip(found["tables"][table][column], values, strict=True):
                close = (
                    pytest.approx(value, **{**CLOSE[name], **least}) if isinstance(value, float) else value
                )
                assert again == close, (table, column)

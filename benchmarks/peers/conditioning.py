"""How exact d_sw is for ill-conditioned sets: ours, bare Gram matrices and cca-zoo against QR and SVD."""

from __future__ import annotations

from typing import Any

import with_cca_zoo
import with_numpy

from worlds import pair

CONDITIONS = (1e2, 1e4, 1e5, 1e7, 1e9)

SIZE = {"rows": 4_000, "weak": 96, "strong": 192, "shared": 48}


def conditioning() -> list[dict[str, Any]]:
    """Measure d_sw of a weak set at each condition number.

    Returns
    -------
    list of dict
        Condition number, d_sw by QR and SVD, each side's difference from it (None where it gave no number),
        directions that outgrow kept, and its words.
    """
    from outgrow.geometry.correlation import correlation_dimension

    rows = []
    for condition in CONDITIONS:
        inputs = pair(**SIZE, conditions=(condition, 10.0))
        exact = with_numpy.d_sw(inputs)
        found = correlation_dimension(inputs["weak"], inputs["strong"])
        assert found.naive is not None
        rows.append(
            {
                "condition": condition,
                "d_sw": exact,
                "outgrow": abs(found.naive - exact),
                "gram": _number(abs(with_numpy.d_sw_by_gram(inputs) - exact)),
                "cca-zoo": _zoo(inputs, exact),
                "d_w": found.d_w,
                "method": getattr(found.estimate, "method", ""),
            }
        )
    return rows


def _zoo(inputs: dict[str, Any], exact: float) -> float | str | None:
    try:
        return _number(abs(with_cca_zoo.d_sw(inputs) - exact))
    except Exception as error:  # whatever a peer raises is its result
        return f"{type(error).__name__}: {error}"


def _number(value: float) -> float | None:
    return None if value != value else float(value)

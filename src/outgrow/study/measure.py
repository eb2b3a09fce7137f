"""Geometry alone: what `outgrow measure` finds in feature sets without any labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from outgrow.config import MeasureConfig
from outgrow.data.checks import drop_constant
from outgrow.data.join import join
from outgrow.data.splits import jackknife_groups
from outgrow.geometry.measure import measure_pair
from outgrow.results import as_plain
from outgrow.study.prepare import read_sets


def measure(config: MeasureConfig, progress: Callable[[str, float], None] | None = None) -> dict[str, Any]:
    """Measure every weak set against the strong one, on all rows.

    Parameters
    ----------
    config : MeasureConfig
        Which sets.
    progress : callable, optional
        Called with a few words and the share done.

    Returns
    -------
    dict
        Plain values: "strong", "note", "rows", "checks" and "pairs" (geometry by weak set).
    """
    tell = progress or (lambda _what, _share: None)
    tell("reading features", 0.0)
    weak, strong = read_sets(config)
    joined = join(weak, strong, None)
    groups = jackknife_groups(joined.ids, seed=config.seed)
    pairs, checks = {}, []
    for place, (table, values) in enumerate(zip(weak, joined.weak, strict=True)):
        name = table.identity.name
        tell(f"measuring {name}", place / len(weak))
        geometry = measure_pair(
            values,
            joined.strong,
            rank_w=config.rank[0] if config.rank else None,
            rank_s=config.rank[-1] if config.rank else None,
            groups=groups,
            rng=np.random.default_rng(config.seed),
        )
        pairs[name] = as_plain(geometry)
        checks.append(drop_constant(values)[2])
    checks.append(drop_constant(joined.strong)[2])
    return {
        "strong": strong.identity.name,
        "note": config.note,
        "rows": len(joined.ids),
        "pairs": pairs,
        "checks": [as_plain(check) for check in checks if check is not None],
    }

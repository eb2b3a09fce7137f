"""Geometry alone: what `outgrow measure` finds in feature sets without any labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from outgrow.config import MeasureConfig
from outgrow.data.checks import constant_columns
from outgrow.data.join import join
from outgrow.data.numeric import check_spread
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError
from outgrow.geometry.measure import measure_pair
from outgrow.geometry.pair_moments import pair_moments
from outgrow.linalg.row_space import narrowed
from outgrow.results import as_plain
from outgrow.study.prepare import belonging
from outgrow.study.sources import NOTHING, Permissions, Progress, feature_sets, raw_rows


def measure(
    config: MeasureConfig, progress: Progress | None = None, permissions: Permissions = NOTHING
) -> dict[str, Any]:
    """Measure every weak set against the strong one, on all rows.

    Parameters
    ----------
    config : MeasureConfig
        Which sets.
    progress : callable, optional
        Called with a few words and the share done.
    permissions : Permissions
        What may be run.

    Returns
    -------
    dict
        Plain values: "strong", "note", "rows", "checks" and "pairs" (geometry by weak set).
    """
    tell = progress or (lambda _what, _share: None)
    tell("reading features", 0.0)
    if not config.weak:
        raise ConfigError("--weak is missing", remedy="Name a weak feature set, or a model.")
    raw = raw_rows(config, config.input) if config.input else None
    weak, strong = feature_sets(config, raw, (), permissions, progress)
    joined = join(weak, strong, None)
    checks = []
    for table, values in zip((*weak, strong), (*joined.weak, joined.strong), strict=True):
        of = (table.identity.name, table.identity.columns)
        check_spread(values, *of)
        checks.append(constant_columns(values, *of))
    rows = np.arange(len(joined.ids))
    strong_values, _ = narrowed(joined.strong, rows)
    belong = belonging(strong_values, joined.ids, _groups(raw, joined.ids), rows, config.seed)
    pairs = {}
    for place, (table, values) in enumerate(zip(weak, joined.weak, strict=True)):
        name = table.identity.name
        tell(f"measuring {name}", place / len(weak))
        values, _ = narrowed(values, rows)
        geometry = measure_pair(
            values,
            strong_values,
            rank_w=config.rank[0] if config.rank else None,
            rank_s=config.rank[-1] if config.rank else None,
            taken=(pair_moments(values, strong_values, belong.folds), belong),
            rng=np.random.default_rng(config.seed),
        )
        widths = (table.identity.width, strong.identity.width)
        pairs[name] = as_plain(geometry.of_columns(*widths))
    return {
        "strong": strong.identity.name,
        "note": config.note,
        "rows": len(joined.ids),
        "pairs": pairs,
        "checks": [as_plain(check) for check in checks if check is not None],
    }


def _groups(raw: RawRows | None, ids: np.ndarray) -> np.ndarray | None:
    if raw is None or raw.groups is None:
        return None
    by_id = dict(zip(raw.ids.tolist(), raw.groups.tolist(), strict=True))
    return np.array([by_id.get(item) for item in ids.tolist()], dtype=object)

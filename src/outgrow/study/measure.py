"""Geometry alone: what `outgrow measure` finds in feature sets without any labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from outgrow.config import MeasureConfig
from outgrow.data.checks import carried_columns, constant_columns, same_set
from outgrow.data.join import join
from outgrow.data.numeric import check_spread
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError
from outgrow.geometry.pair_geometry import measure_pair
from outgrow.geometry.pairs import pair_of
from outgrow.linalg.moments import moments_of
from outgrow.linalg.row_space import narrowed
from outgrow.results import as_plain
from outgrow.study.memory import make_room
from outgrow.study.prepare import belonging
from outgrow.study.sources import (
    NOTHING,
    Permissions,
    Progress,
    feature_sets,
    given_columns,
    given_teachers,
    raw_rows,
)
from outgrow.study.unlabelled import agreement


def measure(
    config: MeasureConfig, progress: Progress | None = None, permissions: Permissions = NOTHING
) -> dict[str, Any]:
    """Measure every weak set against the strong one, on all rows."""
    tell = progress or (lambda _what, _share: None)
    tell("reading features", 0.0)
    if not (config.weak or config.pseudo_labels):
        raise ConfigError("--weak is missing", remedy="Name a weak feature set, or a model.")
    raw = raw_rows(config, config.input) if config.input else None
    named = given_columns(config)
    exclude = [column for _, _, columns in named for column in columns]
    weak, strong = feature_sets(config, raw, exclude, permissions, progress)
    joined = join(weak, strong, None)
    checks = []
    for table, values in zip((*weak, strong), (*joined.weak, joined.strong), strict=True):
        of = (table.identity.name, table.identity.columns)
        check_spread(values, *of)
        checks += [constant_columns(values, *of), carried_columns(values, joined.ids, *of)]
        checks.append(same_set(table.identity.name, values, joined.strong) if table is not strong else None)
    rows = np.arange(len(joined.ids))
    given = {name: read.values for name, (read, _) in given_teachers(named, joined.ids, config).items()}
    ranks = (config.rank[0], config.rank[-1]) if config.rank else (None, None)
    weak_values = [*joined.weak, *given.values()]
    memory = make_room("measure", weak_values, joined.strong, (len(rows),), ranks, progress=progress)
    strong_values, of_strong = narrowed(joined.strong, rows, ranks[1])
    belong = belonging(strong_values, joined.ids, _groups(raw, joined.ids), rows, config.seed)
    sets = {table.identity.name: values for table, values in zip(weak, joined.weak, strict=True)}
    if twice := sets.keys() & given.keys():
        raise ConfigError(
            f"two teachers have the same name: {', '.join(twice)}", remedy="Name them: NAME=FILE."
        )
    sets |= given
    pairs, agreements = {}, {}
    for place, (name, whole) in enumerate(sets.items()):
        tell(f"measuring {name}", place / len(sets))
        values, of_weak = narrowed(whole, rows, ranks[0])
        moments = moments_of(pair_of(values, strong_values), groups=belong.folds)
        if name in given:
            agreements[name] = as_plain(agreement(values, strong_values, moments, belong.folds))
        geometry = measure_pair(
            values,
            strong_values,
            rank_w=ranks[0],
            rank_s=ranks[1],
            taken=(moments, belong),
            spaces=(of_weak, of_strong),
            rng=np.random.default_rng(config.seed),
        )
        pairs[name] = as_plain(geometry)
    return {
        "strong": strong.identity.name,
        "note": config.note,
        "rows": len(joined.ids),
        "reading": {"rows": len(joined.ids), "matched": joined.matched, "memory": dict(memory.parts)},
        "pairs": pairs,
        "agreement": agreements,
        "checks": [as_plain(check) for check in checks if check is not None],
    }


def _groups(raw: RawRows | None, ids: np.ndarray) -> np.ndarray | None:
    if raw is None or raw.groups is None:
        return None
    by_id = dict(zip(raw.ids.tolist(), raw.groups.tolist(), strict=True))
    return np.array([by_id.get(item) for item in ids.tolist()], dtype=object)

"""What a pair's line in a figure is labelled with: how much of the teacher the student can see.

Dimensions are of the rows that a sweep deals from: ranks, the correlation dimension corrected for chance with
its jackknife interval (docs/theory.md, T1), and beside them the published similarity, with its chance level.
They need no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from outgrow.geometry.correlation import PairRows, correlation_from_moments, whitening
from outgrow.geometry.dependence import Dependence, dependence
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.geometry.published import PublishedSimilarity, similarity_of_spectra
from outgrow.intervals.jackknife import whole_folds
from outgrow.linalg.moments import moments_of
from outgrow.sweeps.grid import SweepData
from outgrow.sweeps.sweep_outcome import PairDimensions

DEAL = 0xD5
"""Keeps the draw of jackknife groups apart from all other draws."""


def dimensions(data: SweepData, pairs: Sequence[tuple[str, str]]) -> tuple[PairDimensions, ...]:
    """Measure the dimensions of every pair on the rows to train on."""
    return tuple(_dimensions(data, weak, strong) for weak, strong in pairs)


def _dimensions(data: SweepData, weak: str, strong: str) -> PairDimensions:
    X_w, X_s = data.views[weak], data.views[strong]
    belong = _dealt(dependence((X_s, X_w), members=data.train))
    folds = np.full(len(X_w), -1, dtype=np.int64)
    folds[data.train] = belong.folds
    table = moments_of(pair_of(X_w, X_s), None, {"train": data.train}, folds)
    total = table.select()
    by_w, by_s = whitening(total, WEAK), whitening(total, STRONG)
    shared = correlation_from_moments(table, by_w, by_s, PairRows(X_w, X_s, belong, data.train))
    similar = similarity_of_spectra(by_w.spectrum, by_s.spectrum, np.random.default_rng(0))
    return PairDimensions(
        weak=weak,
        strong=strong,
        width_w=X_w.shape[1],
        width_s=X_s.shape[1],
        d_w=by_w.kept,
        d_s=by_s.kept,
        d_sw=shared.estimate,
        naive=shared.naive,
        published=similar.value if isinstance(similar, PublishedSimilarity) else None,
        chance=similar.chance if isinstance(similar, PublishedSimilarity) else None,
    )


def _dealt(belong: Dependence) -> Dependence:
    """Deal units into folds at random, not in turn: rows may be sorted by their labels, as faces by age."""
    turn = np.random.default_rng([0, DEAL]).permutation(int(belong.units.max()) + 1)
    return replace(belong, folds=whole_folds(turn[belong.units]))

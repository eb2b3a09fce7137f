"""Everything about a pair of representations that needs no labels, in one pass over the rows and a half.

Moments of both sets by jackknife group give the spectra, dimensions and correlations; rows are read again
only to shuffle them, for parallel analysis and for canonical correlations by chance. Where every row has a
label, what the teacher's features leave of the labels is measured beside.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.geometry.correlation import (
    CorrelationDimension,
    PairRows,
    Whitening,
    correlation_from_moments,
    whitening,
)
from outgrow.geometry.dependence import Dependence, dependence
from outgrow.geometry.intrinsic import Dimension, every_dimension
from outgrow.geometry.null_spectrum import some_rows
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.geometry.projector_gap import LabelGap, ProjectorGap, label_gap, projector_gap, projector_gaps
from outgrow.geometry.published import PublishedSimilarity, similarity_of_spectra
from outgrow.geometry.ridge_overlap import RidgeOverlap, ridge_overlaps
from outgrow.linalg.moments import Moments, MomentTable, moments_of
from outgrow.linalg.row_space import RowSpace, pieces
from outgrow.linalg.rows import ArraySource
from outgrow.linalg.spectrum import Spectrum
from outgrow.results import Undefined


@dataclass(frozen=True)
class SetGeometry:
    """One feature set."""

    width: int
    """Columns."""
    rank: int
    """Directions whose variance the arithmetic can tell from zero."""
    kept: int
    """Directions that the correlation dimension was taken on."""
    spectrum: Float[np.ndarray, " rank"] = field(repr=False)
    """Eigenvalues of the centred covariance, descending."""
    total: float
    """Its trace."""
    dimensions: tuple[Dimension, ...]
    """Intrinsic dimension by every rule."""


@dataclass(frozen=True)
class SharedGeometry(CorrelationDimension):
    """A correlation dimension with what chance makes of its canonical correlations."""

    canonical_by_chance: Float[np.ndarray, " k"] = field(repr=False)
    """Canonical correlations with the rows of one set shuffled."""


@dataclass(frozen=True)
class Geometry:
    """A pair of representations."""

    rows: int
    """Rows measured."""
    weak: SetGeometry
    strong: SetGeometry
    """Each by itself."""
    correlation: SharedGeometry
    """What they share."""
    ridge: tuple[RidgeOverlap, ...]
    """The same under penalties."""
    published: PublishedSimilarity | Undefined
    """The coordinate-space similarity at energy .90, with its chance level."""
    projector_gap: ProjectorGap | Undefined
    """What the strong features could still learn that the weak ones cannot teach."""
    projector_gaps: tuple[ProjectorGap, ...]
    """The same along penalties."""
    label_gap: LabelGap | Undefined
    """The same of the labels; a look back, undefined where they are not given."""


LABELS = "labels"
"""The block of the labels."""

NO_LABELS = Undefined("it needs the label of every row measured", "Read the gap that needs no labels.")
"""What is left of labels that nobody has."""


def measure_pair(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    *,
    rank_w: int | None = None,
    rank_s: int | None = None,
    groups: Shaped[np.ndarray, " N"] | None = None,
    rng: np.random.Generator | None = None,
    rows: Int[np.ndarray, " m"] | None = None,
    taken: tuple[MomentTable, Dependence] | None = None,
    spaces: tuple[RowSpace, RowSpace] | None = None,
    y: Float[np.ndarray, "N k"] | None = None,
) -> Geometry:
    """Measure two feature sets of the same rows; Undefined is what the rows cannot tell."""
    rng = np.random.default_rng(0) if rng is None else rng
    rows = np.arange(len(X_w)) if rows is None else rows
    if taken is None:
        source = pair_of(X_w, X_s)
        belong = dependence((X_s, X_w), None if groups is None else groups[rows], rows)
        folds = np.full(len(X_w), -1, dtype=np.int64)
        folds[rows] = belong.folds
        taken = moments_of(source, None, {"all": rows}, folds), belong
    table, belong = taken
    total = table.select()
    weak, strong = whitening(total, WEAK, rank_w), whitening(total, STRONG, rank_s)
    shared = correlation_from_moments(table, weak, strong, PairRows(X_w, X_s, belong, rows))
    by_chance = np.zeros(0)
    if len(shared.canonical):
        by_chance = _by_chance(X_w, X_s, rows, weak, strong, rng)
    cross = total.covariance(WEAK, STRONG)
    spectra = weak.spectrum, strong.spectrum
    of_w, of_s = spaces or (RowSpace.everything(X_w.shape[1]), RowSpace.everything(X_s.shape[1]))
    whole = of_w.whole(weak.spectrum), of_s.whole(strong.spectrum)
    left: LabelGap | Undefined = NO_LABELS
    if y is not None:
        b_w, b_s, variance = _with_labels(X_w, X_s, y, rows)
        left = label_gap(*spectra, cross, b_w, b_s, variance)
    return Geometry(
        rows=total.n,
        weak=_set(X_w, rows, whole[0], weak.kept, rng),
        strong=_set(X_s, rows, whole[1], strong.kept, rng),
        correlation=SharedGeometry(**vars(shared), canonical_by_chance=by_chance),
        ridge=ridge_overlaps(*spectra, cross),
        published=similarity_of_spectra(*whole, rng),
        projector_gap=projector_gap(*spectra, cross),
        projector_gaps=projector_gaps(*spectra, cross),
        label_gap=left,
    )


def _set(
    X: Shaped[np.ndarray, "N D"],
    rows: Int[np.ndarray, " m"],
    spectrum: Spectrum,
    kept: int,
    rng: np.random.Generator,
) -> SetGeometry:
    return SetGeometry(
        width=len(spectrum.vectors),
        rank=spectrum.rank,
        kept=kept,
        spectrum=spectrum.values[: spectrum.rank],
        total=spectrum.total,
        dimensions=every_dimension(spectrum, X[rows[some_rows(len(rows))]], rng),
    )


def _by_chance(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    rows: Int[np.ndarray, " m"],
    weak: Whitening,
    strong: Whitening,
    rng: np.random.Generator,
) -> Float[np.ndarray, " k"]:
    moments, shuffled = Moments([(STRONG, WEAK)], wide=True), rows[rng.permutation(len(rows))]
    for part in pieces(np.arange(len(rows))):
        moments.update({WEAK: X_w[shuffled[part]], STRONG: X_s[rows[part]]})
    cross = moments.finalize().select().covariance(WEAK, STRONG)
    return np.minimum(np.linalg.svd(weak.map.T @ cross @ strong.map, compute_uv=False), 1.0)


def _with_labels(
    X_w: Shaped[np.ndarray, "N D_w"],
    X_s: Shaped[np.ndarray, "N D_s"],
    y: Float[np.ndarray, "N k"],
    rows: Int[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "D_w k"], Float[np.ndarray, "D_s k"], float]:
    """Covariances of both sets with the labels, and the labels' variance."""
    source = ArraySource({WEAK: X_w, STRONG: X_s, LABELS: y})
    pairs = [(block, LABELS) for block in (WEAK, STRONG, LABELS)]
    moments = moments_of(source, splits={"all": rows}, pairs=pairs).select()
    b_w, b_s, of_labels = (moments.covariance(*pair) for pair in pairs)
    return b_w, b_s, float(np.trace(of_labels))

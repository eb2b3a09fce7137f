"""The seam of heads: what makes models of rows and targets, and what labels say of them at every setting.

`routes.train_routes` trains every route with any head. A head that can do no more than fit is tuned by
cross-validation of both stages (`CrossValidated`); least squares know a better way (`linear`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped

from outgrow.heads.route_forecasts import RouteForecasts
from outgrow.linalg.ridge_path import Groups, RidgePath

Source = Shaped[np.ndarray, "m ..."]
"""Rows to learn from, whatever a head reads: features, texts, names of files."""


@runtime_checkable
class FittedHead(Protocol):
    """A trained model."""

    @property
    def state(self) -> Mapping[str, np.ndarray]:
        """The tensors that it is saved as."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What is to be known of the fit: "rank" of least squares, "converged" of descents."""

    def predict(self, source: Source) -> Float[np.ndarray, "m k"]:
        """Predict targets, scores of classes, or their probabilities."""

    def after(self, mapping: Float[np.ndarray, "d ..."]) -> FittedHead:
        """The same model of features that are yet to be mapped; a vector scales them."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """The labelled rows as every route sees them."""

    weak: Mapping[str, Source]
    """Rows of every weak set by name."""
    strong: Source
    y: Float[np.ndarray, "n k"]
    """Labels: targets, or one-hot codes."""
    folds: Sequence[Int[np.ndarray, " _"]]
    """Partition of the rows for choices, groups whole."""
    groups: Groups | None = None
    """Rows that leave together."""


class PoolRows(NamedTuple):
    """Unlabelled rows for heads that need more of them than moments."""

    weak: Source
    strong: Source

    @property
    def total_variances(self) -> tuple[float, float]:
        """Variances of both sets, summed over columns."""
        return float(self.weak.var(axis=0).sum()), float(self.strong.var(axis=0).sum())


@dataclass(frozen=True, eq=False)
class Trial:
    """One route at every setting tried."""

    axes: Mapping[str, Float[np.ndarray, " _"]]
    """Values tried by setting, the last varying fastest; a weight of the pseudo-labels stands first."""
    losses: Float[np.ndarray, "settings n"] | None
    """Loss of every labelled row left out; None where a fit that has nothing to choose passes through it."""
    fit: Callable[..., tuple[FittedHead, FittedHead | None]]
    """From a place on every axis to the model of all rows, and the teacher it learned from if it did."""
    path: RidgePath | None = None
    """The factorization behind it, where there is one."""
    imitates: Callable[[int], int] | None = None
    """From a teacher's place to the student's at which it best imitates that teacher, where this is known."""


@runtime_checkable
class Head(Protocol):
    """A way to learn: least squares, logistic regression, a finetuned network.

    Attributes
    ----------
    ridgeless : bool
        Whether nothing but the number of directions keeps it from following its labels.
    measure : str
        What its losses are, where they are not squared; "" else.
    folds : int
        Folds, at most, that choices are made over.
    """

    @property
    def ridgeless(self) -> bool: ...
    @property
    def measure(self) -> str: ...
    @property
    def folds(self) -> int: ...

    def pool(self, weak: Source, strong: Source) -> Any:
        """Take of unlabelled rows what its students need."""

    def grid(self, source: Source) -> Float[np.ndarray, " a"]:
        """Penalties to try on rows, ascending; a single one where there is nothing to choose."""

    def fit(
        self,
        source: Source,
        targets: Float[np.ndarray, "m k"],
        weights: Float[np.ndarray, " m"] | None,
        alphas: Float[np.ndarray, " a"],
    ) -> Sequence[FittedHead]:
        """Fit rows at every penalty: they may share a factorization, or descend together."""

    def on_labels(self, source: Source, rows: Labelled, key: str) -> Trial:
        """Try one set of features on the labels; `key` names the penalty."""

    def on_pool(
        self, teacher: Trial, weak: Source, pool: Any, rows: Labelled, shares: Sequence[float]
    ) -> Trial:
        """Try students of a teacher, for every share that pseudo-labels have in what they learn."""

    def forecasts(
        self, weak: Source, pool: Any, rows: Labelled, alone: bool = False
    ) -> RouteForecasts | None:
        """What theory says of its routes, or of its baseline alone; None where it is silent."""


class CrossValidated(Head):
    """Tuning of a head that can only fit: both stages are fitted anew without each fold (T8)."""

    ridgeless = False
    measure = ""
    folds = 5

    def loss(
        self, predicted: Float[np.ndarray, "m k"], targets: Float[np.ndarray, "m k"]
    ) -> Float[np.ndarray, " m"]:
        """Loss of every row, by default squared."""
        return np.asarray(np.sum((predicted - targets) ** 2, axis=1))

    def pool(self, weak: Source, strong: Source) -> PoolRows:
        return PoolRows(weak, strong)

    def forecasts(self, weak: Source, pool: PoolRows, rows: Labelled, alone: bool = False) -> None:
        return None

    def on_labels(self, source: Source, rows: Labelled, key: str) -> Trial:
        alphas, n = self.grid(source), len(rows.y)
        losses = np.empty((len(alphas), n))
        for fold in rows.folds:
            kept = np.delete(np.arange(n), fold)
            for a, model in enumerate(self.fit(source[kept], rows.y[kept], None, alphas)):
                losses[a, fold] = self.loss(model.predict(source[fold]), rows.y[fold])

        def fit(a: int) -> tuple[FittedHead, None]:
            return self.fit(source, rows.y, None, alphas[[a]])[0], None

        return Trial({key: alphas}, losses, fit)

    def on_pool(
        self, teacher: Trial, weak: Source, pool: PoolRows, rows: Labelled, shares: Sequence[float]
    ) -> Trial:
        (alphas_w,), alphas_s, n = teacher.axes.values(), self.grid(rows.strong), len(rows.y)
        losses = np.empty((len(shares), len(alphas_w), len(alphas_s), n))
        for fold in rows.folds:
            kept = np.delete(np.arange(n), fold)
            for a, one in enumerate(self.fit(weak[kept], rows.y[kept], None, alphas_w)):
                pseudo = one.predict(pool.weak)
                for w, share in enumerate(shares):
                    for b, model in enumerate(self._students(pseudo, pool, rows, kept, share, alphas_s)):
                        losses[w, a, b, fold] = self.loss(model.predict(rows.strong[fold]), rows.y[fold])

        def fit(*place: int) -> tuple[FittedHead, FittedHead]:
            *which, a, b = place
            one, _ = teacher.fit(a)
            share = shares[which[0]] if which else shares[0]
            pseudo, every = one.predict(pool.weak), np.arange(n)
            return self._students(pseudo, pool, rows, every, share, alphas_s[[b]])[0], one

        return Trial(student_axes(shares, alphas_w, alphas_s), losses.reshape(-1, n), fit)

    def _students(
        self,
        pseudo: Float[np.ndarray, "N k"],
        pool: PoolRows,
        rows: Labelled,
        kept: Int[np.ndarray, " m"],
        share: float,
        alphas: Float[np.ndarray, " b"],
    ) -> Sequence[FittedHead]:
        if share == 1:
            return self.fit(pool.strong, pseudo, None, alphas)
        n, N = len(kept), len(pseudo)
        weights = np.repeat([(1 - share) / n, share / N], [n, N])
        source = np.concatenate([rows.strong[kept], pool.strong])
        return self.fit(source, np.concatenate([rows.y[kept], pseudo]), weights, alphas)


def student_axes(
    shares: Sequence[float], alphas_w: Float[np.ndarray, " a"], alphas_s: Float[np.ndarray, " b"]
) -> dict[str, Float[np.ndarray, " _"]]:
    """Name the settings of a student; the plain one has no weight to choose."""
    penalties = {"alpha_w": alphas_w, "alpha_s": alphas_s}
    return penalties if tuple(shares) == (1.0,) else {"weight": np.array(shares), **penalties}

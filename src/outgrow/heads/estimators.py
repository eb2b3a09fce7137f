"""Weak-to-strong training with scikit-learn's face: one X, seen by teacher and student through a view each.

Rows without a label (NaN in regression, -1 in classification) are the pool: the teacher labels them and the
student learns from what it says. `predict` uses the student; teacher and baseline stand beside it with
their risks on left-out rows, so that whoever fits can see which of the three to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_array, check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from outgrow.errors import ConfigError
from outgrow.geometry.correlation import PairRows, Whitening, correlation_from_moments, whitening
from outgrow.geometry.dependence import dependence
from outgrow.geometry.intrinsic import intrinsic_dimension
from outgrow.geometry.pairs import STRONG, WEAK, pair_of
from outgrow.heads.fit_pair import HEADS, fit_pair, folds_of
from outgrow.heads.head import FittedHead, Labelled, PoolRows
from outgrow.heads.logistic import LogisticModel
from outgrow.heads.marked import classes_of, codes_of, targets_of
from outgrow.heads.views import View, as_rows, is_transformer
from outgrow.intervals.jackknife import together
from outgrow.intervals.metrics import group_numbers
from outgrow.linalg.moments import moments_of
from outgrow.results import Estimate, Quantity, Undefined


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted head with its own view of X: teacher, student or baseline."""

    view: View
    """What it reads of X."""
    head: FittedHead
    """What it makes of these features."""
    classes: Shaped[np.ndarray, " k"] | None = None
    """Class of each output; None in regression."""
    flat: bool = False
    """Whether the single output of a regression is given without its axis."""

    def outputs(self, X: Any) -> Float[np.ndarray, "m k"]:
        """Give the head's outputs: predicted targets, scores of one-hot codes, or class probabilities."""
        return np.asarray(self.head.predict(self.view.features(X)))

    def predict(self, X: Any) -> Shaped[np.ndarray, "m ..."]:
        """Predict targets or classes."""
        outputs = self.outputs(X)
        if self.classes is not None:
            return np.asarray(self.classes[np.argmax(outputs, axis=1)])
        return outputs[:, 0] if self.flat else outputs


class _WeakToStrong(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What regressor and classifier have in common: everything but the meaning of y."""

    _heads: tuple[str, ...] = ()

    def __init__(
        self, weak: Any = None, strong: Any = None, *, head: str = "ridge", random_state: Any = 0
    ) -> None:
        self.weak = weak
        self.strong = strong
        self.head = head
        self.random_state = random_state

    def _fit(
        self,
        X: Any,
        known: Bool[np.ndarray, " m"],
        codes: Float[np.ndarray, "n k"],
        groups: ArrayLike | None,
        classes: Shaped[np.ndarray, " k"] | None = None,
        flat: bool = False,
    ) -> None:
        labels = None if groups is None else group_numbers(groups, len(known))
        weak, X_w = View.fit(self.weak, X, "weak")
        strong, X_s = View.fit(self.strong, X, "strong")
        members = None if labels is None else together(labels[known])
        content = np.column_stack([X_s[known].sum(axis=1), X_w[known].sum(axis=1), codes])
        folds = folds_of(content, members, check_random_state(self.random_state), HEADS[self.head].folds)
        rows = Labelled({"weak": X_w[known]}, X_s[known], codes, folds, members)
        fitted = fit_pair(HEADS[self.head], rows, PoolRows(X_w[~known], X_s[~known]))
        self.teacher_ = Probe(weak, fitted.teacher, classes, flat)
        self.baseline_ = Probe(strong, fitted.baseline, classes, flat)
        student = fitted.student
        self.student_ = student if isinstance(student, Undefined) else Probe(strong, student, classes, flat)
        self.pseudo_labels_ = fitted.pseudo_labels[:, 0] if flat else fitted.pseudo_labels
        self.settings_, self.risks_, self.checks_ = fitted.settings, fitted.risks, fitted.checks
        self.d_w_, self.d_s_, self.d_sw_ = _dimensions(X_w, X_s, labels, self.head == "ridgeless")

    def _checked(self, X: Any, y: Any) -> tuple[Any, Any]:
        if self.head not in self._heads:
            raise ConfigError(
                f"there is no head {self.head!r}", type(self).__name__, f"Heads: {', '.join(self._heads)}."
            )
        X = as_rows(X)
        # Only names and number of columns: the views check what they read.
        X, y = validate_data(self, X, y, skip_check_array=True)
        return X, y

    def _used(self, X: Any) -> tuple[Probe, Any]:
        check_is_fitted(self)
        X = as_rows(X)
        if hasattr(self, "n_features_in_") and np.ndim(X) != 2:
            check_array(X, input_name="X")  # says what is wrong, in scikit-learn's words
        X = validate_data(self, X, reset=False, skip_check_array=True)
        student = self.student_
        return (self.teacher_ if isinstance(student, Undefined) else student), X

    def predict(self, X: Any) -> Shaped[np.ndarray, "m ..."]:
        """Predict by the student, or by the teacher where fit saw no unlabelled rows."""
        probe, X = self._used(X)
        return probe.predict(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = all(
            is_transformer(view) and hasattr(view, "__sklearn_tags__") and get_tags(view).input_tags.sparse
            for view in (self.weak, self.strong)
        )
        return tags


class WeakToStrongRegressor(MultiOutputMixin, RegressorMixin, _WeakToStrong):  # type: ignore[misc]
    """A strong student trained on a weak teacher's pseudo-labels, by least squares.

    The teacher is fitted on the labelled rows and labels the others; the student is fitted on those
    pseudo-labels. Rows whose y is NaN are unlabelled. Beside the student stand the teacher alone and the
    strong baseline (strong features, the labels), each with its leave-one-out risk in `risks_`; compare
    them before using the student. Nothing is warned about: suspicions are in `checks_`. Where labelled rows
    stand together give cross-validation a splitter such as ``KFold(5, shuffle=True)``: scikit-learn's
    default takes rows as they come, and a fold without labels cannot be scored.

    Parameters
    ----------
    weak, strong : object
        What teacher and student read of X: columns, as `sklearn.compose.ColumnTransformer` takes them
        (a slice, numbers, a boolean mask, names for data frames, a callable that returns one of these,
        but never a lone number or name); a transformer or pipeline, cloned and fitted on labelled and
        unlabelled rows without labels; None for all columns.
    head : {"ridge", "ridgeless"}
        "ridge": penalties chosen by two-stage leave-one-out against the true labels (docs/theory.md, T8).
        "ridgeless": minimum-norm least squares, nothing to choose.
    random_state : int, RandomState or None
        Draws the folds; penalties depend on them through the error bars of each setting.

    Attributes
    ----------
    teacher_, baseline_ : Probe
        Models of X with a `predict` of their own. The teacher is tuned to be used alone.
    student_ : Probe or Undefined
        The student; Undefined without unlabelled rows: check OG210 is then raised and `predict` uses the
        teacher.
    pseudo_labels_ : array of shape (N,) or (N, k)
        What the student was trained on, in the order of the unlabelled rows. The penalty of the teacher
        that made them was chosen for the student's sake.
    risks_ : Risks
        Leave-one-out squared loss (with groups, leave-group-out) of teacher, student and baseline, summed
        over targets.
    settings_ : dict
        Penalties by model: alpha of the mean squared error plus alpha times the squared norm;
        scikit-learn's Ridge takes it times the number of rows fitted.
    d_w_, d_s_, d_sw_ : Estimate or Undefined
        Dimensions of the weak and strong features and of what they share, over all rows: of the
        directions that hold .90 of the variance, or of all for the ridgeless head, which uses all alike.
    checks_ : tuple of Check
        Suspicions.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where X had string names.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 12))
    >>> y = X[:, 0] + X[:, 7] + 0.1 * rng.standard_normal(300)
    >>> y[40:] = np.nan  # the last 260 rows are unlabelled
    >>> model = WeakToStrongRegressor(weak=slice(0, 8), strong=slice(4, 12), random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape, model.pseudo_labels_.shape
    ((2,), (260,))
    >>> print(f"{model.d_w_:.0f}, {model.d_s_:.0f}")
    7, 7
    """

    _heads = ("ridge", "ridgeless")

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> WeakToStrongRegressor:
        """Fit teacher, student and baseline.

        Parameters
        ----------
        X : array or data frame of m rows
            Labelled and unlabelled rows, in any order; whatever the views can read.
        y : array of shape (m,) or (m, k)
            Targets; NaN (in every target) for unlabelled rows.
        groups : array of shape (m,), optional
            Labelled rows of one group are left out together.

        Returns
        -------
        WeakToStrongRegressor
            Itself.

        Raises
        ------
        ValueError
            When there are too few labelled rows, X, y and groups do not agree, or features are not finite.
        """
        X, y = self._checked(X, y)
        targets, known = targets_of(y)
        check_consistent_length(X, targets)
        table = targets[known].reshape(int(known.sum()), -1)
        self._fit(X, known, table, groups, flat=targets.ndim == 1)
        return self

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Give R^2 of the predictions over the labelled rows.

        Parameters
        ----------
        X : array or data frame of m rows
            Rows.
        y : array of shape (m,) or (m, k)
            Targets; rows with NaN do not count, so that cross-validation works on unlabelled rows too.
        sample_weight : array of shape (m,), optional
            Weights.

        Returns
        -------
        float
            R^2, averaged over targets.
        """
        targets, known = targets_of(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(r2_score(targets[known], self.predict(X)[known], sample_weight=weights))


def _is_logistic(self: WeakToStrongClassifier) -> bool:
    if self.head == "logistic":
        return True
    raise AttributeError(f"head={self.head!r} has scores, not probabilities: use head='logistic'")


class WeakToStrongClassifier(ClassifierMixin, _WeakToStrong):  # type: ignore[misc]
    """A strong student trained on a weak teacher's scores or probabilities.

    The teacher is fitted on the labelled rows and labels the others; the student is fitted on those
    pseudo-labels, which are soft. Rows whose y is -1 are unlabelled, as in `sklearn.semi_supervised`;
    in an array of dtype object, as string classes need, these are rows with the number -1, None or NaN.
    Beside the student stand the teacher alone and the strong baseline, each with its risk on left-out rows
    in `risks_`; compare them before using the student. Nothing is warned about: suspicions are in
    `checks_`. With string classes give cross-validation a splitter such as ``KFold(5, shuffle=True)``:
    scikit-learn's default sorts classes and marks together, which strings and numbers do not allow.

    Parameters
    ----------
    weak, strong : object
        What teacher and student read of X: columns, as `sklearn.compose.ColumnTransformer` takes them
        (a slice, numbers, a boolean mask, names for data frames, a callable that returns one of these,
        but never a lone number or name); a transformer or pipeline, cloned and fitted on labelled and
        unlabelled rows without labels; None for all columns.
    head : {"ridge", "ridgeless", "logistic"}
        "ridge": squared loss on one-hot codes, penalties chosen by two-stage leave-one-out against the
        true labels (docs/theory.md, T8). "ridgeless": minimum-norm least squares on the codes.
        "logistic": cross-entropy, penalties chosen by cross-validation of both stages; slower.
    random_state : int, RandomState or None
        Draws the folds; penalties depend on them.

    Attributes
    ----------
    classes_ : array of shape (k,)
        Classes seen among the labelled rows, sorted.
    teacher_, baseline_ : Probe
        Models of X with a `predict` of their own. The teacher is tuned to be used alone.
    student_ : Probe or Undefined
        The student; Undefined without unlabelled rows: check OG210 is then raised and `predict` uses the
        teacher.
    pseudo_labels_ : array of shape (N, k)
        Scores (probabilities with the logistic head) that the student was trained on, in the order of
        the unlabelled rows. The penalty of the teacher that made them was chosen for the student's sake.
    risks_ : Risks
        Of teacher, student and baseline: leave-one-out squared loss on one-hot codes, summed over classes,
        or cross-validated cross-entropy in nats with the logistic head.
    settings_ : dict
        Penalties by model: alpha of the mean loss plus alpha times the squared norm; scikit-learn's Ridge
        takes it times the number of rows fitted.
    d_w_, d_s_, d_sw_ : Estimate or Undefined
        Dimensions of the weak and strong features and of what they share, over all rows: of the
        directions that hold .90 of the variance, or of all for the ridgeless head, which uses all alike.
    checks_ : tuple of Check
        Suspicions.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features_in_,)
        Their names, where X had string names.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 12))
    >>> y = np.where(X[:, 0] + X[:, 7] > 0, "up", "down").astype(object)
    >>> y[40:] = -1  # the last 260 rows are unlabelled
    >>> model = WeakToStrongClassifier(weak=slice(0, 8), strong=slice(4, 12), random_state=0).fit(X, y)
    >>> model.classes_, model.pseudo_labels_.shape
    (array(['down', 'up'], dtype=object), (260, 2))
    """

    _heads = ("ridge", "ridgeless", "logistic")

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> WeakToStrongClassifier:
        """Fit teacher, student and baseline.

        Parameters
        ----------
        X : array or data frame of m rows
            Labelled and unlabelled rows, in any order; whatever the views can read.
        y : array of shape (m,)
            Classes; -1 for unlabelled rows (or None, or NaN, in an array of dtype object).
        groups : array of shape (m,), optional
            Labelled rows of one group are left out together.

        Returns
        -------
        WeakToStrongClassifier
            Itself.

        Raises
        ------
        ValueError
            When there are too few labelled rows or classes, X, y and groups do not agree, or features are
            not finite.
        """
        X, y = self._checked(X, y)
        labels, known = classes_of(y, warn=True)
        check_consistent_length(X, known)
        classes, codes = codes_of(labels)
        self._fit(X, known, codes, groups, classes)
        self.classes_ = classes
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, "m ..."]:
        """Give the scores that `predict` compares.

        Parameters
        ----------
        X : array or data frame of m rows
            Rows.

        Returns
        -------
        array of shape (m,) or (m, k)
            One score per class; for two classes their difference, above 0 for the second. Scores of
            one-hot codes, or log-probabilities with the logistic head.
        """
        probe, X = self._used(X)
        if isinstance(probe.head, LogisticModel):
            # Linear scores less their log-sum-exp: log-odds keep what probabilities round to 0 or 1.
            scores = probe.head.linear.predict(probe.view.features(X))
            scores = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        else:
            scores = probe.outputs(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    @available_if(_is_logistic)  # type: ignore[untyped-decorator]  # scikit-learn ships no types
    def predict_proba(self, X: Any) -> Float[np.ndarray, "m k"]:
        """Give the probability of every class; with the logistic head only."""
        probe, X = self._used(X)
        return probe.outputs(X)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Give the share of labelled rows whose class is predicted.

        Parameters
        ----------
        X : array or data frame of m rows
            Rows.
        y : array of shape (m,)
            Classes; unlabelled rows do not count, so that cross-validation works with them too.
        sample_weight : array of shape (m,), optional
            Weights.

        Returns
        -------
        float
            Accuracy.
        """
        labels, known = classes_of(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(accuracy_score(labels, self.predict(X)[known], sample_weight=weights))


def _dimensions(
    X_w: Float[np.ndarray, "m d_w"],
    X_s: Float[np.ndarray, "m d_s"],
    groups: Int[np.ndarray, " m"] | None,
    every: bool,
) -> tuple[Quantity, Quantity, Quantity]:
    """Measure d_w, d_s and d_sw on every direction, or on those that hold .90 of the variance."""
    belong = dependence((X_s, X_w), groups)
    table = moments_of(pair_of(X_w, X_s), groups=belong.folds)
    total = table.select()
    sizes: list[Quantity] = []
    kept: list[Whitening] = []
    for block in (WEAK, STRONG):
        white = whitening(total, block)
        if every and white.kept:
            sizes.append(Estimate(float(white.kept), n=total.n, method="numerical rank"))
        else:
            sizes.append(intrinsic_dimension(white.spectrum, "energy").estimate)
            white = Whitening(white.spectrum, int(sizes[-1].value) if isinstance(sizes[-1], Estimate) else 0)
        kept.append(white)
    shared = correlation_from_moments(table, kept[0], kept[1], PairRows(X_w, X_s, belong)).estimate
    if isinstance(shared, Undefined):
        shared = Undefined(shared.reason, "Give more rows, or reduce the features first (PCA in a pipeline).")
    return sizes[0], sizes[1], shared

"""What a sweep goes over, and what it is measured on.

Axes are checked against the rows before anything is computed. Every seed deals the blocks of rows anew into
labelled rows and pool; a smaller n or N takes the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from outgrow.errors import ConfigError
from outgrow.sweeps.noisy_labels import NoisyLabels

Unit: TypeAlias = Literal["variance", "absolute", "total"]
"""What a penalty is a number of: mean variances per column of its feature set, so that one grid suits sets of
any scale; the penalty of docs/theory.md itself; or scikit-learn's, which is m times that on m rows."""

SweepHead: TypeAlias = Literal["squared", "logistic"]
"""Squared loss (classes one-hot), or cross-entropy."""


@dataclass(frozen=True, eq=False)
class SweepData:
    """Rows that a sweep is measured on."""

    views: Mapping[str, Float[np.ndarray, "rows _"]]
    """Feature sets by name, float32 or float64, rows alike in order."""
    train: Int[np.ndarray, " R"]
    """Rows that labelled rows and pools are dealt from; all have labels."""
    test: Int[np.ndarray, " T"]
    """Rows that every model is scored on."""
    labels: NoisyLabels
    """Gives labels of `train`."""
    truth: Float[np.ndarray, "T k"]
    """What predictions of test rows are held against: labels, or something less noisy; classes one-hot."""
    truth_variance: float = 0.0
    """Error variance of `truth` on these rows, taken off every risk: an excess risk is left where it is all
    of the noise."""
    classes: int = 0
    """Number of classes; 0 for a regression."""


@dataclass(frozen=True)
class SweepGrid:
    """The axes of a sweep."""

    pairs: tuple[tuple[str, str], ...]
    """(teacher's view, student's view)."""
    n: tuple[int, ...]
    """Labelled rows, increasing."""
    N: tuple[int, ...]
    """Unlabelled rows, increasing."""
    noise: tuple[float, ...] = (0.0,)
    """Levels that `NoisyLabels.draw` knows, such as standard deviations of noise added."""
    alphas_w: tuple[float, ...] = (0.0,)
    """Penalties of teachers; 0 is the minimum norm."""
    alphas_s: tuple[float, ...] = (0.0,)
    """Penalties of student, joint student, baseline and ceiling."""
    unit: Unit = "variance"
    """What penalties are numbers of."""
    seeds: int = 10
    """Draws of rows and labels: seeds 0, 1, ..."""
    intercept: bool = True
    """Whether intercepts are fitted."""
    joint: bool = True
    """Whether to measure the joint student too (labels and pseudo-labels, every row weighing the same)."""
    head: SweepHead = "squared"
    """The loss."""
    sketch: int | None = None
    """Width beyond which a feature set is fitted through a randomized SVD of this rank, as code that is
    replicated does; None for exact fits."""

    @property
    def teachers(self) -> tuple[str, ...]:
        """Views of teachers, each once."""
        return tuple(dict.fromkeys(weak for weak, _ in self.pairs))

    @property
    def students(self) -> tuple[str, ...]:
        """Views of students, each once."""
        return tuple(dict.fromkeys(strong for _, strong in self.pairs))


def check_grid(data: SweepData, grid: SweepGrid) -> None:
    """Refuse a grid that names what is not there."""
    for name, axis in (
        ("pairs", grid.pairs),
        ("--noise", grid.noise),
        ("--alpha-w", grid.alphas_w),
        ("--alpha-s", grid.alphas_s),
    ):
        if not axis:
            raise ConfigError("names nothing to sweep over", name, "Name at least one.")
        twice = [value for place, value in enumerate(axis) if value in axis[:place]]
        if twice:
            raise ConfigError(f"{twice[0]} is named twice", name, "Name each once.")
    for view in (*grid.teachers, *grid.students):
        if view not in data.views:
            near = get_close_matches(view, data.views, 1)
            known = ", ".join(data.views)
            raise ConfigError(
                f"there is no feature set {view!r}",
                "the grid",
                f"Did you mean {near[0]!r}?" if near else f"There are: {known}.",
            )
    for alpha in (*grid.alphas_w, *grid.alphas_s):
        if not (np.isfinite(alpha) and alpha >= 0):
            raise ConfigError(f"{alpha} is no penalty", "the grid", "Give finite ones of at least 0.")
    if grid.seeds < 1:
        raise ConfigError(f"{grid.seeds} seeds measure nothing", "--seeds", "Ask for at least 1.")
    if grid.head == "logistic":
        _check_logistic(data, grid)


def _check_logistic(data: SweepData, grid: SweepGrid) -> None:
    if not data.classes:
        raise ConfigError(
            "a logistic head is for classes", "--head", "Use squared, or --task classification."
        )
    for name, values in (("--alpha-w", grid.alphas_w), ("--alpha-s", grid.alphas_s)):
        if 0 in values:
            raise ConfigError(
                "without a penalty a logistic fit has no end where a hyperplane parts the classes",
                name,
                "Name penalties above 0, such as 0.0001 to 1 mean variances.",
            )

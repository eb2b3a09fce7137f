"""Intrinsic dimension of one feature set by named rules, each with the curve it was read from.

There is no single number: an energy share counts what a low-rank approximation needs, Gavish-Donoho and
parallel analysis count what stands out of noise, stable rank and participation ratio measure how flat the
spectrum is, and ridge degrees of freedom are what a penalty leaves. Untruncated ridgeless regression counts
every direction, whatever its energy: the rules speak for it only when models are fitted on the directions
they keep (docs/theory.md, T6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from outgrow.errors import DataError
from outgrow.geometry.null_spectrum import parallel_analysis, some_rows
from outgrow.linalg.shrinkage import df1
from outgrow.linalg.spectrum import Spectrum, centre
from outgrow.results import Estimate, Quantity, Undefined

Rule = Literal["energy", "gavish-donoho", "parallel", "stable-rank", "participation", "ridge"]

ENERGY_LEVEL = 0.90
"""Share of the variance kept by the energy rule by default: the published one of the two in use."""

RIDGE_LEVEL = 0.1
"""Penalty of the ridge rule by default, in units of the mean variance per direction: where tuned heads on
embeddings of text usually stand, within a decade."""


POINTS = 160
"""Points kept of a curve: more than a chart shows apart at any width."""


@dataclass(frozen=True)
class Curve:
    """A curve behind an estimate."""

    x: Float[np.ndarray, " k"] = field(repr=False)
    y: Float[np.ndarray, " k"] = field(repr=False)
    """Its points."""
    x_name: str
    y_name: str
    """What they are."""
    threshold: float | Float[np.ndarray, " k"] | None = field(default=None, repr=False)
    """What `y` is compared with."""

    @classmethod
    def over_directions(
        cls,
        y: Float[np.ndarray, " d"],
        y_name: str,
        threshold: float | Float[np.ndarray, " d"] | None = None,
    ) -> Curve:
        """Draw a quantity against the number of leading directions, thinned for long spectra."""
        count = len(y)
        shown = np.arange(count)
        if count > POINTS:
            shown = np.unique(np.geomspace(1, count, POINTS).round().astype(np.int64) - 1)
        kept = threshold if threshold is None or np.ndim(threshold) == 0 else np.asarray(threshold)[shown]
        return cls(shown + 1.0, np.asarray(y, dtype=np.float64)[shown], "directions", y_name, kept)


@dataclass(frozen=True)
class Dimension:
    """An intrinsic dimension and how it was read off."""

    rule: str
    """Which rule."""
    label: str
    """The rule with its setting, such as "energy .90"."""
    estimate: Quantity
    """Number of directions; not an integer for the last three rules."""
    curve: Curve
    """What the rule looked at."""


def intrinsic_dimension(
    spectrum: Spectrum,
    rule: Rule = "energy",
    *,
    level: float | None = None,
    rows: Float[np.ndarray, "n d"] | None = None,
    rng: np.random.Generator | None = None,
) -> Dimension:
    """Measure an intrinsic dimension by a named rule, where any column varies."""
    if rule not in RULES:
        raise DataError(f"there is no rule {rule!r}", "intrinsic dimension", f"Rules: {', '.join(RULES)}.")
    values = spectrum.values[: spectrum.rank]
    if not len(values):
        label = rule if level is None else f"{rule} {_short(level)}"
        nothing = Undefined("no column varies", "Look at what the encoder gives for different inputs.")
        return Dimension(rule, label, nothing, Curve.over_directions(np.zeros(0), "variance"))
    if rule == "parallel":
        return _parallel(spectrum, values, rows, rng)
    return _BY_SPECTRUM[rule](spectrum, values, level)


def every_dimension(
    spectrum: Spectrum, rows: Float[np.ndarray, "n d"] | None = None, rng: np.random.Generator | None = None
) -> tuple[Dimension, ...]:
    """Measure by all rules: three energy shares and each other one."""
    dimensions = [intrinsic_dimension(spectrum, "energy", level=level) for level in (0.90, 0.95, 0.99)]
    for rule in RULES[1:]:
        if rule != "parallel" or rows is not None:
            dimensions.append(intrinsic_dimension(spectrum, rule, rows=rows, rng=rng))
    return tuple(dimensions)


def _short(level: float) -> str:
    text = f"{level:.4g}"
    if "." in text and len(text) == 3:
        text += "0"  # .90, as the field writes it
    return text.removeprefix("0")


def _energy(spectrum: Spectrum, values: np.ndarray, level: float | None) -> Dimension:
    share = ENERGY_LEVEL if level is None else level
    if not 0 < share <= 1:
        raise DataError(f"an energy share lies in (0, 1], not {share}", "intrinsic dimension")
    held = np.cumsum(values) / values.sum()
    # A share that an eigenvalue reaches exactly must not be missed by the rounding of a sum of d terms.
    slack = len(values) * np.finfo(np.float64).eps
    count = int(np.searchsorted(held, share - slack)) + 1
    estimate = Estimate(float(min(count, len(values))), n=spectrum.n, method=f"share {share:g} of the trace")
    curve = Curve.over_directions(held, "share of the variance", share)
    return Dimension("energy", f"energy {_short(share)}", estimate, curve)


def _gavish_donoho(spectrum: Spectrum, values: np.ndarray, _level: float | None) -> Dimension:
    d = spectrum.vectors.shape[0]
    n = spectrum.n - 1  # rows less the mean
    beta = min(n, d) / max(n, d)
    singular = np.sqrt(values)
    # The median is over all min(n, d) singular values, the zero ones of constant columns included.
    everything = np.zeros(min(n, d))
    everything[: min(len(singular), len(everything))] = singular[: len(everything)]
    threshold = float(gavish_donoho_factor(beta) * np.median(everything))
    curve = Curve.over_directions(singular, "standard deviation", threshold)
    if threshold == 0:
        lost = Undefined("more than half of the singular values are zero", "Drop constant columns first.")
        return Dimension("gavish-donoho", "Gavish-Donoho", lost, curve)
    estimate = Estimate(
        float(np.sum(singular > threshold)), n=spectrum.n, method="optimal hard threshold, noise unknown"
    )
    return Dimension("gavish-donoho", "Gavish-Donoho", estimate, curve)


def gavish_donoho_factor(beta: float) -> float:
    """Give the optimal hard threshold over the median singular value (Gavish and Donoho 2014, eq. 5)."""
    from scipy.integrate import quad
    from scipy.optimize import brentq

    low, high = (1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2

    def mass_below(x: float) -> float:
        # The Marchenko-Pastur density after x = mid - half cos(u): free of square-root ends.
        mid, half = (low + high) / 2, (high - low) / 2
        end = np.arccos(np.clip((mid - x) / half, -1, 1))

        def density(u: float) -> float:
            return float((half * np.sin(u)) ** 2 / (2 * np.pi * beta * (mid - half * np.cos(u))))

        return float(quad(density, 0.0, end)[0])

    median = brentq(lambda x: mass_below(x) - 0.5, low, high)
    best = np.sqrt(2 * (beta + 1) + 8 * beta / ((beta + 1) + np.sqrt(beta**2 + 14 * beta + 1)))
    return float(best / np.sqrt(median))


def _stable_rank(spectrum: Spectrum, values: np.ndarray, _level: float | None) -> Dimension:
    tails = np.cumsum(values[::-1])[::-1] / values
    estimate = Estimate(float(tails[0]), n=spectrum.n, method="trace over largest eigenvalue")
    curve = Curve.over_directions(tails, "trace of this and later eigenvalues over this one")
    return Dimension("stable-rank", "stable rank", estimate, curve)


def _participation(spectrum: Spectrum, values: np.ndarray, _level: float | None) -> Dimension:
    running = np.cumsum(values) ** 2 / np.cumsum(values**2)
    estimate = Estimate(float(running[-1]), n=spectrum.n, method="squared trace over sum of squares")
    curve = Curve.over_directions(running, "participation ratio of the leading directions")
    return Dimension("participation", "participation ratio", estimate, curve)


def _ridge(spectrum: Spectrum, values: np.ndarray, level: float | None) -> Dimension:
    unit = RIDGE_LEVEL if level is None else level
    if not (np.isfinite(unit) and unit >= 0):
        raise DataError(f"a penalty is at least 0, not {unit}", "intrinsic dimension")
    mean = float(values.mean())
    estimate = Estimate(
        df1(values, unit * mean), n=spectrum.n, method=f"degrees of freedom at penalty {unit * mean:.3g}"
    )
    grid = np.geomspace(1e-4, 1e2, 61)
    curve = Curve(
        grid,
        np.array([df1(values, g * mean) for g in grid]),
        "penalty over mean variance per direction",
        "degrees of freedom",
    )
    return Dimension("ridge", f"ridge {_short(unit)}", estimate, curve)


def _parallel(
    spectrum: Spectrum,
    values: np.ndarray,
    rows: Float[np.ndarray, "n d"] | None,
    rng: np.random.Generator | None,
) -> Dimension:
    label = "parallel analysis"
    if rows is None or rng is None:
        lost = Undefined("parallel analysis shuffles the rows, and none were given", "Give rows and rng.")
        return Dimension("parallel", label, lost, Curve.over_directions(values, "variance"))
    read = rows[some_rows(len(rows))]
    if read.shape[1] < len(spectrum.vectors):
        lost = Undefined(
            "the rows were put in principal components, and shuffling these changes nothing",
            "Leave --rank out, and give more rows than columns.",
        )
        return Dimension("parallel", label, lost, Curve.over_directions(values, "variance"))
    if _rotated_apart(spectrum, read):
        lost = Undefined(
            "the columns are uncorrelated beyond chance: they are principal components, and shuffling them"
            " changes nothing",
            "Measure the features before they were reduced.",
        )
        return Dimension("parallel", label, lost, Curve.over_directions(values, "variance"))
    null = parallel_analysis(read, rng)[: len(values)]
    # Both sides from the same rows: a null of fewer rows is wider.
    observed = values
    if len(read) != spectrum.n:
        centred = read - centre(read)
        observed = np.linalg.eigvalsh(centred.T @ centred / len(read))[::-1][: len(values)]
    exceeds = observed > null
    # The leading run: an eigenvalue that exceeds its null after one that did not is no more than chance.
    count = len(values) if exceeds.all() else int(np.argmin(exceeds))
    estimate = Estimate(
        float(count), n=len(read), method="eigenvalues above all of 9 with columns shuffled (level .10)"
    )
    return Dimension("parallel", label, estimate, Curve.over_directions(observed, "variance", null))


def _rotated_apart(spectrum: Spectrum, rows: Float[np.ndarray, "n d"]) -> bool:
    """Tell whether columns are less correlated than independent ones would be by chance."""
    variances = rows.var(axis=0, dtype=np.float64)
    observed = float(np.sum(spectrum.values**2) - np.sum(variances**2))
    by_chance = float(np.sum(variances) ** 2 - np.sum(variances**2)) / len(rows)
    # Of ten pairs of independent columns or more, less than a tenth of what chance gives: once in 5,000.
    return rows.shape[1] >= 5 and observed < 0.1 * by_chance


_BY_SPECTRUM: dict[str, Callable[[Spectrum, np.ndarray, float | None], Dimension]] = {
    "energy": _energy,
    "gavish-donoho": _gavish_donoho,
    "stable-rank": _stable_rank,
    "participation": _participation,
    "ridge": _ridge,
}

RULES: tuple[Rule, ...] = get_args(Rule)
"""Names of the rules."""

"""Synthetic worlds with known answers: Gaussian features and a target of given dimensions and errors.

Weak and strong features come in canonical pairs of given correlation, so d_sw is exact; the target is put
together from what both sets see, what one sees and what neither sees, so rho_w and rho_s are exact. Random
maps into wider spaces hide the axes and change no dimension. What the theory says of the world
(`World.population`) and what is drawn from it (`World.sample`) then belong to each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, NoReturn, TypeAlias, get_args

import numpy as np
from jaxtyping import Float

from outgrow.errors import ConfigError, DataError
from outgrow.theory.population import Population

Mixing: TypeAlias = Literal["none", "rotation", "invertible"]

SPREAD = 10.0
"""Largest over smallest singular value of an invertible map: covariances then spread over two decades, as the
leading part of real spectra does, and least squares on them loses two digits at most."""

EXACT = 1e-9
"""Difference of variances, relative to the target's, that counts as none: sums that callers write as .1 + .2
must meet .3."""

BISECTIONS = 200
"""Halvings of an interval of floats: more than their 64 bits can tell apart."""


class WorldSample(NamedTuple):
    """Rows drawn from a world."""

    weak: Float[np.ndarray, "rows width_w"]
    """Weak features."""
    strong: Float[np.ndarray, "rows width_s"]
    """Strong features."""
    y: Float[np.ndarray, " rows"]
    """Labels, f plus noise."""
    f: Float[np.ndarray, " rows"]
    """The target without noise."""


@dataclass(frozen=True, eq=False)
class World:
    """A Gaussian world in which every question of weak-to-strong generalization has an exact answer.

    Parameters
    ----------
    d_w, d_s : int
        Dimensions of the weak and the strong features.
    d_sw : float, optional
        Correlation dimension: that many directions are shared, one in part where it is no whole number.
        Give either it or `correlations`.
    rho_w, rho_s : float
        Approximation errors: parts of the target's variance that weak and strong features cannot express.
    sigma : float
        Standard deviation of the label noise.
    correlations : sequence of float, optional
        Squared canonical correlations, at most min(d_w, d_s) of them; the others are 0.
    signal : float
        Variance of the target without noise.
    hidden : float, optional
        Part of it that neither set sees, in both rho_w and rho_s. By default as much as the others allow:
        then the student errs, with endless data, no more than the weaker of the two sets must.
    width_w, width_s : int, optional
        Columns of the features; the dimensions by default.
    mixing : {"rotation", "invertible", "none"}
        How directions meet columns: turned (isotropic on their range), by a random map whose covariance
        spreads over two decades, or one by one.
    seed : int
        Of the maps.

    Raises
    ------
    DataError
        When no Gaussian world has these numbers; the message says which number to move.
    ConfigError
        When there is no such mixing.

    Examples
    --------
    Predicted and simulated risk of the student:

    >>> from outgrow.theory.exact_risks import exact_risks
    >>> world = World(d_w=8, d_s=6, d_sw=2.5, rho_w=0.2, rho_s=0.1, sigma=0.5)
    >>> predicted = exact_risks(world.population(), n=40, N=100).student.value
    >>> rng = np.random.default_rng(0)
    >>> def fit(X, y):
    ...     return np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y, rcond=None)[0]
    >>> def risk():
    ...     labelled, pool, test = (world.sample(rows, rng) for rows in (40, 100, 400))
    ...     teacher = fit(labelled.weak, labelled.y)
    ...     student = fit(pool.strong, teacher[0] + pool.weak @ teacher[1:])
    ...     return np.mean((student[0] + test.strong @ student[1:] - test.f) ** 2)
    >>> print(f"predicted {predicted:.2f}, simulated {np.mean([risk() for _ in range(400)]):.2f}")
    predicted 0.26, simulated 0.26
    """

    d_w: int
    d_s: int
    d_sw: float | None = None
    rho_w: float = 0.0
    rho_s: float = 0.0
    sigma: float = 1.0
    correlations: Sequence[float] | Float[np.ndarray, " k"] | None = None
    signal: float = 1.0
    hidden: float | None = None
    width_w: int | None = None
    width_s: int | None = None
    mixing: Mixing = "rotation"
    seed: int = 0
    _squared: Float[np.ndarray, " k"] = field(init=False, repr=False)
    _target: _Target = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("d_w", "d_s"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise DataError(f"{name} must be a whole number of at least 1, not {value}", "world")
        for name in ("rho_w", "rho_s", "sigma", "signal"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise DataError(f"{name} must be finite and at least 0, not {value}", "world")
        for name, width, d in (("width_w", self.width_w, self.d_w), ("width_s", self.width_s, self.d_s)):
            if width is not None and width < d:
                raise DataError(
                    f"{name} of {width} columns cannot hold {d} dimensions", "world", "Give as many at least."
                )
        if self.mixing not in get_args(Mixing):
            raise ConfigError(
                f"there is no mixing {self.mixing!r}", "world", f"Take one of {', '.join(get_args(Mixing))}."
            )
        # The fields are frozen; these two are derived from them once.
        object.__setattr__(self, "_squared", self._squared_correlations())
        object.__setattr__(self, "_target", self._place())

    def _squared_correlations(self) -> Float[np.ndarray, " k"]:
        most = min(self.d_w, self.d_s)
        if (self.d_sw is None) == (self.correlations is None):
            raise DataError(
                "give either d_sw or the squared canonical correlations, not both", "world", "Leave one out."
            )
        g = np.zeros(most)
        if self.correlations is not None:
            given = np.sort(np.asarray(self.correlations, dtype=np.float64))[::-1]
            if given.ndim != 1 or len(given) > most or not ((given >= 0) & (given <= 1)).all():
                raise DataError(
                    f"correlations must be at most {most} numbers in [0, 1]",
                    "world",
                    "They are the squared canonical correlations of the two sets.",
                )
            g[: len(given)] = given
            return g
        assert self.d_sw is not None
        if not 0 <= self.d_sw <= most:
            raise DataError(
                f"d_sw of {self.d_sw:g} is outside [0, {most}]",
                "world",
                f"Features of {self.d_w} and {self.d_s} dimensions share at most {most}.",
            )
        whole = int(self.d_sw)
        g[:whole] = 1.0
        if whole < most:
            g[whole] = self.d_sw - whole
        return g

    def _place(self) -> _Target:
        for name, rho in (("rho_w", self.rho_w), ("rho_s", self.rho_s)):
            if rho > self.signal * (1 + EXACT):
                self._refuse(
                    f"{name} of {rho:g} exceeds the signal {self.signal:g} that it is a part of",
                    "Lower it, or raise signal.",
                )
        most = min(self.rho_w, self.rho_s)
        if self.hidden is not None:
            if not 0 <= self.hidden <= most * (1 + EXACT):
                self._refuse(
                    f"hidden of {self.hidden:g} is outside [0, {most:g}]",
                    "What neither set sees is part of rho_w and of rho_s.",
                )
            return self._with_hidden(min(self.hidden, most))
        if self._lacking(most) <= EXACT * self.signal:
            return self._with_hidden(most)
        # With less hidden the two sets see more, each by itself, until their sum reaches the signal.
        if self._lacking(0.0) > EXACT * self.signal:
            return self._with_hidden(0.0)
        return self._with_hidden(_last_below(self._lacking, 0.0, 0.0, most))

    @property
    def _top(self) -> float:
        return float(self._squared[0])

    def _lacking(self, hidden: float) -> float:
        """Signal that cannot be placed where both sets see it, given what each must miss of it."""
        if self._top >= 1:
            return 0.0
        return self.signal - hidden - _pair_signal(self.rho_s - hidden, self.rho_w - hidden, self._top)

    def _with_hidden(self, hidden: float) -> _Target:
        # Weights x on weak and y on strong directions give rho_s = hidden + sum (1 - g) x^2 and rho_w with y.
        only_w, only_s = max(self.rho_s - hidden, 0.0), max(self.rho_w - hidden, 0.0)
        last_w, last_s = self._last(self.d_w), self._last(self.d_s)
        slack = EXACT * self.signal
        for name, only, last in (("weak", only_w, last_w), ("strong", only_s, last_s)):
            if only > slack and last[1] >= 1:
                big, small = ("rho_s", "rho_w") if name == "weak" else ("rho_w", "rho_s")
                self._refuse(
                    f"every {name} direction is shared, so {big} of {getattr(self, big):g} cannot exceed what"
                    f" neither sees ({hidden:g})",
                    f"Lower {big} or d_sw, or raise {small}.",
                )
        seen = self.signal - hidden
        x, y = np.zeros(self.d_w), np.zeros(self.d_s)
        apart = _apart(only_w, only_s, last_w, last_s)
        if seen < apart - slack:
            self._refuse(
                f"rho_w of {self.rho_w:g} and rho_s of {self.rho_s:g} with {hidden:g} seen by neither need a"
                f" signal of {apart + hidden:g} at least, not {self.signal:g}",
                "Raise signal, lower rho_w or rho_s, or let hidden be larger.",
            )
        if self._top >= 1:
            x[last_w[0]] = _weight(only_w, last_w[1])
            y[last_s[0]] = _weight(only_s, last_s[1])
            # Spread over all fully shared directions: which of them makes no difference.
            shared = np.flatnonzero(self._squared >= 1)
            x[shared] += math.sqrt(max(seen - apart, 0.0) / len(shared))
            return _Target(x, y, hidden)
        together = _pair_signal(only_w, only_s, self._top)
        if seen > together + slack:
            self._refuse(
                f"the sets share too little to express all but rho_w of {self.rho_w:g} and rho_s of"
                f" {self.rho_s:g} of a signal of {self.signal:g}",
                f"Lower signal to {together + hidden:g}, raise rho_w or rho_s, or share a direction in full.",
            )

        # Part of both weights goes to the most correlated pair, the rest where one set sees it alone; the
        # more, the more signal.
        def placed(part: float) -> _Target:
            for weights, only, last in ((x, only_w, last_w), (y, only_s, last_s)):
                weights[0] = _weight(part * only, self._top)
                weights[last[0]] = _weight((1 - part) * only if last[0] else only, last[1])
            return _Target(x, y, hidden)

        def signal(part: float) -> float:
            return self._variance(placed(part))

        return placed(_last_below(signal, self.signal, 0.0, 1.0))

    def _variance(self, target: _Target) -> float:
        k, x, y = len(self._squared), target.weak, target.strong
        shared = y[:k] @ (np.sqrt(self._squared) * x[:k])
        return float(x @ x + y @ y + 2 * shared + target.hidden)

    def _last(self, d: int) -> tuple[int, float]:
        """Give the least shared direction of a set of d, and its squared correlation."""
        return d - 1, float(self._squared[d - 1]) if d <= len(self._squared) else 0.0

    @staticmethod
    def _refuse(what: str, remedy: str) -> NoReturn:
        raise DataError(what, "world", remedy)

    @property
    def squared_correlations(self) -> Float[np.ndarray, " k"]:
        """Squared canonical correlations, descending; min(d_w, d_s) of them."""
        return self._squared.copy()

    @cached_property
    def _maps(self) -> tuple[Float[np.ndarray, "d_w width_w"], Float[np.ndarray, "d_s width_s"]]:
        rng = np.random.default_rng(self.seed)
        return (
            _map(self.d_w, self.width_w or self.d_w, self.mixing, rng),
            _map(self.d_s, self.width_s or self.d_s, self.mixing, rng),
        )

    def population(self) -> Population:
        """Give what the exact risks need to know of this world.

        Returns
        -------
        Population
            Exact up to rounding; its `sigma2` is sigma squared.

        Examples
        --------
        >>> found = World(d_w=8, d_s=6, d_sw=2.5, rho_w=0.2, rho_s=0.1).population()
        >>> found.d_sw, round(found.rho_w, 9), round(found.e2, 9), round(found.g0, 9)
        (2.5, 0.2, 0.1, 0.0)
        """
        k = len(self._squared)
        C = np.zeros((self.d_s, self.d_w))
        C[np.arange(k), np.arange(k)] = np.sqrt(self._squared)
        x, y = self._target.weak, self._target.strong
        v = self._variance(self._target)
        return Population.from_whitened(C, x + C.T @ y, y + C @ x, v, self.sigma**2)

    def sample(self, rows: int, rng: np.random.Generator) -> WorldSample:
        """Draw rows.

        Parameters
        ----------
        rows : int
            How many.
        rng : numpy.random.Generator
            Draws them.

        Returns
        -------
        WorldSample
            Weak and strong features, labels, and the target without noise; all of mean zero.

        Raises
        ------
        DataError
            When `rows` is not positive.

        Examples
        --------
        >>> weak, strong, y, f = World(d_w=3, d_s=2, d_sw=1, width_s=5).sample(4, np.random.default_rng(0))
        >>> weak.shape, strong.shape, y.shape
        ((4, 3), (4, 5), (4,))
        """
        if rows < 1:
            raise DataError(f"{rows} rows cannot be drawn", "world", "Ask for one at least.")
        k = len(self._squared)
        W, S = rng.standard_normal((rows, self.d_w)), rng.standard_normal((rows, self.d_s))
        S[:, :k] = np.sqrt(self._squared) * W[:, :k] + np.sqrt(1 - self._squared) * S[:, :k]
        f = W @ self._target.weak + S @ self._target.strong
        f += math.sqrt(self._target.hidden) * rng.standard_normal(rows)
        y = f + self.sigma * rng.standard_normal(rows)
        to_w, to_s = self._maps
        return WorldSample(W @ to_w, S @ to_s, y, f)


@dataclass(frozen=True, eq=False)
class _Target:
    """Weights of the target on weak and strong directions, and the variance that neither carries."""

    weak: Float[np.ndarray, " d_w"]
    strong: Float[np.ndarray, " d_s"]
    hidden: float


def _last_below(rising: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Give where a rising function last stays at or below a level, or the end next to it."""
    if rising(high) <= level:
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) <= level else (low, middle)
    return low


def _weight(only: float, g: float) -> float:
    return math.sqrt(only / (1 - g)) if only > 0 and g < 1 else 0.0


def _pair_signal(only_w: float, only_s: float, g: float) -> float:
    """Signal of weights on one pair of squared correlation g that leave these parts to one set only."""
    x, y = _weight(only_w, g), _weight(only_s, g)
    return x * x + y * y + 2 * math.sqrt(g) * x * y


def _apart(only_w: float, only_s: float, last_w: tuple[int, float], last_s: tuple[int, float]) -> float:
    """Signal of the same on each set's least shared direction."""
    if last_w[0] == last_s[0]:
        return _pair_signal(only_w, only_s, last_w[1])
    return _weight(only_w, last_w[1]) ** 2 + _weight(only_s, last_s[1]) ** 2


def _map(d: int, width: int, mixing: Mixing, rng: np.random.Generator) -> Float[np.ndarray, "d width"]:
    if mixing == "none":
        return np.eye(d, width)
    turned = np.linalg.qr(rng.standard_normal((width, d)))[0].T
    if mixing == "rotation":
        return turned
    inner = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return inner @ (np.geomspace(1, 1 / SPREAD, d)[:, None] * turned)

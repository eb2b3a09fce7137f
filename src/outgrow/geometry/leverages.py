"""What two unrelated parts of feature sets share by chance, from the leverages of rows (docs/theory.md, T1c).

A row pulls on a fit by its leverage, the diagonal of the hat matrix; rows that depend on each other pull
together, by a block of it. What two sets do not share meets where both have leverage, so long rows and copies
make chance larger than d_w d_s / N. What they do share takes its part of the leverage away, which is why the
chance depends on the answer S: one equation, solved here, for all rows and for each jackknife replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

SAMPLED = 4_096
"""Rows whose leverages are read, all where there are no more. What chance adds is a sum over rows of products
of leverages, and these are scaled to their known sums d_w and d_s, so that only their unevenness is sampled
(docs/theory.md gives the error). Replicates leave sampled rows out too, so intervals count it."""

CHUNK = 1_024
"""Sampled rows in float64 at a time: they stay in a last-level cache."""

NOTHING = 1e-10
"""Room of a unit below which a direction is all mean, or certainly shared: rounding of numbers near 1."""

STEPS = 100
"""Newton's steps and halvings at most: a halving gains a bit of 53, a step as many as there are."""

Rows = tuple[Float[np.ndarray, "m c"], Float[np.ndarray, "m d"], Float[np.ndarray, "m e"]]
"""What is certainly shared (the mean first), weak and strong rows; hat matrices are Z Z'."""

Blocks = tuple[Float[np.ndarray, "g n c"], Float[np.ndarray, "g n d"], Float[np.ndarray, "g n e"]]
"""The same of g units of n rows each."""


@dataclass(frozen=True, eq=False)
class Chance:
    """Chance sharing as a function of S: sums over units of level + S slope + S^2 residue / (1 - S pole)."""

    d_w: int
    d_s: int
    units: Int[np.ndarray, " folds"]
    fold: Int[np.ndarray, " u"] = field(repr=False)
    trace_w: Float[np.ndarray, " u"] = field(repr=False)
    trace_s: Float[np.ndarray, " u"] = field(repr=False)
    level: Float[np.ndarray, " u"] = field(repr=False)
    slope: Float[np.ndarray, " u"] = field(repr=False)
    met: Float[np.ndarray, " u"] = field(repr=False)
    out_w: Float[np.ndarray, " u"] = field(repr=False)
    out_s: Float[np.ndarray, " u"] = field(repr=False)
    pole: Float[np.ndarray, " k"] = field(repr=False)
    residue: Float[np.ndarray, " k"] = field(repr=False)
    pole_fold: Int[np.ndarray, " k"] = field(repr=False)

    def of_unrelated(self) -> float:
        """Give what unrelated sets of these leverages share on average."""
        return self._rest(None).level

    def solve(self, naive: float, without_fold: int | None = None) -> tuple[float, float] | None:
        """Give S and dS/dnaive; None where the equation has no root between -min(d_w, d_s) and its pole."""
        rest = self._rest(without_fold)
        low, high = -float(min(self.d_w, self.d_s)), rest.end
        if rest.at(low)[0] >= naive:
            return None
        S = min(max(naive, 0.0), (low + high) / 2)
        for _ in range(STEPS):
            value, steep = rest.at(S)
            step = (naive - value) / steep if steep > 0 else np.inf
            if abs(step) <= 1e-12 * max(1.0, abs(S)):
                return S + step, 1 / steep
            low, high = (S, high) if value < naive else (low, S)
            S = S + step if low < S + step < high else (low + high) / 2
        return None

    def variance_of_pairs(self, S: float) -> float:
        """Give the variance of naive that pairs of units bring: what is not shared correlates by chance.

        Entries of a hat matrix between two units are of random sign, and idempotence says how large: their
        squares sum to tr[H_gg (room - H_gg)] along a unit.
        """
        outside = float(self.out_w.sum() * self.out_s.sum())
        if not outside > 0:
            return 0.0
        # Sums over sampled units stand for all; no unit pairs with itself.
        weight = float(self.units.sum()) / len(self.fold)
        pairs = float(self.met.sum()) ** 2 - float(np.sum(self.met**2)) / weight
        unshared = max(1 - S / self.d_w, 0.0) * max(1 - S / self.d_s, 0.0)
        return max(2 * pairs * unshared / outside, 0.0)

    def _rest(self, without_fold: int | None) -> _Rest:
        units, poles = self.fold != without_fold, self.pole_fold != without_fold
        kept = np.arange(len(self.units)) != without_fold
        weight = float(self.units[kept].sum()) / float(units.sum())
        # The leverages of any rows sum to d: what the sample missed, and what the fold took along, is scaled.
        up_w = self.d_w / (weight * float(self.trace_w[units].sum()))
        up_s = self.d_s / (weight * float(self.trace_s[units].sum()))
        up = (up_w + up_s) / 2
        return _Rest(
            weight * up_w * up_s * float(self.level[units].sum()),
            weight * up**2 * float(self.slope[units].sum()),
            up * self.pole[poles],
            weight * up**2 * self.residue[poles],
        )


@dataclass(frozen=True, eq=False)
class _Rest:
    level: float
    slope: float
    pole: Float[np.ndarray, " k"]
    residue: Float[np.ndarray, " k"]

    @property
    def end(self) -> float:
        return 1 / float(self.pole.max())

    def at(self, S: float) -> tuple[float, float]:
        """Give S plus what chance adds, and the derivative."""
        left = 1 - S * self.pole
        value = S + self.level + S * self.slope + S**2 * float(np.sum(self.residue / left))
        steep = 1 + self.slope + S * float(np.sum(self.residue * (1 + left) / left**2))
        return value, steep


def chance_of(
    read: Callable[[Int[np.ndarray, " m"]], Rows],
    units: Int[np.ndarray, " N"],
    folds: Int[np.ndarray, " N"],
    d_w: int,
    d_s: int,
) -> Chance:
    """Take the terms from rows: `read` gives those at some positions, whitened and divided by sqrt(N)."""
    fold_of_unit = np.zeros(int(units.max()) + 1, dtype=np.int64)
    fold_of_unit[units] = folds
    parts: list[tuple[np.ndarray, ...]] = []
    for members in _batches(units):
        sure, weak, strong = (part.reshape(*members.shape, -1) for part in read(members.ravel()))
        sure, weak, strong = _reduced((sure, weak, strong))
        terms = _terms(sure, weak, strong, d_w, d_s)
        fold = fold_of_unit[units[members[:, 0]]]
        parts.append((fold, *terms, np.repeat(fold, terms[-1].shape[1])))
    columns = (np.concatenate([part.ravel() for part in column]) for column in zip(*parts, strict=True))
    return Chance(d_w, d_s, np.bincount(fold_of_unit), *columns)


def _batches(units: Int[np.ndarray, " N"]) -> Iterator[Int[np.ndarray, "g n"]]:
    """Deal the positions of sampled units, whole, into batches of units of one size."""
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units)
    starts = np.cumsum(sizes) - sizes
    chosen = np.arange(len(sizes))
    if len(units) > SAMPLED:
        count = max(1, round(SAMPLED * len(sizes) / len(units)))
        chosen = np.sort(np.random.default_rng(0).choice(len(sizes), count, replace=False))
    for size in np.unique(sizes[chosen]):
        alike = chosen[sizes[chosen] == size]
        step = max(1, CHUNK // int(size))
        for begin in range(0, len(alike), step):
            yield order[starts[alike[begin : begin + step], None] + np.arange(size)]


def _reduced(blocks: Blocks) -> tuple[Float[np.ndarray, "g r _"], ...]:
    """Turn units of more rows than columns: their triangular factors have the same products."""
    rows, widths = blocks[0].shape[1], [part.shape[2] for part in blocks]
    if rows <= sum(widths):
        return blocks
    factor = np.linalg.qr(np.concatenate(blocks, axis=2), mode="r")
    sure, weak, strong = np.split(factor, np.cumsum(widths)[:-1], axis=2)
    return sure, weak, strong


def _terms(
    sure: Float[np.ndarray, "g n c"],
    weak: Float[np.ndarray, "g n d"],
    strong: Float[np.ndarray, "g n e"],
    d_w: int,
    d_s: int,
) -> tuple[np.ndarray, ...]:
    """Diagonalise each unit's equation; in the order of the fields of `Chance`, from traces on."""
    H_w, H_s, certain = (Z @ Z.transpose(0, 2, 1) for Z in (weak, strong, sure))
    P = (H_w / d_w + H_s / d_s) / 2
    # tr[(H_w - S P)(H_s - S P)(room - S P)^-1], room = I - certain, on a basis where room is 1 and P is
    # diagonal. The residual makers room - H do not depend on S, so only 1 / (1 - S pole) is left of it.
    room = np.eye(P.shape[1]) - certain
    values, vectors = np.linalg.eigh(room)
    half = vectors * np.where(values > NOTHING, 1 / np.sqrt(np.maximum(values, NOTHING)), 0.0)[:, None, :]
    pole, turn = np.linalg.eigh(half.transpose(0, 2, 1) @ P @ half)
    basis = half @ turn
    R_w, R_s = room - H_w, room - H_s
    level = np.sum((H_w @ basis) * (H_s @ basis), axis=(1, 2))
    left = np.sum((R_w @ basis) * (R_s @ basis), axis=1)
    trace_w, trace_s, trace = (np.trace(H, axis1=1, axis2=2) for H in (H_w, H_s, P))
    out_w, out_s = H_w @ R_w, H_s @ R_s
    return (
        trace_w,
        trace_s,
        level,
        np.sum(left * pole, axis=1) - trace,
        np.sum(out_w * out_s.transpose(0, 2, 1), axis=(1, 2)),
        np.trace(out_w, axis1=1, axis2=2),
        np.trace(out_s, axis1=1, axis2=2),
        pole,
        left * pole**2,
    )

"""The published similarity held against chance: what it is for any two networks whose coordinates differ.

Two networks that were trained apart have coordinates of their own. Leading eigenvectors compared coordinate
by coordinate then meet as random subspaces do, and the value is d_s d_w / D, whatever both share
(docs/theory.md, T1). Layers of one network share coordinates, as far as it passes them on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from outgrow.geometry.intrinsic import ENERGY_LEVEL, intrinsic_dimension
from outgrow.geometry.published import published_correlation_dimension
from outgrow.linalg.spectrum import spectrum_of_covariance
from outgrow.reproductions.reproduction import Comparison
from outgrow.results import Estimate
from outgrow.sweeps.grid import SweepData

Basis = Float[np.ndarray, "D d"]


def similarity_comparisons(
    data: SweepData, pairs: Sequence[tuple[str, str]], sds: float, seed: int = 0
) -> tuple[Comparison, ...]:
    """Measure the published similarity of every pair, beside its chance level.

    None where widths differ, or both are layers of one network.
    """
    bases = {view: _leading(data, view) for view in dict.fromkeys(view for pair in pairs for view in pair)}
    return tuple(_compared(pair, bases[pair[0]], bases[pair[1]], sds, seed) for pair in pairs)


def _compared(
    pair: tuple[str, str], weak: Basis | None, strong: Basis | None, sds: float, seed: int
) -> Comparison:
    what = f"published similarity of {' → '.join(pair)}, chance level"
    if weak is None or strong is None:
        return Comparison(what, None, None, 0.0, f"no rank holds {ENERGY_LEVEL:.0%} of the energy")
    same, rng = len(weak) == len(strong), np.random.default_rng(seed)
    found = published_correlation_dimension(weak, strong, rng)
    told = f"d_s d_w / D at energy {ENERGY_LEVEL:g}: {found.d_s} {found.d_w} / {found.width}"
    if not same:
        # No features could fail: such a match would say nothing of these.
        reason = f"chance by construction, {found.chance:.1f}: the narrower set is rotated at random; {told}"
        return Comparison(what, None, found.value, 0.0, reason)
    if network_of(pair[0]) == network_of(pair[1]):
        reason = (
            f"layers of one network share coordinates as far as it passes them on:"
            f" {found.value:.1f} where chance is {found.chance:.1f}"
        )
        return Comparison(what, None, found.value, 0.0, reason)
    reason = f"{told}; coordinates as they are; {sds:g} standard deviations (docs/theory.md, T1)"
    return Comparison(what, found.chance, found.value, sds * found.chance_sd, reason)


def network_of(name: str) -> str:
    """Take the layer off the name of a feature set."""
    return re.sub(r"([-_.@]?layer[-_]?|@)-?\d+$", "", name)


def _leading(data: SweepData, view: str) -> Basis | None:
    """Give the eigenvectors that hold most of the energy, if any number does."""
    X = data.views[view][data.train].astype(np.float64)
    X -= X.mean(axis=0)
    spectrum = spectrum_of_covariance(X.T @ X / len(X), len(X))
    size = intrinsic_dimension(spectrum, "energy", level=ENERGY_LEVEL).estimate
    return spectrum.vectors[:, : int(size.value)] if isinstance(size, Estimate) else None

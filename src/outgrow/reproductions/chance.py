"""The published similarity held against chance: what it is for any two networks whose coordinates differ.

Two networks that were trained apart have coordinates of their own. Leading eigenvectors compared coordinate
by coordinate then meet as random subspaces do, and the value is d_s d_w / D, whatever both share
(docs/theory.md, T1). Layers of one network share coordinates, as far as it passes them on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from outgrow.geometry.intrinsic import ENERGY_LEVEL, intrinsic_dimension
from outgrow.geometry.published import published_correlation_dimension
from outgrow.linalg.spectrum import Spectrum, spectrum_of_covariance
from outgrow.reproductions.reproduction import Comparison
from outgrow.results import Estimate
from outgrow.sweeps.grid import SweepData


def similarity_comparisons(
    data: SweepData, pairs: Sequence[tuple[str, str]], sds: float, seed: int = 0
) -> tuple[Comparison, ...]:
    """Measure the published similarity of every pair, beside its chance level.

    None where widths differ, or both are layers of one network.
    """
    views = dict.fromkeys(view for pair in pairs for view in pair)
    spectra = {view: _spectrum(data, view) for view in views}
    out = []
    for weak, strong in pairs:
        bases = []
        for spectrum in (spectra[weak], spectra[strong]):
            size = intrinsic_dimension(spectrum, "energy", level=ENERGY_LEVEL).estimate
            bases.append(spectrum.vectors[:, : int(size.value)] if isinstance(size, Estimate) else None)
        what = f"published similarity of {weak} → {strong}, chance level"
        if bases[0] is None or bases[1] is None:
            out.append(Comparison(what, None, None, 0.0, f"no rank holds {ENERGY_LEVEL:.0%} of the energy"))
            continue
        same = len(bases[0]) == len(bases[1])
        rng = np.random.default_rng(seed)
        found = published_correlation_dimension(bases[0], bases[1], "none" if same else "rotation", rng)
        if same and network_of(weak) == network_of(strong):
            reason = (
                f"layers of one network share coordinates as far as it passes them on:"
                f" {found.value:.1f} where chance is {found.chance:.1f}"
            )
            out.append(Comparison(what, None, found.value, 0.0, reason))
            continue
        told = f"d_s d_w / D at energy {ENERGY_LEVEL:g}: {found.d_s} {found.d_w} / {found.width}"
        if not same:
            # No features could fail: such a match would say nothing of these.
            reason = (
                f"chance by construction, {found.chance:.1f}: the narrower set is rotated at random; {told}"
            )
            out.append(Comparison(what, None, found.value, 0.0, reason))
            continue
        out.append(
            Comparison(
                what,
                found.chance,
                found.value,
                sds * found.chance_sd,
                f"{told}; coordinates as they are; {sds:g} standard deviations (docs/theory.md, T1)",
            )
        )
    return tuple(out)


def network_of(name: str) -> str:
    """Take the layer off the name of a feature set."""
    return re.sub(r"([-_.@]?layer[-_]?|@)-?\d+$", "", name)


def _spectrum(data: SweepData, view: str) -> Spectrum:
    X = data.views[view][data.train].astype(np.float64)
    X -= X.mean(axis=0)
    return spectrum_of_covariance(X.T @ X / len(X), len(X))

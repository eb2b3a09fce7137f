"""Intrinsic dimension: every rule against a spectrum whose answer is known by hand or by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outgrow.errors import DataError
from outgrow.geometry.intrinsic import (
    POINTS,
    RULES,
    Curve,
    every_dimension,
    gavish_donoho_factor,
    intrinsic_dimension,
)
from outgrow.geometry.null_spectrum import parallel_analysis
from outgrow.linalg.spectrum import spectrum_of_covariance, spectrum_of_rows
from outgrow.results import Estimate, Undefined


def value(spectrum, rule, **options):
    found = intrinsic_dimension(spectrum, rule, **options).estimate
    assert isinstance(found, Estimate)
    return found.value


def test_by_hand():
    spectrum = spectrum_of_covariance(np.diag([4.0, 2.0, 2.0, 1.0, 1.0, 0.0]), n=50)
    assert value(spectrum, "energy", level=0.4) == 1  # reached exactly
    assert value(spectrum, "energy", level=0.41) == 2
    assert value(spectrum, "energy") == 4
    assert value(spectrum, "energy", level=1.0) == 5
    assert value(spectrum, "stable-rank") == pytest.approx(2.5)
    assert value(spectrum, "participation") == pytest.approx(100 / 26)
    # The unit of the ridge rule is the mean over the five directions that vary, 2.
    assert value(spectrum, "ridge", level=0.5) == pytest.approx(4 / 5 + 2 * 2 / 3 + 2 * 1 / 2)
    assert value(spectrum, "ridge", level=0.0) == 5


def test_every_rule_is_measured_once(rng):
    rows = rng.standard_normal((60, 6))
    found = every_dimension(spectrum_of_rows(rows), rows, rng)
    assert {item.rule for item in found} == set(RULES)
    assert [item.label for item in found][:3] == ["energy .90", "energy .95", "energy .99"]
    assert len({item.label for item in found}) == len(found)


@given(arrays(np.float64, st.integers(1, 12), elements=st.floats(1e-3, 1e3)), st.floats(1e-3, 1e3))
def test_scale_and_bounds(values, scale):
    a, b = (spectrum_of_covariance(np.diag(values * s), n=500) for s in (1.0, scale))
    for rule in ("energy", "stable-rank", "participation", "ridge"):
        here, there = value(a, rule), value(b, rule)
        assert here == pytest.approx(there, rel=1e-9)
        assert 0 < here <= a.rank * (1 + 1e-12)
    assert value(a, "participation") <= a.rank * (1 + 1e-12)
    assert value(a, "energy", level=0.9) <= value(a, "energy", level=0.99)


def test_planted_directions_are_found(rng):
    # Six directions at eight times the noise's edge or more: both rules for noise must find exactly these.
    signal = rng.standard_normal((1500, 6)) @ (3.0 * np.linalg.qr(rng.standard_normal((80, 6)))[0].T)
    rows = signal + 0.3 * rng.standard_normal((1500, 80))
    spectrum = spectrum_of_rows(rows)
    assert value(spectrum, "gavish-donoho") == 6
    assert value(spectrum, "parallel", rows=rows, rng=rng) == 6


def test_parallel_analysis_finds_nothing_in_noise(rng):
    found = []
    for _ in range(40):
        rows = rng.standard_normal((120, 15)) * np.linspace(1, 3, 15)
        found.append(value(spectrum_of_rows(rows), "parallel", rows=rows, rng=rng))
    # Chance 1/10 each; 40 draws exceed 11 with probability below 1e-3.
    assert np.sum(np.array(found) > 0) <= 11


@pytest.mark.parametrize(("beta", "published"), [(0.05, 1.5194), (0.5, 2.1711), (1.0, 2.8582)])
def test_threshold_of_gavish_and_donoho(beta, published):
    # Table IV of their paper.
    assert gavish_donoho_factor(beta) == pytest.approx(published, abs=2e-4)


def test_constant_columns(rng):
    rows = np.hstack([rng.standard_normal((100, 4)), np.full((100, 2), 1e3)])
    spectrum = spectrum_of_rows(rows)
    assert spectrum.rank == 4
    assert value(spectrum, "energy", level=1.0) == 4
    nothing = spectrum_of_rows(np.ones((10, 3)))
    for rule in RULES:
        assert isinstance(intrinsic_dimension(nothing, rule).estimate, Undefined)


def test_undefined_and_errors(rng):
    spectrum = spectrum_of_rows(rng.standard_normal((30, 4)))
    missing = intrinsic_dimension(spectrum, "parallel").estimate
    assert isinstance(missing, Undefined) and "rows" in missing.reason
    with pytest.raises(DataError, match=r"there is no rule 'pca'\. Rules: energy, gavish-donoho"):
        intrinsic_dimension(spectrum, "pca")
    with pytest.raises(DataError, match=r"an energy share lies in \(0, 1\], not 90"):
        intrinsic_dimension(spectrum, "energy", level=90)
    with pytest.raises(DataError, match="a penalty is at least 0"):
        intrinsic_dimension(spectrum, "ridge", level=-1.0)
    sparse = spectrum_of_covariance(np.diag([1.0, 0, 0, 0]), n=30)
    assert isinstance(intrinsic_dimension(sparse, "gavish-donoho").estimate, Undefined)


def test_long_curves_are_thinned_but_keep_both_ends():
    curve = Curve.over_directions(np.arange(5000.0), "y", np.arange(5000.0))
    assert len(curve.x) <= POINTS
    assert (curve.x[0], curve.x[-1]) == (1, 5000)
    np.testing.assert_array_equal(curve.y, curve.x - 1)
    np.testing.assert_array_equal(curve.threshold, curve.y)


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_parallel_analysis_follows_the_unit(rng, unit):
    rows = rng.standard_normal((50, 6))
    one, other = (parallel_analysis(rows * u, np.random.default_rng(1)) / u**2 for u in (1.0, unit))
    np.testing.assert_allclose(other, one, rtol=1e-5)


def test_parallel_analysis_of_many_rows_reads_some_and_says_so(rng, monkeypatch):
    from outgrow.geometry import null_spectrum

    monkeypatch.setattr(null_spectrum, "ROWS", 500)
    rows = rng.standard_normal((2000, 4)) @ rng.standard_normal((4, 30)) + 0.3 * rng.standard_normal(
        (2000, 30)
    )
    found = intrinsic_dimension(spectrum_of_rows(rows), "parallel", rows=rows, rng=rng)
    assert (found.estimate.value, found.estimate.n) == (4, 500)
    # The curve and its threshold come from the same 500 rows.
    some = rows[::4] - rows[::4].mean(axis=0)
    np.testing.assert_allclose(found.curve.y, np.linalg.eigvalsh(some.T @ some / 500)[::-1], rtol=1e-9)


def test_parallel_analysis_of_principal_components_is_undefined(rng):
    rows = rng.standard_normal((400, 6)) @ rng.standard_normal((6, 20)) + 0.3 * rng.standard_normal((400, 20))
    components = (rows - rows.mean(axis=0)) @ spectrum_of_rows(rows).vectors
    found = intrinsic_dimension(spectrum_of_rows(components), "parallel", rows=components, rng=rng)
    assert isinstance(found.estimate, Undefined)
    assert "principal components" in found.estimate.reason

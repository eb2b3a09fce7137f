"""Worlds: the numbers asked for come out exactly, samples agree with them, and the impossible is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import outgrow
from outgrow.errors import ConfigError, DataError
from outgrow.theory.exact_risks import exact_risks, min_norm_risks
from outgrow.worlds.gaussian import World

WORLDS = {
    "default split": {"d_w": 6, "d_s": 5, "d_sw": 2, "rho_w": 0.3, "rho_s": 0.1},
    "nothing hidden": {"d_w": 6, "d_s": 5, "d_sw": 2, "rho_w": 0.3, "rho_s": 0.1, "hidden": 0.0},
    "fractional": {"d_w": 4, "d_s": 6, "d_sw": 2.5, "rho_w": 0.1, "rho_s": 0.2, "signal": 2.0},
    "weak inside": {"d_w": 4, "d_s": 6, "d_sw": 4, "rho_w": 0.3, "rho_s": 0.1},
    "none in full": {"d_w": 5, "d_s": 4, "correlations": [0.2, 0.9, 0.5], "rho_w": 0.3, "rho_s": 0.2},
    "halves only": {"d_w": 4, "d_s": 4, "correlations": [0.5] * 4, "rho_w": 0.6, "rho_s": 0.5},
    "unrelated": {"d_w": 5, "d_s": 4, "d_sw": 0, "rho_w": 0.7, "rho_s": 0.6},
}


# Worlds that exist are a small part of what can be drawn, some seeds start with few, and to draw is cheap.
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.data(),
    st.floats(0, 1),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_every_world_that_is_made_is_exact(d_w, d_s, data, rho_w, rho_s, hidden):
    most = min(d_w, d_s)
    g = data.draw(st.lists(st.one_of(st.just(1.0), st.floats(0, 0.999)), max_size=most))
    try:
        world = World(d_w, d_s, correlations=g, rho_w=rho_w, rho_s=rho_s, hidden=hidden)
    except DataError:
        assume(False)
    p = world.population()
    assert (p.rho_w, p.rho_s, p.v) == pytest.approx((rho_w, rho_s, 1.0), abs=1e-8)
    assert p.d_sw == pytest.approx(sum(g))


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_every_possible_world_is_made(seed):
    # Any target in any pair of spaces has some rho_w and rho_s, so such a world exists; those with positive
    # weights on the first pair and on each set's last direction are found again, if not with the same target.
    rng = np.random.default_rng(seed)
    d_w, d_s = rng.integers(1, 6, size=2)
    g = np.sort(rng.uniform(0, 1, min(d_w, d_s)))[::-1]
    x, y = np.zeros(d_w), np.zeros(d_s)
    for weights in (x, y):
        weights[0] += rng.uniform()
        weights[-1] += rng.uniform()
    C = np.zeros((d_s, d_w))
    C[np.arange(len(g)), np.arange(len(g))] = np.sqrt(g)
    hidden = rng.uniform(0, 0.5)
    v = x @ x + y @ y + 2 * y @ C @ x + hidden
    rho_w, rho_s = (v - np.sum((t) ** 2) for t in (x + C.T @ y, y + C @ x))
    p = World(int(d_w), int(d_s), correlations=g, rho_w=rho_w, rho_s=rho_s, signal=v).population()
    assert (p.rho_w, p.rho_s, p.v) == pytest.approx((rho_w, rho_s, v), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("mixing", ["none", "rotation", "invertible"])
@pytest.mark.parametrize("name", WORLDS)
def test_samples_have_the_moments(rng, name, mixing):
    asked = WORLDS[name]
    world = World(**asked, sigma=0.5, width_w=9, width_s=8, mixing=mixing)
    rows = 40_000
    weak, strong, y, f = world.sample(rows, rng)
    assert weak.shape == (rows, 9) and strong.shape == (rows, 8)
    p = world.population()
    wanted = (asked["rho_w"], asked["rho_s"], asked.get("signal", 1.0), 0.25)
    assert (p.rho_w, p.rho_s, p.v, p.sigma2) == pytest.approx(wanted, abs=1e-9)
    assert p.d_sw == pytest.approx(asked.get("d_sw", sum(asked.get("correlations", []))))
    error = 5 / np.sqrt(rows)
    assert np.mean(f**2) == pytest.approx(p.v, abs=error * 2 * p.v)
    assert np.mean((y - f) ** 2) == pytest.approx(0.25, abs=error)
    fitted_w, fitted_s = (X @ np.linalg.lstsq(X, f, rcond=None)[0] for X in (weak, strong))
    assert np.mean((f - fitted_w) ** 2) == pytest.approx(p.rho_w, abs=error * 2 * p.v)
    assert np.mean((f - fitted_s) ** 2) == pytest.approx(p.rho_s, abs=error * 2 * p.v)
    again = strong @ np.linalg.lstsq(strong, fitted_w, rcond=None)[0]
    assert np.mean((fitted_w - again) ** 2) == pytest.approx(p.g0, abs=error * 2 * p.v)
    assert np.mean((fitted_s - again) ** 2) == pytest.approx(p.e2, abs=error * 2 * p.v)
    U, V = (np.linalg.svd(X, full_matrices=False)[0][:, :d] for X, d in ((weak, p.d_w), (strong, p.d_s)))
    assert np.sum((U.T @ V) ** 2) == pytest.approx(p.d_sw, abs=error * 6 + p.d_w * p.d_s / rows)
    assert [np.linalg.matrix_rank(X) for X in (weak, strong)] == [p.d_w, p.d_s]
    if mixing == "rotation":
        values = np.linalg.eigvalsh(np.cov(weak.T))[-p.d_w :]
        assert values == pytest.approx(np.ones(p.d_w), abs=2 * error * np.sqrt(p.d_w))
    if mixing != "none":
        # No column has an axis of its own.
        assert np.abs(np.corrcoef(weak.T))[~np.eye(9, dtype=bool)].max() > 4 * error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mixing", "n", "N", "predict"),
    [("invertible", 20, 26, exact_risks), ("rotation", 4, 26, min_norm_risks)],
)
def test_predictions_match_trained_models(rng, mixing, n, N, predict):
    world = World(7, 5, 2.5, rho_w=0.3, rho_s=0.2, sigma=0.5, width_w=9, width_s=8, mixing=mixing)

    def fit(X, y):
        theta = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=1e-10)[0]
        return lambda Z: Z @ theta + y.mean() - X.mean(axis=0) @ theta

    seen = []
    for _ in range(2500):
        labelled, pool, test = (world.sample(rows, rng) for rows in (n, N, 200))
        teacher = fit(labelled.weak, labelled.y)
        student = fit(pool.strong, teacher(pool.weak))
        both = np.vstack([labelled.strong, pool.strong])
        ceiling = fit(both, np.concatenate([labelled.y, pool.y]))
        guesses = teacher(test.weak), student(test.strong), ceiling(test.strong)
        seen.append([np.mean((guess - test.f) ** 2) for guess in guesses])
    risks = predict(world.population(), n, N)
    expected = [risks.teacher.value, risks.student.value, risks.ceiling.value]
    z = (np.mean(seen, axis=0) - expected) / (np.std(seen, axis=0) / np.sqrt(len(seen)))
    assert np.abs(z).max() < 3.5, z


def test_by_default_the_student_need_not_err_more_than_the_worse_set():
    world = World(8, 6, 3, rho_w=0.3, rho_s=0.1)
    p = world.population()
    assert p.rho_s + p.e2 == pytest.approx(0.3) and p.g0 == pytest.approx(0.0)
    apart = World(8, 6, 3, rho_w=0.3, rho_s=0.1, hidden=0.0).population()
    assert apart.rho_s + apart.e2 == pytest.approx(0.4) and apart.g0 == pytest.approx(0.1)


def test_seeds():
    assert outgrow.World is World
    assert World(4, 3, 2.25).squared_correlations.tolist() == [1.0, 1.0, 0.25]
    one, same = World(4, 3, 2, width_w=6), World(4, 3, 2, width_w=6)
    other = World(4, 3, 2, width_w=6, seed=1)
    draws = [world.sample(5, np.random.default_rng(3)) for world in (one, same, other)]
    np.testing.assert_array_equal(draws[0].weak, draws[1].weak)
    np.testing.assert_array_equal(draws[0].f, draws[2].f)  # the maps differ, not what is mapped
    assert not np.allclose(draws[0].weak, draws[2].weak)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"d_w": 0}, "d_w must be a whole number of at least 1, not 0"),
        ({"d_sw": 6}, "d_sw of 6 is outside [0, 5]. Features of 7 and 5 dimensions share at most 5"),
        ({"d_sw": -1}, "d_sw of -1 is outside"),
        ({"d_sw": float("nan")}, "d_sw of nan is outside"),
        ({"sigma": -0.1}, "sigma must be finite and at least 0, not -0.1"),
        ({"signal": float("inf")}, "signal must be finite"),
        ({"rho_w": 1.1}, "rho_w of 1.1 exceeds the signal 1 that it is a part of"),
        ({"rho_w": 0.2, "rho_s": 0.1, "hidden": 0.15}, "hidden of 0.15 is outside [0, 0.1]"),
        ({"d_sw": None}, "give either d_sw or the squared canonical correlations"),
        ({"correlations": [0.5]}, "give either d_sw or the squared canonical correlations"),
        ({"d_sw": None, "correlations": [0.1] * 6}, "at most 5 numbers in [0, 1]"),
        ({"d_sw": None, "correlations": [1.2]}, "at most 5 numbers in [0, 1]"),
        ({"d_sw": 5, "rho_s": 0.1, "rho_w": 0.2}, "every strong direction is shared, so rho_w of 0.2"),
        ({"d_w": 5, "d_s": 7, "d_sw": 5, "rho_s": 0.1}, "every weak direction is shared, so rho_s of 0.1"),
        ({"d_sw": 0}, "Lower signal to 0, raise rho_w or rho_s, or share a direction in full"),
        ({"d_sw": 0.5, "rho_w": 0.1, "rho_s": 0.1}, "share too little to express all but rho_w of 0.1"),
        ({"rho_w": 0.9, "rho_s": 0.9, "hidden": 0.1}, "need a signal of 1.7 at least, not 1"),
        ({"width_w": 6}, "width_w of 6 columns cannot hold 7 dimensions"),
        ({"mixing": "blend"}, "there is no mixing 'blend'. Take one of none, rotation, invertible"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(asked, message):
    with pytest.raises((DataError, ConfigError), match=re.escape(message)) as raised:
        World(**{"d_w": 7, "d_s": 5, "d_sw": 2, **asked})
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("world: ")
    with pytest.raises(DataError, match="0 rows cannot be drawn"):
        World(7, 5, 2).sample(0, np.random.default_rng(0))

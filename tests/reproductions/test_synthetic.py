"""The synthetic experiment: its world, draws against refitting and theory, what falls, golden results."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from outgrow.errors import ConfigError
from outgrow.reproductions.reproduction import Comparison
from outgrow.reproductions.synthetic import judged, reproduce
from outgrow.reproductions.synthetic_draws import SyntheticSettings, draw
from outgrow.reproductions.synthetic_figure import GROUPS, WHY
from outgrow.reproductions.synthetic_rows import (
    CHANCE,
    deviation,
    estimates,
    largest_by_chance,
    rows_of,
)
from outgrow.reproductions.synthetic_tables import courses, margins
from outgrow.reproductions.synthetic_world import (
    PRINTED,
    SIGMA2,
    WORLDS,
    contributions,
    population,
    printed_numbers,
    target,
)
from outgrow.theory.population import Population

WIDE = SyntheticSettings(
    n=(250, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 5000),
    N=(150, 200, 300, 500, 1000, 2000, 5000, 10_000, 20_000),
    n_fixed=500,
    N_fixed=5000,
)
"""Sizes from near as many rows as dimensions to far beyond the published ones."""
SMALL = SyntheticSettings(seeds=3, n=(230, 300), N=(120, 200), n_fixed=240, N_fixed=150, offsets=(10, 90))


def test_printed_numbers_are_the_worlds():
    found = printed_numbers()
    assert len(found) == 9 and all(one.matches for one in found)
    # The tolerance tells the printed number from its neighbours.
    assert not any(replace(one, ours=one.published + (2 * one.tolerance or 0.5)).matches for one in found)
    # As the sums were once worked out by hand: the harmonic numbers of 100 and 300.
    h100, h300 = math.fsum(1 / i for i in range(1, 101)), math.fsum(1 / i for i in range(1, 301))
    assert population(10).rho_s == pytest.approx((h300 - h100) / 20_000, rel=1e-12)
    assert population(100).rho_w == pytest.approx(h100 / 20_000, rel=1e-12)
    assert population(100).v == pytest.approx(h300 / 20_000, rel=1e-12)
    a = contributions()
    assert a[0] == 1 / 20_000 and (np.diff(a) < 0).all() and len(a) == 300


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("offset", [0, *PRINTED])
def test_sums_of_contributions_are_the_whitened_moments(offset, world):
    # Another way to the same: correlations of coordinates with coordinates, and with the target.
    both, a = np.eye(300), target(offset, world)
    weak, strong = both[:, offset : offset + 200], both[:, :100]
    other = Population.from_whitened(strong.T @ weak, weak.T @ a, strong.T @ a, float(a @ a), SIGMA2)
    found = population(offset, world)
    for name in ("d_w", "d_s", "d_sw", "rho_w", "rho_s", "e2", "g0", "v", "sigma2"):
        assert getattr(found, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-15), name
    if world == "well specified":
        assert found.rho_w == found.rho_s == found.e2 == found.g0 == 0


def rows_again(seed, sizes):
    """Labelled rows and pool of one seed, as the documentation of the draws says they come about."""
    for stream, size in zip(np.random.SeedSequence([0, seed]).spawn(2), sizes, strict=True):
        x, z = (np.random.default_rng(one) for one in stream.spawn(2))
        yield x.standard_normal((size, 300)), np.sqrt(SIGMA2) * z.standard_normal(size)


def refit(offset, world, n, N, seed):
    """All four models by lstsq on rows; risks by coefficients, and on own points by predictions."""
    (x, z), (x_pool, z_pool) = rows_again(seed, (n, N))
    a, weak, strong = target(offset, world), slice(offset, offset + 200), slice(0, 100)
    x_all, y_all = np.vstack([x, x_pool]), np.concatenate([x @ a + z, x_pool @ a + z_pool])

    def fit(rows, columns, labels):
        theta = np.zeros(300)
        theta[columns] = np.linalg.lstsq(rows[:, columns], labels, rcond=None)[0]
        return theta

    teacher = fit(x, weak, x @ a + z)
    models = [
        (teacher, x),
        (fit(x_pool, strong, x_pool @ teacher), x_pool),
        (fit(x, strong, x @ a + z), x),
        (fit(x_all, strong, y_all), x_all),
    ]
    fresh = [np.sum((theta - a) ** 2) for theta, _ in models]
    return fresh, [np.mean((rows @ theta - rows @ a) ** 2) for theta, rows in models]


def test_draws_are_those_of_refitting_on_rows():
    draws = draw(SMALL)
    assert draws.risks.shape == (1, 4, 2, 2, 2, 4, 3)
    for seed, cell, w, k in itertools.product((0, 2), range(4), range(2), range(2)):
        again = refit(SMALL.offsets[k], WORLDS[w], *SMALL.cells[cell], seed)
        # Gram matrices of condition below 10^4 leave 12 of 16 digits.
        assert draws.risks[0, cell, :, w, k, :, seed] == pytest.approx(np.array(again), rel=1e-9)


def test_first_rows_do_not_depend_on_what_else_is_asked_for():
    whole = draw(SMALL, jobs=2)
    part = draw(replace(SMALL, seeds=2, n=(300,), N=(200,), offsets=(90,)))
    here = [SMALL.cells.index(cell) for cell in part.settings.cells]
    # Sums over other segments of rows differ in their rounding.
    assert part.risks == pytest.approx(whole.risks[:, here, ..., :2][:, :, :, :, 1:], rel=1e-9)
    other = draw(replace(SMALL, seed=1))
    assert not np.isclose(other.risks, whole.risks).any()
    # Baseline and ceiling know nothing of the weak features.
    for model in (2, 3):
        assert whole.risks[..., 0, model, :] == pytest.approx(whole.risks[..., 1, model, :], rel=1e-9)
    told = []
    draw(replace(SMALL, seeds=2), progress=lambda what, share: told.append((what, share)))
    assert told == [("1 of 2 seeds", 0.5), ("2 of 2 seeds", 1.0)]


@pytest.mark.slow
def test_draws_obey_exact_theory_and_no_other():
    settings = SyntheticSettings(
        seeds=300, n=(230, 400), N=(130,), n_fixed=400, N_fixed=300, offsets=(10, 50, 90)
    )
    draws = draw(settings)
    rows = rows_of(draws)
    scores = np.array([row.z for row in rows])
    assert np.abs(scores).max() < largest_by_chance(len(rows), settings.seeds)
    # What was drawn elsewhere, or of another world, is told apart.
    swapped = replace(draws, risks=draws.risks[:, :, ::-1])
    assert np.abs([row.z for row in rows_of(swapped)]).max() > 20
    swapped = replace(draws, risks=draws.risks[:, :, :, ::-1])
    assert np.abs([row.z for row in rows_of(swapped)]).max() > 6


def test_an_interval_holds_a_value_exactly_where_its_deviation_is_small(rng):
    risks = 1 + rng.uniform(size=(4, 8)) + np.array([[4.0], [1.0], [3.0], [0.0]])
    limit = stdtrit(7, 0.95)
    for quantity in ("teacher", "pgr", "opr"):
        value, low, high = map(float, estimates(risks, quantity))
        assert low < value < high
        # Deviations are of logarithms: the same but for what the risks' spread, here a few percent, changes.
        for end, expected in ((value, 0), (low, limit), (high, -limit)):
            assert deviation(risks, quantity, end) == pytest.approx(expected, rel=0.15, abs=0.1)
    # The ceiling not better than the teacher, and not resolved from it.
    assert np.isnan(estimates(risks[[3, 1, 2, 0]], "pgr")).all()
    near = risks.copy()
    near[3] = near[0] + np.where(np.arange(8) % 2, 1.0, -1.001)
    assert np.isnan(estimates(near, "pgr")).tolist() == [False, True, True]


def test_draws_that_obey_theory_disagree_with_it_as_rarely_as_said(rng):
    """Risks as skewed as near 230 rows of 200 dimensions: a chi square over another."""
    count, seeds, rows = 4_000, 20, 60
    ratio = rng.chisquare(200, (count, seeds, rows)) / rng.chisquare(31, (count, seeds, rows))
    ratio *= 29 / 200
    limit, plain = largest_by_chance(rows, seeds), stdtrit(seeds - 1, 1 - CHANCE / 2 / rows)
    risks = np.zeros((4, seeds))
    z = np.abs((ratio.mean(1) - 1) / (ratio.std(1, ddof=1) / seeds**0.5))
    # One degree of freedom less than seeds, and risks as they are: four times as often as nominal.
    assert (z.max(1) > plain).mean() > 2 * CHANCE
    # On logarithms none goes up from below half of the limit: looked at are the others.
    near = np.argwhere(z > 0.5 * limit)
    far = set()
    for place, row in near.tolist():
        risks[0] = ratio[place, :, row]
        if abs(deviation(risks, "teacher", 1.0)) > limit:
            far.add(place)
    # 40 of 4,000 are nominal; 55 are 2.4 standard errors above.
    assert len(far) <= 55


def well_specified(gain, d_sw, n, d_w=200, d_s=100, N=5000):
    """T3's closed forms."""
    q = d_s / (N - d_s - 1)
    if gain == "PGR":
        return (1 - d_sw / d_w) * (1 - q) / (1 - d_s / d_w * (n - d_w - 1) / (n + N - d_s - 1))
    return d_s / (n - d_s - 1) * (n - d_w - 1) / (d_sw + q * (d_w - d_sw))


def test_gains_fall_with_n_only_where_the_target_is_missed():
    found = courses((), WIDE)
    assert len(found) == 12
    for one in found:
        shape = {"as published": ("falls", "rises, then falls"), "well specified": ("rises",)}[one.world]
        assert one.course in shape
        if one.world == "well specified":
            ends = [well_specified(one.gain, one.d_sw, n) for n in (250, 5000)]
            assert [one.first, one.last] == pytest.approx(ends, rel=1e-9)
    # OPR rises first, while noise is most of every risk.
    assert {one.course for one in found if (one.world, one.gain) == ("as published", "OPR")} == {
        "rises, then falls"
    }
    opr = next(one for one in found if (one.world, one.gain, one.d_sw) == ("as published", "OPR", 50))
    assert opr.first < opr.best > opr.last and 500 < opr.best_n < 1000


def test_where_the_published_bounds_hold():
    rows = rows_of(draw(replace(WIDE, seeds=2)))
    found = {(one.quantity, one.points, one.d_sw): one for one in margins(rows)}
    own = "each model's own points"
    for d_sw in (90, 50, 10):
        assert found["weak teacher", own, d_sw].holds == found["weak teacher", own, d_sw].sizes == 10
        student = found["W2S student", own, d_sw]
        # The inherited misfit: rho_w/sigma2 of the variance at most.
        assert 0 < student.holds < student.sizes and -0.026 < student.least < 0
        assert found["W2S student", "fresh points", d_sw].least < -0.4
    assert found["strong baseline", own, None].holds == 10
    assert found["strong ceiling", own, None].holds == 18


def test_the_reproduction_as_a_whole():
    settings = SyntheticSettings(
        seeds=4, n=(260, 700, 4000), N=(150, 1000), n_fixed=700, N_fixed=1000, offsets=(10, 90)
    )
    found = reproduce(settings)
    assert found.verdict == "matches" and "with the other target; OPR rises from" in found.because
    assert found.checks == ()
    assert [check.code for check in reproduce(SMALL).checks] == ["OG201", "OG203"]
    assert [panel.group for panel in found.panels] == [
        group for group in (*GROUPS.values(), WHY) for _ in range(6)
    ]
    for panel in found.panels:
        sizes = settings.N if panel.x_name.startswith("N") else settings.n
        for curve in panel.curves:
            assert list(curve.x) == sorted(set(curve.x)) and len(curve.x) == len(curve.y)
            assert set(sizes) <= set(curve.x) and (curve.kind != "measured" or len(curve.low) == len(sizes))
        kinds = {"measured", "theory"} | ({"bound"} if panel.group != WHY else set())
        assert {curve.kind for curve in panel.curves} == kinds
    tables = {table.name: table.columns for table in found.tables}
    # 4 sizes n or 4 cells, in 2 worlds and 2 places, of 2 offsets; no model counts twice.
    assert len(tables["draws"]["risk"]) == 4 * (3 * 4 * 2 + 4 * 4 * 2 + 3 * 4 + 4 * 4)
    # The figure is drawn from the table, and what is said of agreement is of its worst row.
    values = tables["values"]
    names = ("world", "points", "d_sw", "quantity", "n", "N")
    seen = dict(zip(zip(*(values[name] for name in names), strict=True), values["seen"], strict=True))
    panel = next(panel for panel in found.panels if panel.title.startswith("PGR against n"))
    curve = next(one for one in panel.curves if one.kind == "measured" and "10/200" in one.series)
    assert curve.y[1] == seen["as published", "fresh points", 10, "PGR", 700, 1000]
    share, largest = found.comparisons[-2:]
    worst = int(np.argmax(np.abs(values["z"])))
    assert largest.ours == abs(values["z"][worst]) and f"n = {values['n'][worst]:,}" in largest.reason
    held = zip(values["low"], values["exact"], values["high"], strict=True)
    assert share.ours == np.mean([low <= exact <= high for low, exact, high in held if low is not None])


def test_the_published_sizes_and_noise():
    settings = SyntheticSettings(noise=(0.01, 0.1, 4e-4))
    assert settings.n == settings.N == tuple(np.linspace(400, 4000, 20).astype(int))
    assert (settings.n_fixed, settings.N_fixed, settings.seeds) == (2000, 4000, 40)
    # With as much noise there is nothing but variance up to these sizes, with as little the bias is all.
    found = [one for one in courses((), settings) if one.world == "as published"]
    course = {(one.sigma2, one.gain, one.d_sw): one.course for one in found}
    assert course[0.1, "PGR", 90] == "rises" and course[4e-4, "PGR", 10] == "falls"
    assert course[0.01, "PGR", 50] == "falls"


def test_levels_of_noise_are_drawn_side_by_side():
    settings = SyntheticSettings(
        seeds=12, n=(400, 4000), N=(400, 4000), n_fixed=2000, N_fixed=4000, noise=(0.01, 0.1), offsets=(50,)
    )
    found = reproduce(settings)
    assert found.verdict == "matches" and "variance 0.01 and 0.1" in found.setting
    (values,) = (table.columns for table in found.tables if table.name == "values")
    alone = reproduce(replace(settings, noise=(0.1,)))
    (own,) = (table.columns for table in alone.tables if table.name == "values")
    at = [row for row, sigma2 in enumerate(values["sigma2"]) if sigma2 == 0.1]
    assert [values["seen"][row] for row in at] == pytest.approx(own["seen"], rel=1e-9)
    assert len(values["seen"]) == 2 * len(at)
    assert len(found.panels) == 2 * len(alone.panels)
    assert found.panels[-1].group == f"sigma² = 0.1: {alone.panels[-1].group}"
    assert alone.verdict == "matches" and "table of their course" in alone.because
    # Ten times the noise is ten times the risk where the features hold the target.
    keys = ("world", "quantity", "n", "points", "sigma2")
    risk = dict(zip(zip(*(values[name] for name in keys), strict=True), values["seen"], strict=True))
    first, more = (risk["well specified", "weak teacher", 2000, "fresh points", own] for own in (0.01, 0.1))
    assert more == pytest.approx(10 * first, rel=1e-9)


def test_verdicts():
    gone = courses((), WIDE)
    printed = printed_numbers()
    right = (Comparison("z", None, 1.0, 5.0, "somewhere"),)
    assert judged(printed, right, gone)[0] == "matches"
    wrong = (replace(printed[0], ours=89.0), *printed[1:])
    verdict, because = judged(wrong, right, gone)
    assert verdict == "does not match" and printed[0].what in because
    verdict, because = judged(printed, (replace(right[0], ours=6.0),), gone)
    assert verdict == "partly matches" and "disagree with exact theory: somewhere" in because
    few = courses((), SyntheticSettings(n=(250, 300)))
    verdict, because = judged(printed, right, few)
    assert verdict == "partly matches" and "do not show" in because


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1}, "1 seeds give no interval"),
        ({"n": (203,)}, "n of 203 is too few rows for 200 features.*at least 204"),
        ({"n_fixed": 100}, "n of 100 is too few"),
        ({"N_fixed": 103}, "N of 103 is too few rows for 100 features"),
        ({"N": (300, 200)}, r"N must be increasing and not empty, not \[300, 200\]"),
        ({"n": ()}, "n must be increasing and not empty"),
        ({"noise": (0.01, 0.0)}, r"noise of variances \[0.01, 0.0\].*above 0, each once"),
        ({"noise": (0.01, 0.01)}, "each once"),
        ({"offsets": (10, 101)}, "an offset of 101 is not between 0 and 100"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticSettings(**changes)


@pytest.mark.parametrize("seeds", [2, 12])
def test_few_seeds_are_not_said_to_agree(seeds):
    sizes = {"n": (260, 700), "N": (1000,), "n_fixed": 260, "N_fixed": 1000, "offsets": (10,)}
    found = reproduce(SyntheticSettings(seeds=seeds, **sizes)).because
    assert ("too few to tell" in found) == (seeds == 2)
    assert ("agrees with exact theory" in found) == (seeds == 12)

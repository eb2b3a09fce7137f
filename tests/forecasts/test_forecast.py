"""The forecast on worlds with known answers: risks, ratios, choices, what is undefined and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from outgrow.errors import DataError
from outgrow.intervals.jackknife import jackknife_interval
from outgrow.intervals.replicates import APART, MODEL, SPREAD, interval, pgr, probability
from outgrow.results import LEVEL, Estimate, Undefined
from outgrow.theory.equivalents import student_risks
from outgrow.theory.exact_risks import exact_risks
from outgrow.theory.label_terms import label_terms

ROUNDING = 1e-9
"""Two ways to one risk, on different BLAS kernels: some 1e-12 apart, where settings differ by 1e-3."""

BARE = {"alpha_w": 0.0, "alpha_s": 0.0, "alpha_b": 0.0, "alpha_c": 0.0}


@pytest.mark.parametrize("intercept", [True, False])
def test_without_penalties_the_risks_are_the_exact_ones(world, intercept):
    found = world.forecast(intercept=intercept).risks(40, 60, **BARE)
    exact = exact_risks(world.population(), 40, 60, intercept=intercept)
    for route in ("teacher", "student", "baseline", "ceiling"):
        assert getattr(found, route).value == pytest.approx(getattr(exact, route).value, rel=1e-9), route


@pytest.mark.parametrize("intercept", [True, False])
def test_the_parts_of_the_student_are_the_exact_ones_and_add_up(world, intercept):
    one = world.forecast(intercept=intercept)
    parts = one.decomposition(40, 60, **BARE)
    # With endless pseudo-labels the fresh variance is gone, with endless labels the inherited one as well.
    p = world.population()
    bias = p.rho_s + p.e2
    endless = exact_risks(p, 40, 10**9, intercept=intercept).student.value
    assert parts["bias"].value == pytest.approx(bias, rel=1e-9)
    assert parts["inherited"].value == pytest.approx(endless - bias, rel=1e-5)
    total = sum(part.value for part in parts.values())
    assert total == pytest.approx(one.risks(40, 60, **BARE).student.value, rel=1e-12)


def test_ratios_are_those_of_the_risks(world):
    one = world.forecast()
    risks = one.risks(30, 200)
    teacher, student, baseline, ceiling = (
        getattr(risks, r).value for r in ("teacher", "student", "baseline", "ceiling")
    )
    assert one.pgr(30, 200).value == pytest.approx((teacher - student) / (teacher - ceiling))
    assert one.opr(30, 200).value == pytest.approx(baseline / student)


def test_without_the_noise_variance_pgr_stays_and_opr_does_not(world):
    known = world.forecast()
    blind = world.forecast(replace(world.known, sigma2=None))
    assert (known.excess, blind.excess) == (True, False)
    assert blind.pgr(30, 200).value == pytest.approx(known.pgr(30, 200).value, rel=1e-12)
    missing = blind.opr(30, 200)
    assert isinstance(missing, Undefined)
    assert "--repeat-column" in missing.remedy
    for (route, with_noise), (_, excess) in zip(
        blind.risks(30, 200).items(), known.risks(30, 200).items(), strict=True
    ):
        assert with_noise.value == pytest.approx(excess.value + world.sigma2), route
    assert blind.decomposition(30, 200)["bias"].value == pytest.approx(
        known.decomposition(30, 200)["bias"].value + world.sigma2
    )


def test_the_best_penalties_are_the_best_of_all_pairs(world):
    one = world.forecast()
    best = one.best_alphas(25, 40)
    every = np.array(
        [
            [one.risks(25, 40, alpha_w=a, alpha_s=b).student.value for b in one.penalties_s[::3]]
            for a in one.penalties_w[::3]
        ]
    )
    least = one.risks(25, 40).student.value
    assert least <= every.min() * (1 + ROUNDING)
    again = one.risks(25, 40, alpha_w=best.alpha_w, alpha_s=best.alpha_s).student.value
    assert again == pytest.approx(least, rel=1e-12)
    # The teacher alone is tuned for itself, and so is every other route.
    with_its = one.risks(25, 40, alpha_w=best.alpha_w).teacher.value
    assert one.risks(25, 40).teacher.value <= with_its * (1 + ROUNDING)
    assert one.risks(25, 40, alpha_b=best.baseline).baseline.value == pytest.approx(
        one.risks(25, 40).baseline.value
    )
    assert one.risks(25, 40, alpha_c=best.ceiling).ceiling.value == pytest.approx(
        one.risks(25, 40).ceiling.value
    )


def test_the_union_is_no_worse_than_either_set_with_many_labels(world):
    risks = world.forecast().risks(100_000, 50)
    assert risks.extras["union"].value < min(risks.teacher.value, risks.baseline.value)


@pytest.mark.parametrize(
    ("n", "N", "missing", "said"),
    [
        (7, 60, ["teacher", "student"], "7 rows (n labelled) for 6 dimensions"),
        (10, 60, ["baseline"], "10 rows (n labelled) for 9 dimensions"),
        (40, 10, ["student"], "10 rows (N unlabelled) for 9 dimensions"),
    ],
)
def test_infinite_risks_are_undefined_and_the_rest_goes_on(world, n, N, missing, said):
    one = world.forecast()
    risks = dict(one.risks(n, N, **BARE).items())
    assert [route for route, risk in risks.items() if isinstance(risk, Undefined)] == missing
    assert said in risks[missing[0]].reason
    assert risks[missing[0]].remedy.startswith("Take a positive penalty")
    if "student" in missing:
        assert said in one.decomposition(n, N, **BARE)["fresh"].reason
        assert isinstance(one.pgr(n, N, **BARE), Undefined)
        assert isinstance(one.wins(n, N, **BARE)["union"], Undefined)
    # Tuned heads are never infinite.
    assert all(isinstance(risk, Estimate) for _, risk in one.risks(n, N).items())


def test_a_pool_that_does_not_tell_what_is_shared_is_named(world):
    enough, few = world.forecast(rows=17), world.forecast(rows=16)
    assert isinstance(enough.risks(40, 14, **BARE).student, Estimate)
    risks = few.risks(40, 14, **BARE)
    assert "16 unlabelled rows do not tell what 6 weak and 9 strong" in risks.student.reason
    assert "more than 16 unlabelled rows" in risks.student.remedy
    assert isinstance(risks.teacher, Estimate)
    assert isinstance(risks.baseline, Estimate)
    assert isinstance(few.risks(40, 14, alpha_w=0.1, alpha_s=0.1).student, Estimate)
    assert isinstance(few.risks(40, 14, alpha_w=0.0, alpha_s=0.1).student, Estimate)


def test_more_rows_than_a_pool_can_tell_of_are_named(world_of):
    risks = (
        world_of(d_w=6, d_s=20)
        .forecast(rows=21)
        .risks(200, 15, alpha_w=0.1, alpha_s=0.1, alpha_b=0.0, alpha_c=0.1)
    )
    assert "more than 21 unlabelled rows can tell of" in risks.baseline.reason
    assert "--rank" in risks.baseline.remedy


def test_an_estimate_below_zero_is_zero_and_says_so(world):
    teacher = world.forecast(replace(world.known, sigma2=50.0)).risks(40, 60).teacher
    assert teacher.value == 0
    assert [check.code for check in teacher.checks] == ["OG213"]
    assert "from 100 labels" in teacher.checks[0].detail
    assert world.forecast().risks(40, 60).teacher.checks == ()


@pytest.mark.parametrize("sizes", [[1], [2.5], [], [100, 0]])
def test_sizes_are_whole_numbers_of_at_least_two(world, sizes):
    with pytest.raises(DataError, match="N must be whole numbers of at least 2"):
        world.forecast().surface([10], sizes)
    with pytest.raises(DataError, match="n must be whole numbers of at least 2"):
        world.forecast().surface(sizes, [10])


def test_a_grid_holds_the_same_numbers_as_its_designs(world, rng):
    one = world.forecast(world.labelled(rng, 80))
    grid = one.surface([20, 40, 80], [30, 300])
    for n in grid.n:
        for N in grid.N:
            picked, alone = (each.surface([n], [N]) for each in (one, world.forecast(one.target)))
            for name in ("student", "bias", "inherited", "fresh", "ceiling", "teacher", "baseline", "union"):
                np.testing.assert_allclose(getattr(picked, name), getattr(alone, name), rtol=1e-12)
            assert picked.penalties == alone.penalties
    assert one.surface([80, 20], [300]).n.tolist() == [80, 20]
    np.testing.assert_array_equal(one.surface([80, 20], [300]).baseline, grid.baseline[:, [2, 0]])
    assert grid.pick(np.array([20]), np.array([31])) is None
    # Other penalties are another grid.
    fixed = one.surface([20], [30], alpha_w=3.0)
    assert fixed.penalties["alpha_w"][0, 0] == 3.0


@pytest.mark.parametrize("shift", [-3.0, 1000.0])
def test_where_labels_lie_changes_nothing(world, rng, shift):
    z = rng.normal(size=(90, len(world.a)))
    y = (z @ world.a + rng.normal(size=90))[:, None]
    found = []
    for labels in (y, y + shift):
        target = label_terms(world.pair(), z @ world.A_w, z @ world.A_s, labels, np.arange(90) % 20)
        found.append(world.forecast(target).risks(40, 100))
    for (route, before), (_, after) in zip(found[0].items(), found[1].items(), strict=True):
        assert after.value == pytest.approx(before.value, rel=1e-8), route
        assert after.interval == pytest.approx(before.interval, rel=1e-7), route


def test_intervals_are_the_jackknifes_and_the_models(world, rng):
    one = world.forecast(world.labelled(rng, 80, world.sigma2))
    values = one.surface([40], [100]).teacher[:, 0] - world.sigma2
    teacher = one.risks(40, 100).teacher
    assert len(values) == 21
    assert teacher.value == pytest.approx(values[0])
    low, high = jackknife_interval(values[0], values[1:])
    # Beside what the labels leave open stands the error of the equivalents themselves.
    reach = np.hypot((high - low) / 2, stats.t.ppf(0.95, 19) * MODEL * values[0])
    assert teacher.interval == pytest.approx((max(values[0] - reach, 0), values[0] + reach))
    assert interval(values[:1], 1.0) is None
    assert (teacher.n, teacher.level) == (100, LEVEL)
    assert "prospective forecast from 100 labels" in teacher.method


def test_probabilities_are_those_of_students_t(world, rng):
    one = world.forecast(world.labelled(rng, 80))
    found = one.surface([40], [100])
    for rival in ("teacher", "baseline", "union"):
        apart = getattr(found, rival)[:, 0] - found.student[:, 0, 0]
        # What both risks share of the equivalents' own error cancels.
        model = (APART[0] * found.student[0, 0, 0]) ** 2 + (APART[1] * apart[0]) ** 2
        error = np.sqrt(19 / 20 * np.sum((apart[1:] - apart[1:].mean()) ** 2) + model)
        # Differences are seldom larger than a fifth of the risk: what the labels leave open is weighed with
        # that.
        usual = SPREAD * max(found.student[0, 0, 0], getattr(found, rival)[0, 0])
        expected = stats.t.cdf(apart[0] / error * usual / np.hypot(usual, error), 19)
        assert one.wins(40, 100)[rival].value == pytest.approx(expected, abs=1e-12)
    apart = found.teacher[:, 0] - found.student[:, 0, 0]
    student = found.student[0, 0, 0]
    both = probability(apart, student, 80, "").value + probability(-apart, student + apart[0], 80, "").value
    assert both == pytest.approx(1, abs=0.01)
    # A student without any risk left, or with less than none, still has a probability.
    assert 0.5 < probability(np.linspace(1.0, 1.1, 21), -0.1, 80, "").value < 1
    assert "without replicates" in world.forecast().wins(40, 100)["teacher"].reason


def test_a_gap_that_is_not_there_gives_no_pgr_and_one_that_is_not_resolved_no_bound():
    # A ceiling that the labels do not tell from the teacher, and a student .05 better in every replicate.
    still, spread = np.ones(21), np.concatenate([[0.9], 0.9 + np.linspace(-1, 1, 20)])
    unresolved = pgr(still, still - 0.05, spread, 80, "")
    assert unresolved.value == pytest.approx(0.5)
    # The numerator is hardly uncertain and above zero, so PGR is above zero too: a half-line.
    assert 0 < unresolved.interval[0] < 0.5
    assert unresolved.interval[1] == np.inf
    assert "(OG205)" in pgr(still, still - 0.05, still + 1, 80, "").reason
    sure = pgr(still, still - 0.05, still - 1, 80, "")
    assert sure.value == pytest.approx(0.05)
    # Nothing varies over the labels: what is left is the error of the equivalents, in gain and gap.
    t = stats.t.ppf(0.95, 19)
    over, gap = t * np.hypot(APART[0] * 0.95, APART[1] * 0.05), t * APART[1]
    middle, reach = 0.05, np.sqrt(0.05**2 - (1 - gap**2) * (0.05**2 - over**2))
    assert sure.interval == pytest.approx(((middle - reach) / (1 - gap**2), (middle + reach) / (1 - gap**2)))


def test_a_small_gap_is_said(world):
    one, seen = world.forecast(), set()
    # The larger the ceiling's penalty, the less it is better than the teacher.
    for alpha in np.geomspace(0.1, 20, 20):
        risks, found = one.risks(60, 200, alpha_c=alpha), one.pgr(60, 200, alpha_c=alpha)
        share = 1 - risks.ceiling.value / risks.teacher.value
        if share <= 0:
            assert isinstance(found, Undefined)
            continue
        assert [check.code for check in found.checks] == (["OG217"] if share < 0.2 else [])
        seen.add(share < 0.2)
    assert seen == {True, False}


def test_tuned_risks_that_cannot_be_are_undefined(world):
    target = world.known
    # Products that do not fit to the labels' variance, which is what a constant errs by, give impossible
    # risks.
    strange = replace(target, left_s=2 * target.left_s, right_s=2 * target.right_s, sigma2=None)
    one = world.forecast(strange)
    baseline = one.risks(5000, 50).baseline
    assert "not above 0" in baseline.reason
    assert "--rank" in baseline.remedy
    assert isinstance(one.pgr(5000, 50), Undefined)
    assert isinstance(one.wins(5000, 50)["baseline"], Undefined)
    assert isinstance(one.risks(5000, 50).teacher, Estimate)
    # A penalty that was asked for is answered as before.
    assert one.risks(5000, 50, alpha_b=0.1).baseline.checks[0].code == "OG213"


def test_a_changed_copy_forgets_what_was_seen(world):
    one = world.forecast()
    before = one.risks(30, 100).student.value
    other = replace(one, pair=replace(one.pair, C=0.5 * one.pair.C))
    assert other.risks(30, 100).student.value > before + 0.01
    assert one.risks(30, 100).student.value == before


def test_fixed_penalties_are_kept(world):
    one = world.forecast()
    found = one.surface([30, 60], [100], alpha_w=0.2, alpha_s=0.3, alpha_b=0.4, alpha_c=0.5)
    for name, value in (("teacher", 0.2), ("alpha_w", 0.2), ("alpha_s", 0.3), ("baseline", 0.4)):
        assert (found.penalties[name] == value).all()
    stages = one.stages(one.pair.values_w, [30], np.array([0.2]))
    students = one.stages(one.pair.values_s, [100], np.array([0.3]))
    direct = student_risks(one.pair, one.target, stages, students)
    assert found.student[0, 0, 0] == pytest.approx(direct.error[0, 0, 0], rel=1e-12)


def test_probabilities_come_true_where_differences_are_of_their_usual_size(rng):
    """Differences drawn as they usually are, seen with the error of few labels: deciles hold within .05."""
    said, won = [], []
    for _ in range(4000):
        true = SPREAD * rng.normal()
        around = rng.normal(size=20)
        # Jackknife replicates of an estimate whose standard error is .12 of the risk, as with 100 labels.
        scale = 0.12 * np.sqrt(rng.chisquare(19) / 19)
        around *= scale * np.sqrt(20 / 19) / np.sqrt(np.sum((around - around.mean()) ** 2))
        estimate = true + 0.12 * rng.normal()
        values = np.concatenate([[estimate], estimate + around])
        said.append(probability(values, 1.0 - max(estimate, 0.0), 100, "").value)
        won.append(true > 0)
    said, won = np.array(said), np.array(won)
    for low in np.arange(0, 1, 0.1):
        inside = (said >= low) & (said < low + 0.1)
        # 200 to 900 in a decile: a standard error of .035 at most.
        assert abs(said[inside].mean() - won[inside].mean()) < 0.05 + 0.035, low


@pytest.mark.slow
def test_forecasts_from_labels_are_right_on_average_and_their_intervals_hold(world, rng):
    fixed = {"alpha_w": 0.1, "alpha_s": 0.1, "alpha_b": 0.1, "alpha_c": 0.1}
    truth = world.forecast()
    designs = {"teacher": (30, 200), "student": (30, 200), "baseline": (30, 200), "ceiling": (30, 200)}
    true = {route: getattr(truth.risks(*at, **fixed), route).value for route, at in designs.items()}
    true_pgr = truth.pgr(30, 200, **fixed).value
    seen = {route: [] for route in designs}
    held = dict.fromkeys((*designs, "pgr"), 0)
    repetitions = 150
    for _ in range(repetitions):
        one = world.forecast(world.labelled(rng, 200, world.sigma2), m=200)
        risks = one.risks(30, 200, **fixed)
        for route in designs:
            surface = getattr(one.surface([30], [200], **fixed), route)
            seen[route].append(surface.reshape(len(surface), -1)[0, 0] - world.sigma2)
            low, high = getattr(risks, route).interval
            held[route] += low <= true[route] <= high
        pgr = one.pgr(30, 200, **fixed)
        held["pgr"] += isinstance(pgr, Estimate) and pgr.interval[0] <= true_pgr <= pgr.interval[1]
    for route, values in seen.items():
        error = np.std(values, ddof=1) / np.sqrt(repetitions)
        # Four routes: |z| > 3.5 has probability .002 by chance, and the seed is fixed.
        assert abs(np.mean(values) - true[route]) < 3.5 * error, route
    # 150 intervals of level .9 hold in 135 +- 3.7 cases.
    for what, count in held.items():
        assert 0.83 <= count / repetitions <= 0.97, (what, count)

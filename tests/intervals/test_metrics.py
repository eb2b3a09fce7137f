"""Intervals cover what they promise, ratios are of means, and what is not resolved is undefined."""

from __future__ import annotations

import numpy as np
import pytest

import outgrow
from outgrow.errors import DataError
from outgrow.intervals import metrics
from outgrow.intervals.metrics import excess_risk, mean_loss, opr, opr_raw_mse, paired_difference, pgr
from outgrow.results import LEVEL, Estimate, as_plain

REPEATS = 800
SLACK = 3.3 * np.sqrt(LEVEL * (1 - LEVEL) / REPEATS)
"""3.3 standard errors of a coverage over REPEATS worlds: a right interval fails once in a thousand."""


def coverage(draw, rng):
    """Share of worlds in which the interval holds the truth; `draw` gives both."""
    hits = []
    for _ in range(REPEATS):
        estimate, truth = draw(rng)
        assert isinstance(estimate, Estimate), estimate
        hits.append(estimate.interval[0] <= truth <= estimate.interval[1])
    return np.mean(hits)


def one_seed(rng, n=40):
    """Losses of teacher, student, ceiling whose means are 4, 3, 2; hard rows are hard for all."""
    hard = rng.gamma(2.0, 1.0, n)
    return [level - 1 + 0.5 * hard + rng.normal(0, 0.5, n) for level in (4.0, 3.0, 2.0)]


@pytest.mark.parametrize(
    ("statistic", "truth"),
    [
        (lambda t, s, c: mean_loss(t), 4.0),
        (lambda t, s, c: paired_difference(t, s), 1.0),
        (lambda t, s, c: excess_risk(s, 0.4), 2.6),
        (lambda t, s, c: pgr(t, s, c), 0.5),
        (lambda t, s, c: opr(t, s, 1.0), 1.5),
        (lambda t, s, c: opr_raw_mse(t, s), 4 / 3),
    ],
)
def test_intervals_of_one_seed_cover(rng, statistic, truth):
    found = coverage(lambda rng: (statistic(*one_seed(rng)), truth), rng)
    assert abs(found - LEVEL) < SLACK + 0.01  # skewed losses of 40 rows cost t intervals up to a percent


def grouped(rng, groups=15, size=6):
    member = np.repeat(np.arange(groups), size)
    shared = rng.normal(size=(2, groups))
    a, b = shared[:, member] + 0.3 * rng.normal(size=(2, groups * size))
    return a + 2, b + 1, member


def test_intervals_over_groups_cover_and_those_over_rows_do_not(rng):
    def by(whole):
        def draw(rng):
            a, b, member = grouped(rng)
            return paired_difference(a, b, member if whole else None), 1.0

        return draw

    assert abs(coverage(by(True), rng) - LEVEL) < SLACK
    assert coverage(by(False), rng) < 0.7


def crossed(rng, seeds=8, n=60):
    """Differences with effects of rows, of seeds and of both."""
    seed, row = rng.normal(0, 0.4, (seeds, 1)), rng.normal(0, 1.0, n)
    return 2 + seed + row + rng.normal(0, 0.3, (seeds, n)), np.ones((seeds, n))


def test_intervals_of_several_seeds_speak_of_models_trained_anew(rng):
    found = coverage(lambda rng: (paired_difference(*crossed(rng)), 1.0), rng)
    # Counting the interaction twice errs on the wide side.
    assert LEVEL - SLACK < found < LEVEL + 0.06
    # The first seed alone speaks of its own models only: it misses the mean over seeds.
    alone = coverage(lambda rng: (paired_difference(*(table[0] for table in crossed(rng))), 1.0), rng)
    assert alone < 0.75


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (np.arange(6.0), "over 6 rows, for these trained models"),
        (np.arange(6.0)[None], "over 6 rows, for these trained models"),
        (np.arange(12.0).reshape(2, 6), "over 6 rows and 2 seeds, crossed jackknife of rows and seeds"),
    ],
)
def test_methods_say_what_the_interval_speaks_of(losses, words):
    found = mean_loss(losses)
    assert words in found.method
    assert found.n == 6
    assert "6 rows in 3 groups" in mean_loss(losses, [0, 0, 1, 1, 2, 2]).method


def test_ratios_are_of_means_not_means_of_ratios(rng):
    teacher, student, ceiling = one_seed(rng, 500)
    t, s, c = teacher.mean(), student.mean(), ceiling.mean()
    assert pgr(teacher, student, ceiling).value == pytest.approx((t - s) / (t - c))
    assert opr(teacher, student, 0.7).value == pytest.approx((t - 0.7) / (s - 0.7))
    assert opr_raw_mse(teacher, student).value == pytest.approx(t / s)
    assert opr(teacher, student, rng.permutation(np.linspace(0.2, 1.2, 500))).value == pytest.approx(
        (t - 0.7) / (s - 0.7)
    )
    by_seed = np.stack([teacher, teacher + 0.02]), np.stack([student, student]), np.stack([ceiling, ceiling])
    assert pgr(*by_seed).value == pytest.approx((t + 0.01 - s) / (t + 0.01 - c))


def test_raw_mse_goes_by_its_own_name():
    baseline, student = [3.0, 5.0, 4.0, 4.0], [2.0, 3.0, 2.5, 2.5]
    raw, excess = opr_raw_mse(baseline, student), opr(baseline, student, 1.0)
    assert raw.method.startswith("ratio of raw test MSE (not OPR): ratio of means, Fieller interval")
    assert excess.method.startswith("OPR of excess risks: ratio of means, Fieller interval")
    # Noise in both terms draws the raw ratio towards one.
    assert 1 < raw.value < excess.value
    assert opr(baseline, student, 0.0).value == raw.value


def test_pgr_ignores_noise_in_the_targets(rng):
    models = one_seed(rng)
    noise = rng.gamma(1.0, 2.0, 40)
    one, two = pgr(*models), pgr(*(losses + noise for losses in models))
    assert two.value == pytest.approx(one.value)
    assert two.interval == pytest.approx(one.interval)


def test_accuracy_and_squared_loss_are_never_mixed(rng):
    wrong = [(rng.random(300) < share).astype(float) for share in (0.5, 0.3, 0.1)]
    found = pgr(*wrong, loss="accuracy")
    assert found.method.startswith("PGR of accuracy: ratio of means")
    assert found.value == pytest.approx(
        (wrong[0].mean() - wrong[1].mean()) / (wrong[0].mean() - wrong[2].mean())
    )
    for place, name in enumerate(("teacher", "student", "ceiling")):
        mixed = list(wrong)
        mixed[place] = wrong[place] * 0.5
        with pytest.raises(DataError, match=rf"{name}: accuracy needs losses of 0 \(right\) or 1 \(wrong\)"):
            pgr(*mixed, loss="accuracy")
    with pytest.raises(DataError, match=r"PGR: 'error' is no loss\. Name it \"squared loss\" or"):
        pgr(*wrong, loss="error")


def test_order_and_scale(rng):
    teacher, student, ceiling = one_seed(rng)
    order = rng.permutation(40)
    one = pgr(teacher, student, ceiling)
    two = pgr(*(9 * losses[order] for losses in (teacher, student, ceiling)))
    assert two.value == pytest.approx(one.value)
    assert two.interval == pytest.approx(one.interval)
    groups = np.arange(40) // 4
    one, two = (
        paired_difference(teacher, student, groups),
        paired_difference(teacher[order], student[order], groups[order].astype(str)),
    )
    assert two.interval == pytest.approx(one.interval)


def test_excess_risk_is_not_clipped():
    found = excess_risk([1.0, 2.0, 3.0], [2.0, 4.0, 3.0])
    assert found.value == -1.0
    assert found.method.startswith("mean squared error less the known noise variance, over 3 rows")


def test_without_spread_the_interval_is_a_point():
    assert mean_loss([2.0, 2.0]).interval == (2.0, 2.0)
    assert opr([4.0, 4.0], [2.0, 2.0], 1.0).interval == (3.0, 3.0)


def test_a_single_row_has_no_interval():
    assert mean_loss([2.0]).interval is None
    assert mean_loss([2.0, 3.0], [0, 0]).interval is None
    assert mean_loss([[2.0], [3.0]]).interval is None
    found = pgr([3.0], [2.0], [1.0])
    assert found.reason == "PGR on a single row or group has no interval that could resolve its denominator"
    found = opr([3.0, 4.0], [2.0, 1.0], 0.5, groups=["a", "a"])
    assert found.reason.startswith("OPR of excess risks on a single row or group")


def test_a_gap_that_is_not_resolved_leaves_pgr_without_a_bound(rng):
    teacher, student, ceiling = one_seed(rng, 12)
    wide = 20 * rng.normal(size=12)
    found = pgr(teacher, student, ceiling + wide - wide.mean())
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(pgr(teacher, student, ceiling).value)
    assert not all(np.isfinite(found.interval))
    assert "unbounded]" in f"{found:.2f}"
    assert as_plain(found)["interval"].count(None) == 2 - np.isfinite(found.interval).sum()
    found = pgr(ceiling, student, teacher)
    assert found.reason.startswith("the ceiling is not better than the teacher (OG205)")
    found = opr(teacher, student, 10.0)
    assert found.reason.startswith("the student's excess risk is not above zero: -")
    assert "the noise variance given" in found.remedy
    found = opr_raw_mse(teacher, wide - wide.mean() + 1)
    assert found.interval[1] == np.inf
    found = opr_raw_mse(teacher, wide - wide.mean() - 1)
    assert "noise" not in found.remedy


def test_estimates_near_the_edge_are_bounded_where_the_gap_is_resolved(rng):
    """Fieller's set is bounded exactly where the denominator is resolved."""
    kinds = set()
    for gap in np.linspace(0.05, 1.0, 40):
        noise = rng.normal(0, 1, 30)
        teacher = rng.normal(3, 0.1, 30)
        ceiling = teacher - gap - (noise - noise.mean())
        found = pgr(teacher, teacher - 0.5 * gap, ceiling)
        resolved = paired_difference(teacher, ceiling).interval[0] > 0
        low, high = found.interval
        assert low <= found.value <= high
        assert bool(np.isfinite([low, high]).all()) == resolved
        kinds.add(resolved)
    assert kinds == {True, False}


def test_a_small_gap_is_said(rng):
    teacher = one_seed(rng, 400)[0]
    for share, said in ((0.15, ["OG217"]), (0.25, [])):
        near = teacher - share * teacher.mean()
        found = pgr(teacher, (teacher + near) / 2, near)
        assert [check.code for check in found.checks] == said


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_loss([]), r"losses: losses have shape \(0,\). Give one loss per test row"),
        (lambda: mean_loss(3.0), r"losses: losses have shape \(\)"),
        (lambda: mean_loss(np.ones((2, 2, 2))), r"losses have shape \(2, 2, 2\)"),
        (lambda: mean_loss([[1.0, 2.0], [1.0, np.nan]]), "losses: the loss of row 1, seed 1, is nan"),
        (lambda: paired_difference([1.0, 2.0], [1.0, np.inf]), "b: the loss of row 1, seed 0, is inf"),
        (lambda: paired_difference([1.0, 2.0], [1.0]), r"b: losses have shape \(1, 1\), those of a \(1, 2\)"),
        (
            lambda: pgr([1.0, 2.0], [1.0, 2.0], [[1.0, 2.0]] * 2),
            r"ceiling: losses have shape \(2, 2\), those of teacher \(1, 2\). Score all models on the same",
        ),
        (lambda: mean_loss([1.0, 2.0], [0]), r"groups: there are 2 rows and groups of shape \(1,\)"),
        (lambda: excess_risk([1.0, 2.0], -0.1), "noise variance: a variance is negative or not finite"),
        (lambda: excess_risk([1.0, 2.0], np.nan), "noise variance: a variance is negative or not finite"),
        (
            lambda: opr([1.0, 2.0], [1.0, 2.0], [0.1] * 3),
            r"noise variance: there are 2 rows and noise variances of shape \(3,\). Give one number",
        ),
        (lambda: excess_risk(3.0, 1.0), r"losses: losses have shape \(\)"),
        (lambda: excess_risk([], 1.0), r"losses: losses have shape \(0,\)"),
    ],
)
def test_errors(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_public_names():
    """What a notebook needs stands at the top, listed, under the same names."""
    for name in ("pgr", "opr", "opr_raw_mse", "excess_risk", "paired_difference", "mean_loss"):
        assert getattr(outgrow, name) is getattr(metrics, name)
        assert name in dir(outgrow)
    teacher, student = [4.0, 5.0, 6.0, 5.0], [3.0, 4.0, 4.0, 4.0]
    assert isinstance(outgrow.pgr(teacher, student, teacher), outgrow.Undefined)
    assert isinstance(outgrow.paired_difference(teacher, student), outgrow.Estimate)
    for name in outgrow.__all__:
        assert getattr(outgrow, name).__doc__

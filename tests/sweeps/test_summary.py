"""Means, paired intervals, ratios and penalties chosen on other seeds, against scipy and by simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from outgrow.errors import ConfigError
from outgrow.results import Estimate, Undefined
from outgrow.sweeps.figure import pair_label, panels_of
from outgrow.sweeps.grid import SweepData, SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import (
    NOTHING,
    Tuned,
    arrays_of,
    cells_of,
    check_seeds,
    chosen,
    is_tuned,
    ratios,
)
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable

TWO = (("w1", "s"), ("w2", "s"))
GRID = SweepGrid(TWO, n=(20, 40), N=(60, 120), noise=(0.0, 0.5), alphas_w=(1.0,), alphas_s=(1.0,), seeds=6)


@pytest.fixture(scope="module")
def measured(made: Any) -> SweepTable:
    return measure_sweep(made(), GRID, jobs=1)


def cell(cells: dict[str, np.ndarray], quantity: str, **at: Any) -> dict[str, Any]:
    rows = cells["quantity"] == quantity
    for name, value in at.items():
        rows &= cells[name] == value
    (place,) = np.flatnonzero(rows)
    return {name: values[place] for name, values in cells.items()}


def seeds_of(table: SweepTable, model: str, **at: Any) -> np.ndarray:
    """Risks by seed, straight from the tidy table."""
    rows = table["model"] == model
    for name, value in at.items():
        rows &= table[name] == value
    order = np.argsort(table["seed"][rows])
    return table["risk"][rows][order]


AT = {"n": 40, "N": 120, "noise": 0.5}


def test_means_and_differences_are_scipys(measured: SweepTable) -> None:
    cells = cells_of(measured, GRID, excess=False)
    teacher = seeds_of(measured, "teacher", weak="w2", n=40, noise=0.5)
    student = seeds_of(measured, "student", weak="w2", strong="s", **AT)
    baseline = seeds_of(measured, "baseline", strong="s", n=40, noise=0.5)
    assert len(student) == GRID.seeds
    for quantity, values in (
        ("student", student),
        ("teacher", teacher),
        ("student_less_teacher", student - teacher),
        ("student_less_baseline", student - baseline),
    ):
        found = cell(cells, quantity, weak="w2", **AT)
        low, high = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
        assert found["value"] == pytest.approx(values.mean(), rel=1e-12)
        assert (found["low"], found["high"]) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))
        assert (found["seeds"], found["reason"]) == (6, "")
    # Seed by seed: the spread of a difference is not that of two independent means.
    apart = np.hypot(stats.sem(student), stats.sem(teacher))
    paired = stats.sem(student - teacher)
    assert abs(paired / apart - 1) > 0.02


def test_ratios_have_fiellers_intervals(measured: SweepTable) -> None:
    cells = cells_of(measured, GRID, excess=True)
    student = seeds_of(measured, "student", weak="w2", strong="s", **AT)
    baseline = seeds_of(measured, "baseline", strong="s", n=40, noise=0.5)
    found = cell(cells, "opr", weak="w2", **AT)
    assert found["value"] == pytest.approx(baseline.mean() / student.mean(), rel=1e-12)
    # The ends are the ratios r at which baseline - r student has a mean that a t test at 90 % just rejects.
    for end in (found["low"], found["high"]):
        assert stats.ttest_1samp(baseline - end * student, 0).pvalue == pytest.approx(0.1, abs=1e-6)
    assert found["low"] < found["value"] < found["high"]
    teacher = seeds_of(measured, "teacher", weak="w1", n=40, noise=0.5)
    weak1 = seeds_of(measured, "student", weak="w1", strong="s", **AT)
    ceiling = seeds_of(measured, "ceiling", strong="s", **AT)
    pgr = cell(cells, "pgr", weak="w1", **AT)
    assert pgr["value"] == pytest.approx((teacher - weak1).mean() / (teacher - ceiling).mean(), rel=1e-12)
    for end in (pgr["low"], pgr["high"]):
        test = stats.ttest_1samp(teacher - weak1 - end * (teacher - ceiling), 0)
        assert test.pvalue == pytest.approx(0.1, abs=1e-6)


def test_a_ratio_without_a_resolved_denominator_is_undefined_and_says_why() -> None:
    rng = np.random.default_rng(0)
    shape = (1, 1, 1, 5)
    teacher = 2 + rng.standard_normal(shape)
    found = {
        "teacher": teacher,
        "student": teacher - 0.1,
        "ceiling": teacher + 0.01 * rng.standard_normal(shape),
        "baseline": teacher,
    }
    value, low, high, reason = ratios(found, excess=True)["pgr"]
    assert np.isnan([value, low, high]).all()
    assert reason.item() == (
        "the ceiling is not better than the teacher (OG205), or not by more than chance over these seeds"
    )
    # Excess risks below zero on average: no ratio of them means anything.
    value, *_, reason = ratios({**found, "student": teacher - 9}, excess=True)["opr"]
    assert np.isnan(value).all()
    assert reason.item() == "the student's risk is not resolved from zero over these seeds"


def test_a_single_seed_has_values_no_intervals_and_no_choice(measured: SweepTable) -> None:
    alone = replace(GRID, seeds=1)
    check_seeds(alone)
    cells = cells_of(
        {name: values[measured["seed"] == 0] for name, values in measured.items()}, alone, excess=False
    )
    assert np.isfinite(cells["value"][cells["reason"] == ""]).all()
    assert np.isnan([cells["low"], cells["high"]]).all() and set(cells["seeds"]) == {1}
    with pytest.raises(ConfigError) as refused:
        check_seeds(replace(alone, alphas_s=(0.1, 1.0)))
    assert str(refused.value) == (
        "--seeds: with a single seed there are no others to choose penalties on. Ask for 2 at least, or for"
        " one penalty."
    )


def test_columns_are_typed_and_cells_are_all_there(made: Any, measured: SweepTable) -> None:
    cells = cells_of(measured, GRID, excess=False)
    assert [(name, values.dtype) for name, values in cells.items()] == [
        (name, np.dtype(kind)) for name, kind in NOTHING.items()
    ]
    # The table has them in this order, seed by seed.
    order = ["teacher", "baseline", "student", "ceiling", "joint"]
    assert list(dict.fromkeys(measured["model"])) == order
    quantities = 5 + 2 + 2
    assert len(cells["value"]) == quantities * 2 * 2 * 2 * 2
    # Raw errors give no OPR.
    raw, excess = set(cells["quantity"]), set(cells_of(measured, GRID, excess=True)["quantity"])
    assert (raw - excess, excess - raw) == ({"opr_raw_mse"}, {"opr"})
    # Of one penalty it is said which; of several, that it was chosen.
    assert set(cells["alpha_w"]) == {1.0}
    tuned = replace(GRID, alphas_w=(0.1, 1.0))
    assert is_tuned(tuned) and not is_tuned(GRID)
    assert np.isnan(cells_of(measure_sweep(made(), tuned, jobs=1), tuned, excess=False)["alpha_w"]).all()


def test_the_order_of_rows_in_the_table_does_not_matter(measured: SweepTable) -> None:
    order = np.random.default_rng(3).permutation(len(measured["risk"]))
    shuffled = {name: values[order] for name, values in measured.items()}
    one, other = (cells_of(table, GRID, excess=False) for table in (measured, shuffled))
    for name, values in one.items():
        np.testing.assert_array_equal(other[name], values)


def test_accuracies_stand_beside_risks_of_classes(made: Any) -> None:
    grid = replace(GRID, noise=(0.0, 0.2))
    table = measure_sweep(made(classes=2), grid, jobs=1)
    rows = (table["model"] == "ceiling") & (table["n"] == 40) & (table["N"] == 120) & (table["noise"] == 0.2)
    at = {"weak": "w1", "n": 40, "N": 120, "noise": 0.2}
    found = cell(cells_of(table, grid, excess=False), "accuracy_of_ceiling", **at)
    assert found["value"] == pytest.approx(table["accuracy"][rows].mean(), rel=1e-12)
    assert 0.6 < found["low"] < found["high"] < 1.01


def test_choosing_on_other_seeds_is_not_flattered_by_luck() -> None:
    # Penalties that do nothing: every risk is 1 and noise. The best on the own seed would be far below 1.
    choices, seeds, cells = 20, 8, 400
    risks = 1 + 0.3 * np.random.default_rng(5).standard_normal((cells, choices, seeds))
    honest = chosen(risks, risks).mean()
    flattered = risks.min(axis=1).mean()
    error = 0.3 / np.sqrt(cells * seeds)
    assert abs(honest - 1) < 4 * error
    assert flattered < 0.6


def test_every_model_takes_its_own_choice_of_a_sweep(made: Any) -> None:
    grid = replace(GRID, alphas_w=(0.01, 1.0, 30.0), alphas_s=(0.01, 1.0))
    table = measure_sweep(made(), grid, jobs=1)
    risks = arrays_of(table, grid)
    tuned = Tuned(table, grid)
    student = tuned.of("student", "w1", "s")
    baseline = tuned.of("baseline", "w1", "s")
    assert student.shape == baseline.shape == (2, 2, 2, 6)
    for seed in range(grid.seeds):
        others = [other for other in range(grid.seeds) if other != seed]
        mean = risks["student", "w1", "s"][1, 0, 1][:, :, others].mean(axis=-1)
        a, b = np.unravel_index(mean.argmin(), mean.shape)
        assert student[1, 0, 1, seed] == risks["student", "w1", "s"][1, 0, 1, a, b, seed]
        best = risks["baseline", "s"][1, 0][:, others].mean(axis=-1).argmin()
        assert (baseline[1, 0, :, seed] == risks["baseline", "s"][1, 0, best, seed]).all()


@pytest.mark.slow
def test_intervals_hold_the_mean_over_fresh_rows(made: Any) -> None:
    # Every repetition draws rows and labels anew, against one large test: what a mean over seeds estimates.
    grid = SweepGrid((("w2", "s"),), n=(25,), N=(60,), alphas_w=(1.0,), alphas_s=(1.0,), seeds=1, joint=False)
    test = made(99, rows=10, test=4000)

    def fresh(seed: int) -> SweepData:
        rows = made(1000 + seed, rows=85, test=0)
        views = {name: np.vstack([rows.views[name], test.views[name][10:]]) for name in rows.views}
        numbers = np.arange(85 + 4000)
        return SweepData(views, numbers[:85], numbers[85:], rows.labels, test.truth)

    seeds, repetitions = 8, 150
    quantities = ("student", "student_less_teacher", "student_less_baseline", "opr_raw_mse")
    drawn = []
    for seed in range(seeds * repetitions):
        part = dict(measure_sweep(fresh(seed), grid, jobs=1))
        part["seed"] = np.full_like(part["seed"], seed % seeds)
        drawn.append(part)
    many = replace(grid, seeds=seeds)
    found = []
    for start in range(0, len(drawn), seeds):
        parts = drawn[start : start + seeds]
        table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        found.append(cells_of(table, many, excess=False))
    whole = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
    whole["seed"] = np.arange(len(drawn)).repeat(len(drawn[0]["seed"]))
    truth = cells_of(whole, replace(grid, seeds=len(drawn)), excess=False)
    for quantity in quantities:
        target = cell(truth, quantity)["value"]
        held = [cell(cells, quantity)["low"] <= target <= cell(cells, quantity)["high"] for cells in found]
        assert 0.83 <= np.mean(held) <= 0.97, (quantity, np.mean(held))


def dimensions(weak: str, strong: str = "s", d_sw: float | None = 2.1, d_w: int = 5) -> PairDimensions:
    found = (
        Undefined("too few rows", "more")
        if d_sw is None
        else Estimate(d_sw, (d_sw - 0.1, d_sw + 0.1), 0.9, 100, None, "corrected")
    )
    return PairDimensions(weak, strong, d_w, 10, d_w, 8, found, None, None, None)


@pytest.mark.parametrize(
    # The unclipped estimate may leave what a share can be.
    ("d_sw", "said"),
    [(2.1, "d_sw/d_w = 0.42"), (None, "d_sw undefined"), (5.3, "d_sw/d_w = 1.00"), (-0.2, "d_sw/d_w = 0.00")],
)
def test_pairs_are_labelled_with_what_they_share(d_sw: float | None, said: str) -> None:
    assert pair_label(dimensions("w1", d_sw=d_sw)) == f"w1 ({said})"
    assert pair_label(dimensions("w1", d_sw=d_sw), strong=True) == f"w1 → s ({said})"


def test_panels_of_teachers_and_of_noise_levels(measured: SweepTable) -> None:
    cells = cells_of(measured, GRID, excess=False)
    pairs = (dimensions("w1"), dimensions("w2", d_sw=4.0))
    panels = panels_of(cells, GRID, pairs, noise_name="noise sd")
    groups = list(dict.fromkeys(panel.group for panel in panels))
    assert groups == ["Student s, noise sd 0", "w1 → s (d_sw/d_w = 0.42)"]
    # The other size stands at the largest N, and at the middle n.
    titles = [panel.title for panel in panels if panel.y_name == "PGR"]
    assert titles == ["PGR against n (N = 120)", "PGR against N (n = 40)"] * 2
    assert [panel.y_name for panel in panels[:3]] == [
        "PGR",
        "ratio of raw test errors (baseline / student)",
        "student's risk",
    ]
    teachers = next(one for one in panels if one.title == "student's risk against N (n = 40)")
    assert [line.series for line in teachers.curves] == ["w1 (d_sw/d_w = 0.42)", "w2 (d_sw/d_w = 0.80)"]
    assert teachers.curves[0].x == (60, 120)
    expected = [cell(cells, "student", weak="w2", n=40, N=N, noise=0.0) for N in (60, 120)]
    assert teachers.curves[1].y == tuple(one["value"] for one in expected)
    assert teachers.curves[1].low == tuple(one["low"] for one in expected)
    levels = next(panel for panel in panels if panel.group == groups[1] and panel.y_name == "PGR")
    assert [line.series for line in levels.curves] == ["noise sd 0", "noise sd 0.5"]
    assert levels.rule == 0.0


def test_a_single_pair_shows_all_its_models(made: Any) -> None:
    grid = replace(GRID, pairs=TWO[:1], noise=(0.0,), N=(120,))
    cells = cells_of(measure_sweep(made(), grid, jobs=1), grid, excess=False)
    panels = panels_of(cells, grid, (dimensions("w1"),), "noise sd")
    # One N is no axis.
    assert {panel.x_name for panel in panels} == {"n"}
    (routes,) = (panel for panel in panels if panel.group == "All models")
    assert [line.series for line in routes.curves] == ["teacher", "student", "joint", "baseline", "ceiling"]
    assert routes.y_log

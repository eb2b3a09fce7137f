"""Ages from faces (Dong et al., 2025): PGR and ratios against n and N, one line per teacher, by noise level.

Like with like first: uncentred features, one tiny penalty, wide sets through a randomized SVD, raw test
errors, means over trials of each trial's ratio, as in the authors' public code. Then our way on the same
rows: intercepts, penalties chosen on other trials, ratios of means with intervals, and what is left of the
ratio once unpredictable ages are taken off. Numbers are held against the printed ones only where data, models
and sizes are the published ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from outgrow.config import LabelConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import AtHand, known_as, models_at_hand, sized
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.reproduction import Comparison, Reproduction, Table, Verdict
from outgrow.results import as_plain
from outgrow.study.curves import Curve, Panel
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.figure import TITLES, pair_label
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Ends, Tuned, cells_of, mean_and_ends, ratios
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable

FACES = (23_708, 23_705)
"""Pictures of the published set, with and without the three whose names lack a part."""

TEST = 3_708
"""Test pictures, as published."""

SHARE = TEST / FACES[0]
"""Share of the pictures to test on: `TEST` of the published set, and in proportion of fewer."""

TRAIN = FACES[1] - TEST
"""Pictures to train on that the sizes below are meant for. With fewer, sizes shrink."""

STUDENT = "CLIP-B/32"
"""The published student."""

LABELS, POOL = 2_000, 10_000
"""n and N of the numbers below; the other is held there while one runs."""

SIZES_N = (600, 1_000, 1_500, 2_000, 3_000, 4_500)
"""Labelled rows: a decade around `LABELS`, past the widths 512 and 768."""

SIZES_POOL = (1_500, 2_500, 5_000, 7_500, 10_000, 14_000)
"""Unlabelled rows: from twice the width of the student; with the largest n they use 18,500 pictures."""

TRIALS = 10
"""As published."""

RIDGE = 1e-6
"""The published penalty; scikit-learn's, m times ours, as the public code shows (sval / (sval^2 + ridge))."""

SKETCH = 768
"""Rank of the randomized SVD through which the public code fits wider sets: it keeps n = 2,000 labels away
from the 2,048 columns of ResNet-50 and deeper."""

NOISE = (0.0, 5.0, 10.0, 20.0)
"""Standard deviations of the noise added to labels, in years, as published."""

NOISY = "ResNet-50"
"""The teacher whose noise levels were published."""

BY_TEACHER: Mapping[str, tuple[float, float]] = {
    "ResNet-18": (0.520, 0.541),
    "ResNet-34": (0.528, 0.553),
    "ResNet-101": (0.588, 0.657),
    "ResNet-152": (0.612, 0.676),
}
"""PGR and OPR published, by teacher, without added noise."""

BY_NOISE: Mapping[float, tuple[float, float]] = {
    0.0: (0.584, 0.630),
    5.0: (0.611, 0.784),
    10.0: (0.676, 1.148),
    20.0: (0.786, 2.321),
}
"""PGR and OPR published of `NOISY`, by noise level."""

ROUNDING = 5e-4
"""Half of the last digit printed."""

BOTH = 2**0.5
"""The published means vary over trials as ours do: a difference of two is this much wider."""

ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Penalties tried by our way, in mean variances per column: what tuned heads want lies well inside."""

MODELS = ("teacher", "student", "baseline", "ceiling")
"""In the order of tables."""

Way: TypeAlias = Literal["as published", "our way"]
"""Which of the two sweeps."""

WAYS: tuple[Way, ...] = ("as published", "our way")
"""Both, like with like first."""


@dataclass(frozen=True)
class UTKFaceOptions:
    """What the experiment is done again with."""

    rows: LabelConfig
    """Pictures (layout "utkface") and models, or feature sets and a table of ages. Models named ResNet-18 and
    so on, in any spelling, are taken for the published ones."""
    seeds: int = TRIALS
    """Trials."""
    n: tuple[int, ...] = ()
    """Sizes; published ones, or in proportion where there are fewer pictures, by default."""
    N: tuple[int, ...] = ()
    """Sizes; published ones, or in proportion where there are fewer pictures, by default."""
    noise: tuple[float, ...] = NOISE
    """Standard deviations of the noise added to labels."""
    alphas: tuple[float, ...] = ALPHAS
    """Penalties tried by our way, in mean variances per column."""
    jobs: int | None = None
    """Processes."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """One of the two sweeps."""

    way: Way
    grid: SweepGrid
    table: SweepTable
    cells: dict[str, np.ndarray]
    tuned: Tuned

    def place(self, noise: float, at: tuple[int, int]) -> tuple[int, int, int]:
        """Find a cell: its level, n and N."""
        return self.grid.noise.index(noise), self.grid.n.index(at[0]), self.grid.N.index(at[1])

    def risks(self, pair: tuple[str, str]) -> dict[str, np.ndarray]:
        """Give the risks of a pair's models by level, n, N and trial."""
        return {model: self.tuned.of(model, *pair) for model in MODELS}

    def means_of_ratios(self, pair: tuple[str, str]) -> dict[str, Ends]:
        """Give PGR and OPR as they are published: means over trials of each trial's ratio."""
        teacher, student, baseline, ceiling = self.risks(pair).values()
        # A trial whose ceiling equals its teacher to the last digit makes such a mean infinite, as it is.
        with np.errstate(divide="ignore", invalid="ignore"):
            pgr, opr = (teacher - student) / (teacher - ceiling), baseline / student
            return {"pgr": mean_and_ends(pgr), "opr": mean_and_ends(opr)}


def reproduce(
    options: UTKFaceOptions, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> Reproduction:
    """Do the experiment again, the published way and ours."""
    start = time.perf_counter()
    if options.seeds < 2:
        raise ConfigError("one trial has no interval", "--seeds", "Ask for two at least; ten are published.")
    config = options.rows
    if config.input and config.layout == "auto":
        config = config.model_copy(update={"layout": "utkface"})
    rows = models_at_hand(config.model_copy(update={"task": "regression"}), SHARE, permissions, progress)
    n, at_n = sized(options.n, SIZES_N, LABELS, len(rows.train), TRAIN)
    N, at_N = sized(options.N, SIZES_POOL, POOL, len(rows.train), TRAIN)
    published = SweepGrid(
        pairs=rows.pairs,
        n=n,
        N=N,
        noise=options.noise,
        alphas_w=(RIDGE,),
        alphas_s=(RIDGE,),
        unit="total",
        seeds=options.seeds,
        intercept=False,
        joint=False,
        sketch=SKETCH,
    )
    ours = replace(
        published,
        alphas_w=options.alphas,
        alphas_s=options.alphas,
        unit="variance",
        intercept=True,
        sketch=None,
    )
    pairs = dimensions(rows.data(), rows.pairs)
    both = [
        _measured(way, grid, rows, options, progress)
        for way, grid in zip(WAYS, (published, ours), strict=True)
    ]
    at = at_n, at_N
    reasons = _unlike(rows, options, at)
    comparisons = _comparisons(both[0], rows, at, reasons)
    verdict, because = _verdict(comparisons, reasons)
    return Reproduction(
        name="utkface",
        title="Ages from faces: PGR and ratios of errors against n and N",
        source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (UTKFace)",
        setting=_setting(rows, options, at),
        verdict=verdict,
        because=because,
        comparisons=comparisons,
        panels=tuple(panel for each in both for panel in _panels(each, rows, pairs, at, reasons)),
        tables=(
            dimension_table(pairs),
            _ways(both, rows, at),
            *(cell_table(each.cells, f"cells_{each.way.replace(' ', '_')}", each.way) for each in both),
        ),
        notes=_notes(rows),
        checks=rows.checks,
        config=_config(options, n, N),
        seconds=time.perf_counter() - start,
    )


def _measured(
    way: Way, grid: SweepGrid, rows: AtHand, options: UTKFaceOptions, progress: Progress | None
) -> _Measured:
    tell = progress or (lambda _what, _share: None)

    def named(what: str, share: float) -> None:
        # Both sweeps share one scale.
        tell(f"{way}: {what}", (WAYS.index(way) + share) / len(WAYS))

    table = measure_sweep(rows.data(), grid, jobs=options.jobs, progress=named)
    return _Measured(way, grid, table, cells_of(table, grid, excess=False), Tuned(table, grid))


def _unlike(rows: AtHand, options: UTKFaceOptions, at: tuple[int, int]) -> tuple[str, ...]:
    """Say why nothing can be held against what is printed."""
    reasons = []
    if rows.rows not in FACES:
        reasons.append(f"{rows.rows:,} pictures instead of {FACES[0]:,}")
    elif len(rows.test) != TEST:
        reasons.append(f"{len(rows.test):,} test pictures instead of {TEST:,}")
    if at != (LABELS, POOL):
        reasons.append(f"n = {at[0]:,} and N = {at[1]:,} instead of {LABELS:,} and {POOL:,}")
    if options.seeds < TRIALS:
        # Their intervals are so wide that nearly every number would lie within.
        reasons.append(f"{options.seeds} trials instead of {TRIALS}")
    if known_as(rows.student, (STUDENT,)) is None:
        reasons.append(f"the student is {rows.student} instead of {STUDENT}")
    if not any(known_as(teacher, (*BY_TEACHER, NOISY)) for teacher in rows.teachers):
        reasons.append(f"no teacher is one of {', '.join((*BY_TEACHER, NOISY))}")
    return tuple(reasons)


def _comparisons(
    measured: _Measured, rows: AtHand, at: tuple[int, int], reasons: Sequence[str]
) -> tuple[Comparison, ...]:
    """Hold every printed number against ours, or say why there is none."""
    asked = [(teacher, 0.0, printed, "no added noise") for teacher, printed in BY_TEACHER.items()]
    asked += [(NOISY, level, printed, f"noise sd {level:g}") for level, printed in BY_NOISE.items()]
    named = {known_as(teacher, (*BY_TEACHER, NOISY)): teacher for teacher in rows.teachers}
    out = []
    for teacher, level, printed, told in asked:
        lacking = "; ".join(reasons)
        if not lacking and teacher not in named:
            lacking = f"no {teacher} is at hand"
        if not lacking and level not in measured.grid.noise:
            lacking = "this noise level was not asked for"
        found = {} if lacking else measured.means_of_ratios((named[teacher], rows.student))
        for quantity, value in zip(("pgr", "opr"), printed, strict=True):
            what = f"{quantity.upper()}, {teacher}, {told}, n = {LABELS:,}, N = {POOL:,}"
            if lacking:
                out.append(Comparison(what, value, None, ROUNDING, f"not compared: {lacking}"))
                continue
            place = measured.place(level, at)
            ours, low, high = (float(end[place]) for end in found[quantity][:3])
            tolerance = ROUNDING + BOTH * (high - low) / 2
            reason = "rounding, and sampling errors of both (level .90, theirs taken to be as large as ours)"
            out.append(Comparison(what, value, ours, tolerance, reason, (low, high)))
    return tuple(out)


def _verdict(comparisons: Sequence[Comparison], reasons: Sequence[str]) -> tuple[Verdict, str]:
    answers = [each.matches for each in comparisons if each.matches is not None]
    if not answers:
        return "not compared", f"What is at hand is not what was published on: {'; '.join(reasons)}."
    right = sum(answers)
    said = f"{right} of {len(answers)} printed numbers lie within the sampling error of both"
    if right == len(answers):
        return "matches", f"{said}."
    why = "encoders may differ from the public code's in weights and in preparing pictures (see the notes)"
    return ("partly matches" if right else "does not match"), f"{said}; {why}."


def _panels(
    measured: _Measured,
    rows: AtHand,
    pairs: Sequence[PairDimensions],
    at: tuple[int, int],
    reasons: Sequence[str],
) -> tuple[Panel, ...]:
    noisy = next((name for name in rows.teachers if known_as(name, (NOISY,))), rows.teachers[0])
    panels = level_panels(
        measured.cells,
        measured.grid,
        pairs,
        at,
        noise_name="noise sd",
        noise_pair=(noisy, rows.student),
        every_level=measured.way == "as published",
        prefix=f"{measured.way}, ",
    )
    if measured.way != "as published" or reasons:
        return panels
    printed = {
        pair_label(pair): BY_TEACHER[known]
        for pair in pairs
        if (known := known_as(pair.weak, BY_TEACHER)) is not None
    }
    if known_as(noisy, (NOISY,)):
        (own,) = (pair for pair in pairs if pair.weak == noisy)
        printed[pair_label(own)] = BY_NOISE[0.0]
        printed |= {f"noise sd {level:g}": values for level, values in BY_NOISE.items()}
    return tuple(_with_marks(panel, printed) for panel in panels)


def _with_marks(panel: Panel, printed: Mapping[str, tuple[float, float]]) -> Panel:
    """Add printed values to a panel's own lines; those by teacher are of labels without added noise."""
    place = {TITLES["pgr"]: 0, TITLES["opr_raw_mse"]: 1}[panel.y_name]
    x = float(LABELS if panel.x_name == "n" else POOL)
    levels = [level for level in BY_NOISE if level and f"noise sd {level:g}: " in panel.group]
    marks = tuple(
        Curve(line.series, "published", (x,), (printed[line.series][place],), note="printed")
        for line in panel.curves
        if line.series in printed and not levels
    )
    return replace(panel, curves=panel.curves + marks)


def _ways(both: Sequence[_Measured], rows: AtHand, at: tuple[int, int]) -> Table:
    """Put both ways side by side at the sizes that are held."""
    floor = float(np.min(mean_and_ends(both[1].risks(rows.pairs[0])["ceiling"])[0]))
    columns: dict[str, list[Any]] = {}
    for pair in rows.pairs:
        for noise in both[0].grid.noise:
            for each in both:
                place, risks = each.place(noise, at), each.risks(pair)
                row: dict[str, Any] = {
                    "teacher": pair[0], "student": pair[1], "noise_sd": noise, "way": each.way,
                    "n": at[0], "N": at[1],
                }  # fmt: skip
                row |= {f"mse_{model}": float(values[place].mean()) for model, values in risks.items()}
                less = {model: values - floor for model, values in risks.items()}
                quantities = {
                    **{f"{name}_mean_of_ratios": ends for name, ends in each.means_of_ratios(pair).items()},
                    **{f"{name}_ratio_of_means": ends for name, ends in ratios(risks, excess=False).items()},
                    "opr_less_floor": ratios(less, excess=True)["opr"],
                }
                for name, ends in quantities.items():
                    for end, values in zip(("", "_low", "_high"), ends, strict=False):
                        value = float(values[place])
                        row[name + end] = value if np.isfinite(value) else None
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return Table(
        "ways",
        "The published way and ours, at the sizes held",
        columns,
        "Published ratios are means over trials of each trial's ratio, of raw test errors; ours are ratios"
        f" of means with Fieller's interval. The floor, {floor:.4g}, is the least mean test error of a tuned"
        " ceiling here: what no picture tells of an age, and a little more, so that ratios less the floor lie"
        " farther from 1 than those of excess risks. PGR is a ratio of differences and needs none. Ratios are"
        " missing where the trials do not resolve their denominator from zero.",
    )


def _setting(rows: AtHand, options: UTKFaceOptions, at: tuple[int, int]) -> str:
    few = len(rows.train) < TRAIN and not (options.n and options.N)
    shrunk = (
        f" Sizes are those meant for the published set, times {len(rows.train):,} / {TRAIN:,}." if few else ""
    )
    return (
        f"{len(rows.train):,} pictures to train on and {len(rows.test):,} to test on; teachers"
        f" {', '.join(rows.teachers)}, student {rows.student}; n = {at[0]:,} or N = {at[1]:,} held while the"
        f" other runs; {options.seeds} trials; noise of sd"
        f" {', '.join(f'{level:g}' for level in options.noise)} years added to labels trained on.{shrunk}"
        f" As published: no intercept, ridge {RIDGE:g}, sets wider than {SKETCH} through a randomized SVD of"
        " that rank. Our way: intercepts, and penalties of teacher and student chosen on the other trials."
    )


def _notes(rows: AtHand) -> tuple[str, ...]:
    notes = [
        "The experiment as published shows what its authors' theory says: a student gains more where it"
        " shares less with its teacher. What is added here are intervals, tuned penalties, and a measure of"
        " what is shared that does not depend on coordinates.",
        "Published ratios (OPR) are of raw test errors, which hold what no picture tells of an age: they are"
        " drawn towards 1 and are no ratios of excess risks. PGR is the same either way.",
        "As in the authors' public code, noise is added to the labels trained on alone, and every fit sees a"
        f" wide set through one random projection to {SKETCH} directions and ten more, which damps it like a"
        " penalty. That code encodes pictures stretched to 224 x 224: ResNets with torchvision's ImageNet"
        " weights (the first set for 18 and 34, the second for the others), not normalized, averaged over"
        " places; CLIP's pooled output before its projection, 768 wide.",
    ]
    if rows.left_out:
        notes.append(f"{rows.left_out:,} pictures without an age were left out.")
    return tuple(notes)


def _config(options: UTKFaceOptions, n: Sequence[int], N: Sequence[int]) -> dict[str, Any]:
    rows = options.rows.model_dump(mode="json", exclude_none=True)
    own = {"seeds": options.seeds, "n": n, "N": N, "noise": options.noise, "alphas": options.alphas}
    return {"name": "utkface", **rows, **as_plain(own)}

"""Movie reviews rated by many: excess risks, PGR and OPR against n and N, theory beneath what was measured.

Labels are single raters, truths mean ratings, and the noise of both is known: nothing stands in the way of
real ratios. Twice: with penalties chosen on other seeds, and without any, as published, where the peak at
interpolation stands. What this project's own pages claim of these rows is measured again here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from outgrow.config import LabelConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.at_hand import sized
from outgrow.reproductions.by_level import cell_table, dimension_table
from outgrow.reproductions.chance import similarity_comparisons
from outgrow.reproductions.foretold import foretell
from outgrow.reproductions.movies_claims import (
    SDS,
    peak_comparisons,
    theory_comparisons,
    tuning_comparisons,
    verdict_of,
)
from outgrow.reproductions.movies_ways import (
    MeasuredWay,
    Way,
    measure_way,
    movie_panels,
    theory_table,
    typical_deviation,
)
from outgrow.reproductions.rated_rows import RatedRows, embedded_rows, rated_rows
from outgrow.reproductions.reproduction import Comparison, Reproduction
from outgrow.reproductions.stages import tuning_of
from outgrow.results import as_plain
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.layout import MOST_BLOCKS
from outgrow.sweeps.summary import mean_and_ends

TRAIN = 7_605
"""Rows to deal from that the sizes below are meant for: all but the test. With fewer, sizes shrink."""

LABELS, POOL = 400, 6_000
"""n and N that are held while the other runs: the n of docs/theory.md, T8, and most of the pool."""

SIZES_N = (50, 100, 200, 400, 800, 1_500)
"""Labelled rows: from a handful to what the largest pool leaves, less some rows that do not fill a block."""

SIZES_POOL = (500, 1_000, 2_000, 4_000, 6_000)
"""Unlabelled rows."""

AROUND = (0.75, 0.9, 1.1, 1.35)
"""Sizes looked at around interpolation, in units of its n: beyond a third on either side least squares
multiplies noise by less than four."""

NOISE = (0.0, 1.0, 2.0)
"""Standard deviations of noise added to a rater's value; the raters' own is .97."""

ALPHAS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties tried, in mean variances per column: the best of nearly every stage lie inside, of the components
(whose mean variance is three times that of full features) and of full features."""


@dataclass(frozen=True)
class MoviesOptions:
    """What the experiment is done with."""

    rows: LabelConfig | None = None
    """Full features (or models and texts) and the table of reviews with its column of raters; the embedded
    components by default."""
    seeds: int = 10
    """Draws of rows, raters and noise."""
    n: tuple[int, ...] = ()
    """Sizes; the usual ones by default."""
    N: tuple[int, ...] = ()
    """Sizes; the usual ones by default."""
    noise: tuple[float, ...] = NOISE
    """Standard deviations of noise added to the rater drawn."""
    alphas: tuple[float, ...] = ALPHAS
    """Penalties tried, in mean variances per column."""
    jobs: int | None = None
    """Processes."""


def reproduce(
    options: MoviesOptions, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> Reproduction:
    """Do the experiment on the embedded reviews, or on features of the user's."""
    start = time.perf_counter()
    if options.seeds < 2:
        raise ConfigError("one seed has no interval", "--seeds", "Ask for two at least; ten are usual.")
    rows = embedded_rows() if options.rows is None else rated_rows(options.rows, permissions, progress)
    noise = tuple(sorted(set(options.noise)))
    n, at_n = sized(options.n, SIZES_N, LABELS, len(rows.train), TRAIN)
    N, at_N = sized(options.N, SIZES_POOL, POOL, len(rows.train), TRAIN)
    tuned = SweepGrid(
        pairs=rows.pairs,
        n=n,
        N=N,
        noise=noise,
        alphas_w=options.alphas,
        alphas_s=options.alphas,
        seeds=options.seeds,
        joint=False,
    )
    data = rows.data()
    pairs = dimensions(data, rows.pairs)
    peak = pairs[0].d_s + 1
    bare = replace(
        tuned,
        n=_around(n, peak, len(rows.train) - max(N) - len(rows.train) // MOST_BLOCKS),
        N=_around(N, peak, max(N)),
        alphas_w=(0.0,),
        alphas_s=(0.0,),
    )
    theory = {pair: foretell(rows, pair, options.alphas) for pair in rows.pairs}
    plain = {pair: known.without_penalties() for pair, known in theory.items()}
    both = [
        measure_way(way, grid, rows, known, options.jobs, progress)
        for way, grid, known in zip(get_args(Way), (tuned, bare), (theory, plain), strict=True)
    ]
    at = at_n, at_N
    tuning = tuning_of(both[0].table, tuned, at_N)
    theory_held = theory_comparisons(both[0], rows, at)
    comparisons = (
        *theory_held,
        *peak_comparisons(both[1], rows, at_N, peak),
        *similarity_comparisons(data, rows.pairs, SDS),
        *tuning_comparisons(tuning, rows, pairs, options.seeds),
    )
    verdict, because = verdict_of(comparisons, rows)
    inside, held, off = _off(theory_held)
    if verdict == "matches" and inside < held / 2:
        # Near enough for the tolerance, and beyond chance for most: that is no match of theory.
        verdict, because = "partly matches", f"{because} {off}"
        off = ""
    return Reproduction(
        name="movies",
        title="Movie reviews with real raters: PGR and OPR against n and N",
        source="this project; ratings and texts of Hutto and Gilbert, VADER, 2014",
        reference="Theory",
        setting=_setting(rows, options, both, at),
        verdict=verdict,
        because=because,
        comparisons=comparisons,
        panels=tuple(panel for each in both for panel in movie_panels(each, rows, pairs, at)),
        tables=(
            dimension_table(pairs),
            theory_table(both, rows),
            tuning,
            *(cell_table(each.cells, f"cells_{each.way}", each.way) for each in both),
        ),
        notes=(*_notes(rows, both, at, peak), *([off] if off else [])),
        checks=rows.checks,
        config=_config(options, both),
        seconds=time.perf_counter() - start,
    )


def _around(sizes: Sequence[int], peak: int, most: int) -> tuple[int, ...]:
    """Add interpolation and sizes around it, as far as rows go."""
    wanted = {peak, *(round(peak * share) for share in AROUND)}
    return tuple(sorted({*sizes, *(size for size in wanted if 2 <= size <= most)}))


def _setting(
    rows: RatedRows, options: MoviesOptions, both: Sequence[MeasuredWay], at: tuple[int, int]
) -> str:
    few = len(rows.train) < TRAIN and not (options.n and options.N)
    shrunk = f" Sizes are the usual ones times {len(rows.train):,} / {TRAIN:,}." if few else ""
    what = "leading principal components, embedded" if rows.embedded else "features as given"
    return (
        f"{len(rows.train):,} reviews to train on and {len(rows.test):,} to test on ({what}); teachers"
        f" {', '.join(rows.teachers)}, student {rows.student}; labels are one rater drawn per text and seed"
        f" (noise variance {rows.noise_variance:.3f}) with noise of sd"
        f" {', '.join(f'{level:g}' for level in both[0].grid.noise)} added; scored against mean ratings,"
        f" whose error variance {rows.scorers.mean_error:.3f} is taken off: all risks are excess risks."
        f" n = {at[0]:,} or N = {at[1]:,} held while the other runs; {options.seeds} seeds. Tuned: penalties"
        f" of teacher and student chosen on the other seeds.{shrunk}"
    )


def _notes(rows: RatedRows, both: Sequence[MeasuredWay], at: tuple[int, int], peak: int) -> tuple[str, ...]:
    tuned, _ = both
    off = [f"{typical_deviation(each, rows):.1%} {each.way}" for each in both]
    notes = [
        "Lines are theory, points are measured: the median deviation of mean risks from theory is"
        f" {' and '.join(off)}.",
        f"Without penalties the baseline interpolates at n = {peak:,}, the rank of {rows.student} and one for"
        " the intercept: its risk is then unbounded, and so is OPR, whatever the student gained. Published"
        " ratios of 8 to 37 at n near a student's width of 768 stand on such a peak; tuned penalties have"
        " none. At n one above a teacher's rank the teacher has its own, and OPR falls to almost 0; so has"
        f" the student at N = {peak:,}.",
        "Intervals are of draws of rows and raters out of these reviews; all seeds share the test rows.",
    ]
    gone = [
        pair[0]
        for pair in rows.pairs
        if _falls_short(tuned.tuned.of("student", *pair) - tuned.tuned.of("teacher", *pair), tuned, at)
    ]
    if gone:
        notes.append(
            f"{', '.join(gone)}: the student is worse than this teacher, beyond sampling error. The set is as"
            " good as the student's; its PGR is negative, or has no meaning where the ceiling is not better."
        )
    if rows.embedded:
        notes.append(
            "Components are the leading ones of each encoder, and hold most of its variance; full features"
            " have peaks at their own widths. Name them by --weak, --strong and --labels."
        )
    if rows.dead:
        notes.append(f"{rows.dead} columns that do not vary were left out.")
    return tuple(notes)


def _off(held: Sequence[Comparison]) -> tuple[int, int, str]:
    """Count intervals that contain the value of theory, of how many, and say how far it is off."""
    found = [
        (one.ours / one.published - 1, one.what, one.interval[0] <= one.published <= one.interval[1])
        for one in held
        if one.published and one.ours is not None and one.interval is not None
    ]
    if not found:
        return 0, 0, ""
    worst, what, _ = max(found, key=lambda each: abs(each[0]))
    within = sum(inside for *_, inside in found)
    said = (
        f"{within} of {len(found)} intervals of mean risks at the sizes held contain the value of theory; the"
        f" largest deviation of a mean is {worst:+.1%} ({what})."
    )
    return within, len(found), said


def _falls_short(more: np.ndarray, tuned: MeasuredWay, at: tuple[int, int]) -> bool:
    """Whether the student's risk is above the teacher's, with its interval, at the sizes that are held."""
    return bool(mean_and_ends(more)[1][tuned.place(min(tuned.grid.noise), at)] > 0)


def _config(options: MoviesOptions, both: Sequence[MeasuredWay]) -> dict[str, Any]:
    rows = {} if options.rows is None else options.rows.model_dump(mode="json", exclude_none=True)
    tuned, bare = (each.grid for each in both)
    own = {
        "seeds": tuned.seeds, "n": tuned.n, "N": tuned.N, "noise": tuned.noise, "alphas": options.alphas,
        "ridgeless_n": bare.n, "ridgeless_N": bare.N,
    }  # fmt: skip
    return {"name": "movies", **rows, **as_plain(own)}

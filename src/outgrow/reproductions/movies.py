"""Movie reviews rated by many: excess risks, PGR and OPR against n and N, theory beneath what was measured.

Labels are single raters, truths mean ratings, and the noise of both is known: nothing stands in the way of
real ratios. Twice: with penalties chosen on other seeds, and without any, as published, where the peak at
interpolation stands. What this project's own pages claim of these rows is measured again here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from outgrow.config import ReproduceConfig
from outgrow.reproductions.at_hand import AtHand
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.experiment import Experiment, Measurements, Sizes, Way
from outgrow.reproductions.movies_claims import (
    because_of,
    off_theory,
    peak_comparison,
    similarity_comparisons,
    theory_comparisons,
    tuning_comparisons,
)
from outgrow.reproductions.movies_tables import theory_table, tuning_of, tuning_table, typical_deviation
from outgrow.reproductions.pair_theory import pair_theory, theory_lines
from outgrow.reproductions.rated_rows import embedded_rows, rated_rows
from outgrow.reproductions.reproduction import Reproduction, verdict_of
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.figure import RISKS
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.layout import MOST_BLOCKS
from outgrow.sweeps.summary import mean_and_ends
from outgrow.sweeps.sweep_outcome import PairDimensions

AROUND = (0.75, 0.9, 1.1, 1.35)
"""Sizes looked at around interpolation, in units of its n: beyond a third on either side least squares
multiplies noise by less than four."""


def read(asked: ReproduceConfig, _level: float, permissions: Permissions, progress: Progress) -> AtHand:
    """Take the embedded components, or features of the user's."""
    return embedded_rows() if asked.rows() is None else rated_rows(asked, permissions, progress)


def without_penalties(grid: SweepGrid, rows: AtHand, pairs: Sequence[PairDimensions]) -> SweepGrid:
    """Add interpolation and sizes around it, as far as rows go."""
    peak = pairs[0].d_s + 1

    def around(sizes: Sequence[int], most: int) -> tuple[int, ...]:
        wanted = {peak, *(round(peak * share) for share in AROUND)}
        return tuple(sorted({*sizes, *(size for size in wanted if 2 <= size <= most)}))

    most = len(rows.train) - max(grid.N) - len(rows.train) // MOST_BLOCKS
    return replace(
        grid, n=around(grid.n, most), N=around(grid.N, max(grid.N)), alphas_w=(0.0,), alphas_s=(0.0,)
    )


def tell(measurements: Measurements) -> Reproduction:
    """Hold what was measured against theory and this project's pages."""
    rows, at, (tuned, bare) = measurements.rows, measurements.at, measurements.ways
    tuning = tuning_of(tuned, at[1])
    held = theory_comparisons(tuned, rows, at)
    comparisons = (
        *held,
        peak_comparison(bare, rows, at[1], measurements.pairs[0].d_s + 1),
        *similarity_comparisons(rows, rows.pairs),
        *tuning_comparisons(tuning, rows, measurements.pairs, tuned.grid.seeds),
    )
    verdict, because = verdict_of(comparisons), because_of(comparisons, rows)
    inside, count, off = off_theory(held)
    if verdict == "matches" and inside < count / 2:
        # Near enough for the tolerance, and beyond chance for most: that is no match of theory.
        verdict, because = "partly matches", f"{because} {off}"
        off = ""
    panels = tuple(
        panel
        for each in measurements.ways
        for panel in level_panels(
            measurements,
            each,
            every_level=False,
            prefix=f"{each.name}: ",
            # Ratios at the peak are hundreds of those beside it.
            logs=RISKS if each is tuned else (*RISKS, "opr"),
            beside=theory_lines(each.theory, each.grid, at),
        )
    )
    return Reproduction(
        **measurements.about(),
        setting=_setting(measurements),
        verdict=verdict,
        because=because,
        comparisons=comparisons,
        panels=panels,
        tables=(
            dimension_table(measurements.pairs),
            theory_table(measurements),
            tuning_table(tuning),
            *(cell_table(each.cells, f"cells_{each.name}", each.name) for each in measurements.ways),
        ),
        notes=(*_notes(measurements), *rows.notes, *([off] if off else [])),
    )


def _setting(measurements: Measurements) -> str:
    rows, at = measurements.rows, measurements.at
    what = "leading principal components, embedded" if rows.embedded else "features as given"
    return (
        f"{len(rows.train):,} reviews to train on and {len(rows.test):,} to test on ({what}); teachers"
        f" {', '.join(rows.teachers)}, student {rows.student}; labels are one rater drawn per text and seed"
        f" (noise variance {rows.noise_variance:.3f}) with noise of sd"
        f" {', '.join(f'{level:g}' for level in measurements.grid.noise)} added; scored against mean ratings,"
        f" whose error variance {rows.truth_variance:.3f} is taken off: all risks are excess risks."
        f" n = {at[0]:,} or N = {at[1]:,} held while the other runs; {measurements.grid.seeds} seeds. Tuned:"
        f" penalties of teacher and student chosen on the other seeds.{measurements.shrunk()}"
    )


def _notes(measurements: Measurements) -> tuple[str, ...]:
    rows, tuned, peak = measurements.rows, measurements.ways[0], measurements.pairs[0].d_s + 1
    off = [f"{typical_deviation(each):.1%} {each.name}" for each in measurements.ways]
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
    place = tuned.place(min(tuned.grid.noise), measurements.at)
    gone = []
    for pair in rows.pairs:
        more = tuned.tuned.of("student", *pair) - tuned.tuned.of("teacher", *pair)
        if mean_and_ends(more)[1][place] > 0:
            gone.append(pair[0])
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
    return tuple(notes)


MOVIES = Experiment(
    name="movies",
    title="Movie reviews with real raters: PGR and OPR against n and N",
    source="this project; ratings and texts of Hutto and Gilbert, VADER, 2014",
    reference="Theory",
    read=read,
    rows="embedded",
    # The n held is that of docs/theory.md, T8, the N most of the pool; the largest n is what the largest pool
    # leaves, less some rows that do not fill a block.
    sizes=Sizes((50, 100, 200, 400, 800, 1_500), (500, 1_000, 2_000, 4_000, 6_000), (400, 6_000), 7_605),
    # Noise is added to a rater's value; the raters' own has sd .97. The best penalties of nearly every stage
    # lie inside, of components (whose mean variance is three times that of full features) and of full ones.
    noise=(0.0, 1.0, 2.0),
    alphas=(0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    noise_name="added noise sd",
    excess=True,
    ways=(Way("tuned"), Way("ridgeless", without_penalties)),
    theory=pair_theory,
    tell=tell,
)
"""Ours, on the embedded reviews."""

"""The table of weak-to-strong accuracies in vision, recomputed, and the same table for models at hand.

The public repository of Burns et al. (2023) prints accuracies on ImageNet of a weak teacher, of two students
taught by it, and of their ceilings; PGR follows by arithmetic. What three numbers cannot hold is how sure it
is: how far rounding and the test images alone could move it is worked out here; models at hand are given
intervals over trials.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from outgrow.config import LabelConfig
from outgrow.errors import ConfigError
from outgrow.intervals.fieller import fieller
from outgrow.reproductions.at_hand import AtHand, models_at_hand, scaled
from outgrow.reproductions.reproduction import Comparison, Reproduction, Table
from outgrow.results import Estimate, as_plain
from outgrow.study.curves import Curve, Panel
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.sweeps.dimensions import dimensions
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.measured_grid import measure_sweep
from outgrow.sweeps.summary import Ends, Tuned, mean_and_ends, ratios
from outgrow.sweeps.sweep_outcome import PairDimensions
from outgrow.sweeps.table import SweepTable
from outgrow.worlds.rated_movies import Movies, draw_rater, load_movies

MODELS = ("teacher", "student", "baseline", "ceiling")
"""In the order of the table."""

TEACHER = "AlexNet"
"""The weak teacher of the published table."""

PUBLISHED = {"DINO ResNet-50": (56.6, 61.9, 64.5, 0.671), "DINO ViT-B/8": (56.6, 66.6, 74.0, 0.575)}
"""Per student: accuracies in percent of teacher, W2S student and ceiling, as printed today, and their PGR."""

FIRST = {"DINO ResNet-50": (56.6, 60.7, 63.7), "DINO ViT-B/8": (56.6, 64.2, 74.9)}
"""The accuracies that its first commits printed, with the same commands."""

IMAGES = 10_000
"""Images that the accuracies are taken to be of: in the public code heads are trained on 40,000 of ImageNet's
50,000 validation images, and tested on the others."""

HALF_DIGIT = 0.05
"""Accuracies are printed to a tenth of a percent: each may be off by half of that."""

ROUNDING = 5e-4
"""Half of the last digit of a PGR of three digits."""

NORMAL = 1.6449
"""Quantile of the normal law at .95: intervals of level .90."""

SIZES = (400, 4_000)
"""n and N where the user names none: as few labels as many users have, and ten times as many rows without."""

ROWS = 7_605
"""Rows to train on that `SIZES` are meant for: those of the embedded reviews. With fewer, sizes shrink."""

SHARE = 0.2
"""Share of the rows to test on, where nobody says."""

ALPHAS = (1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Penalties tried, in mean variances per column: tuned heads on embeddings usually stand well inside."""


@dataclass(frozen=True)
class CeilingTableOptions:
    """What the table is made of."""

    rows: LabelConfig | None = None
    """The user's feature sets or models, and labels, which must be classes; None for the embedded reviews."""
    n: int | None = None
    """Labelled and unlabelled rows; `SIZES`, or in proportion where there are fewer rows, by default."""
    N: int | None = None
    """Labelled and unlabelled rows; `SIZES`, or in proportion where there are fewer rows, by default."""
    seeds: int = 20
    """Trials."""
    alphas: tuple[float, ...] = ALPHAS
    """Penalties tried for teacher and student, in mean variances per column."""
    jobs: int | None = None
    """Processes."""


@dataclass(frozen=True, eq=False)
class RaterSigns:
    """Whether one rater, drawn anew by every seed from those who took a side, likes the film."""

    ids: tuple[str, ...]
    """Ids of the texts."""
    votes: tuple[np.ndarray, ...]
    """Votes of each text's raters that are not 0."""

    def draw(self, noise: float, seed: int) -> Float[np.ndarray, "R 2"]:
        """Draw the labels of one seed."""
        drawn = [
            values[draw_rater(seed, row, len(values))]
            for row, values in zip(self.ids, self.votes, strict=True)
        ]
        return one_hot(np.array(drawn) > 0)

    @property
    def agreement(self) -> float:
        """Share of such votes that are the majority's, averaged over texts."""
        shares = [max(np.mean(values > 0), np.mean(values < 0)) for values in self.votes]
        return float(np.mean(shares))


def one_hot(positive: np.ndarray) -> Float[np.ndarray, "R 2"]:
    """Code two classes."""
    return np.eye(2)[positive.astype(np.int64)]


def reproduce(
    options: CeilingTableOptions | None = None,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
) -> Reproduction:
    """Recompute the published table, and measure the same for models at hand."""
    start = time.perf_counter()
    options = CeilingTableOptions() if options is None else options
    if options.seeds < 2:
        raise ConfigError(
            "one trial has no interval", "--seeds", "Ask for two trials at least; twenty are usual."
        )
    labels: RaterSigns | None = None
    if options.rows is None:
        rows, labels = _movies(load_movies())
    else:
        rows = models_at_hand(options.rows, SHARE, permissions, progress)
        if not rows.classes:
            raise ConfigError(
                "the labels are numbers, and accuracies are of classes",
                "--task",
                "Give labels that are classes, or --task classification.",
            )
    data = rows.data(labels)
    usual = scaled(SIZES, len(rows.train), ROWS)
    n, N = options.n or usual[0], options.N or usual[-1]
    grid = SweepGrid(
        pairs=rows.pairs,
        n=(n,),
        N=(N,),
        alphas_w=options.alphas,
        alphas_s=options.alphas,
        seeds=options.seeds,
        joint=False,
    )
    table = measure_sweep(data, grid, jobs=options.jobs, progress=progress)
    pairs = dimensions(data, rows.pairs)
    columns = at_hand_table(table, grid, pairs)
    comparisons = published()
    return Reproduction(
        name="ceiling-table",
        title="PGR of accuracies: the published table in vision, and models at hand",
        source="C. Burns et al., Weak-to-Strong Generalization, 2023: ImageNet, public repository",
        setting=_setting(rows, options, labels, n, N),
        verdict="matches" if all(each.matches for each in comparisons) else "does not match",
        because=_because(comparisons, columns),
        comparisons=comparisons,
        panels=(_panel(columns),),
        tables=(
            Table(
                "published",
                "The published table, and how sure its PGR can be",
                doubts(),
                "Rounding: all accuracies moved by half their last digit. Test images: a normal interval at"
                f" level .90 for {IMAGES:,} images, as if the three models erred independently. Models tend"
                " to err on the same images, which makes it narrower by an amount that the table does not"
                " tell. Neither holds what training anew would change.",
            ),
            Table(
                "at_hand",
                "The same table for models at hand",
                columns,
                "Means over trials (draws of labelled rows and pool) with intervals at level .90; penalties"
                " of each trial are those best on the others. An empty PGR is undefined: the reason stands"
                " beside.",
            ),
        ),
        notes=_notes(rows, labels, columns),
        checks=rows.checks,
        config={"name": "ceiling-table", **as_plain(_config(options)), "n": n, "N": N},
        seconds=time.perf_counter() - start,
    )


def at_hand_table(
    table: SweepTable, grid: SweepGrid, pairs: Sequence[PairDimensions]
) -> dict[str, list[Any]]:
    """Lay the accuracies of a sweep at one n and N out as the published table has them."""
    risk, accuracy = Tuned(table, grid), Tuned(table, grid, "accuracy")
    columns: dict[str, list[Any]] = {}
    for pair in pairs:
        row: dict[str, Any] = {
            "teacher": pair.weak, "student": pair.strong, "n": grid.n[0], "N": grid.N[0],
        }  # fmt: skip
        right = {model: accuracy.of(model, pair.weak, pair.strong) for model in MODELS}
        squared = {model: risk.of(model, pair.weak, pair.strong) for model in MODELS}
        for model in MODELS:
            row |= _spread(f"accuracy_{model}", mean_and_ends(right[model]))
        # PGR of shares of wrong classes is that of accuracies: both differences change their sign.
        wrong = {model: 1 - values for model, values in right.items()}
        for name, values in (("pgr_of_accuracies", wrong), ("pgr_of_squared_errors", squared)):
            ends = ratios(values, excess=False)["pgr"]
            row |= _spread(name, ends) | {f"{name}_undefined": ends[3].item()}
        value = pair.d_sw.value if isinstance(pair.d_sw, Estimate) else None
        row |= {
            "d_w": pair.d_w, "d_s": pair.d_s, "d_sw": value, "d_sw_by_d_w": value and value / pair.d_w,
        }  # fmt: skip
        for name, cell in row.items():
            columns.setdefault(name, []).append(cell)
    return columns


def recovered(teacher: float, student: float, ceiling: float) -> float:
    """Give the PGR of three accuracies."""
    return (student - teacher) / (ceiling - teacher)


def published() -> tuple[Comparison, ...]:
    """Recompute the published PGRs; no data are needed."""
    return tuple(
        Comparison(
            what=f"PGR of accuracies, {TEACHER} to {student}",
            published=pgr,
            ours=recovered(*accuracies),
            tolerance=ROUNDING,
            reason="arithmetic: rounding of the third digit",
            interval=_rounded(*accuracies),
        )
        for student, (*accuracies, pgr) in PUBLISHED.items()
    )


def doubts() -> dict[str, list[Any]]:
    """Say how far rounding, and test images, could move each published PGR."""
    rows = []
    for student, (teacher, own, ceiling, pgr) in PUBLISHED.items():
        low, high = _rounded(teacher, own, ceiling)
        by_images = _by_images(teacher, own, ceiling)
        rows.append(
            {
                "teacher": TEACHER,
                "student": student,
                "accuracy_teacher": teacher,
                "accuracy_student": own,
                "accuracy_ceiling": ceiling,
                "pgr_published": pgr,
                "pgr_recomputed": recovered(teacher, own, ceiling),
                "rounding_low": low,
                "rounding_high": high,
                "images_low": by_images[0],
                "images_high": by_images[1],
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rounded(*accuracies: float) -> tuple[float, float]:
    """Give the least and the largest PGR that rounds to these accuracies."""
    ends = [(value - HALF_DIGIT, value + HALF_DIGIT) for value in accuracies]
    # PGR is monotone in each accuracy: its extremes are at corners.
    corners = [recovered(*corner) for corner in itertools.product(*ends)]
    return min(corners), max(corners)


def _by_images(*accuracies: float) -> tuple[float, float]:
    """Give Fieller's interval of PGR for independent test errors."""
    teacher, student, ceiling = (value / 100 for value in accuracies)
    spread = [value * (1 - value) / IMAGES for value in (teacher, student, ceiling)]
    reach = np.array([[spread[0] + spread[1], spread[0]], [spread[0], spread[0] + spread[2]]])
    found = fieller(student - teacher, ceiling - teacher, NORMAL**2 * reach)
    assert found is not None  # the gaps are eleven and more standard errors wide
    return found


def _panel(columns: dict[str, list[Any]]) -> Panel:
    """Draw PGR against the gap that it divides by: how far it can be trusted."""
    curves = [
        Curve(student, "published", (ceiling - teacher,), (pgr,), note="printed accuracies, in percent")
        for student, (teacher, _, ceiling, pgr) in PUBLISHED.items()
    ]
    ends = ("pgr_of_accuracies", "pgr_of_accuracies_low", "pgr_of_accuracies_high")
    for row, teacher in enumerate(columns["teacher"]):
        gap = 100 * (columns["accuracy_ceiling"][row] - columns["accuracy_teacher"][row])
        value, low, high = ((columns[name][row],) for name in ends)
        curves.append(Curve(f"{teacher}, at hand", "measured", (gap,), value, low, high, "mean over trials"))
    return Panel(
        title="PGR of accuracies against the gap it divides by",
        x_name="ceiling less teacher, in points of accuracy",
        y_name="PGR of accuracies",
        curves=tuple(curves),
        x_log=False,
        rule=0.0,
    )


def _movies(movies: Movies) -> tuple[AtHand, RaterSigns]:
    """Take the embedded reviews as two classes: whether a film is liked."""
    train, test = np.flatnonzero(~movies.is_test), np.flatnonzero(movies.is_test)
    votes = []
    for row in train:
        values = movies.raters[row]
        sides = values[values != 0]
        # Of a text that nobody takes a side on, the mean is 0: it counts as disliked, as on the test rows.
        votes.append(sides if len(sides) else np.array([-1], dtype=values.dtype))
    *teachers, student = movies.features
    rows = AtHand(
        views=movies.features,
        teachers=tuple(teachers),
        student=student,
        train=train,
        test=test,
        y=one_hot(movies.rating > 0),
        classes=("disliked", "liked"),
        left_out=0,
        checks=(),
    )
    return rows, RaterSigns(tuple(movies.ids[row] for row in train), tuple(votes))


def _spread(name: str, ends: Ends) -> dict[str, float | None]:
    named = zip((name, f"{name}_low", f"{name}_high"), ends, strict=False)
    return {key: None if np.isnan(value.item()) else float(value.item()) for key, value in named}


def _setting(rows: AtHand, options: CeilingTableOptions, labels: RaterSigns | None, n: int, N: int) -> str:
    what = "the user's feature sets" if labels is None else "the embedded movie reviews, liked or not"
    return (
        f"The published table by arithmetic. At hand: {what}; teachers {', '.join(rows.teachers)}, student"
        f" {rows.student}; n = {n:,} labelled and N = {N:,} unlabelled rows of {len(rows.train):,},"
        f" {len(rows.test):,} test rows, {options.seeds} trials; squared loss on one-hot classes, tuned"
        " ridge."
    )


def _because(comparisons: Sequence[Comparison], columns: dict[str, list[Any]]) -> str:
    low, high = _rounded(*PUBLISHED["DINO ResNet-50"][:3])
    said = " and ".join(f"{each.ours:.3f}" for each in comparisons)
    found = columns["pgr_of_accuracies"]
    resolved = sum(value is not None for value in found)
    return (
        f"The accuracies printed give {said}; that is arithmetic, and rounding alone leaves the first between"
        f" {low:.3f} and {high:.3f}. At hand, {resolved} of {len(found)} teachers are worse than their"
        " ceiling by more than chance, so that there is a PGR."
    )


def _without_pseudo_labels(columns: dict[str, list[Any]]) -> str:
    """Say what PGR does not: whether the labelled rows alone would have done."""
    told = "PGR does not ask whether the labelled rows alone would have done: the baseline's accuracy does."
    named = ("teacher", "pgr_of_accuracies", "accuracy_student", "accuracy_baseline")
    beaten = [
        f"{teacher} (PGR {pgr:.2f}, student {student:.1%}, baseline {baseline:.1%})"
        for teacher, pgr, student, baseline in zip(*(columns[name] for name in named), strict=True)
        if pgr is not None and pgr > 0 and baseline > student
    ]
    if beaten:
        told += f" Here the baseline beats a student of positive PGR with {'; '.join(beaten)}."
    return told


def _first_gains() -> str:
    return " and ".join(f"{recovered(*accuracies):.3f}".lstrip("0") for accuracies in FIRST.values())


def _notes(rows: AtHand, labels: RaterSigns | None, columns: dict[str, list[Any]]) -> tuple[str, ...]:
    notes = [
        "PGR is a ratio of two differences, and a table of three numbers gives it no interval: where the"
        " ceiling is close to the teacher the ratio says little. The same holds, less so, of the published"
        " table: it is what the public repository prints today, and with the same commands its first commits"
        f" printed accuracies whose PGR are {_first_gains()}.",
        "Accuracy and squared error may disagree: predictions that are less sure but of the right class cost"
        " squared error and no accuracy. Both PGRs are given.",
        _without_pseudo_labels(columns),
    ]
    if labels is not None:
        notes.append(
            "Reviews: the class is whether the mean rating is above 0, and test rows are held against it."
            " Labels to train on are raters': the vote of one who took a side, drawn anew by each trial,"
            f" which is that of the majority in {labels.agreement:.0%} of cases on average. So label noise is"
            " real, and no model sees the mean. The features are leading principal components of the"
            " encoders'."
        )
    if rows.left_out:
        notes.append(f"{rows.left_out:,} rows without labels were left out.")
    return tuple(notes)


def _config(options: CeilingTableOptions) -> dict[str, Any]:
    rows = {} if options.rows is None else options.rows.model_dump(mode="json", exclude_none=True)
    return {**rows, "seeds": options.seeds, "alphas": options.alphas}

"""The table of weak-to-strong accuracies in vision (Burns et al., 2023), and the same for models at hand.

The public repository prints accuracies on ImageNet of a weak teacher, of two students taught by it, and of
their ceilings. What three numbers cannot hold is how sure their PGR is: how far rounding and the test images
alone could move it is worked out here. Models at hand are given intervals over trials.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.intervals.fieller import fieller
from outgrow.reproductions.at_hand import AtHand, models_at_hand
from outgrow.reproductions.experiment import Experiment, MeasuredWay, Measurements, Sizes
from outgrow.reproductions.rated_rows import liked_or_not
from outgrow.reproductions.reproduction import (
    MODELS,
    Comparison,
    Reproduction,
    Table,
    columns_of,
    with_ends,
)
from outgrow.results import Estimate
from outgrow.study.curves import Curve, Panel
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.summary import Tuned, mean_and_ends, ratios
from outgrow.sweeps.sweep_outcome import PairDimensions

SHARE = 0.2
"""Share of the rows to test on by default."""

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
            interval=rounded(*accuracies),
        )
        for student, (*accuracies, pgr) in PUBLISHED.items()
    )


def doubts() -> Table:
    """Say how far rounding, and test images, could move each published PGR."""
    rows = []
    for student, (*accuracies, pgr) in PUBLISHED.items():
        bounds, sampling = rounded(*accuracies), by_images(*accuracies)
        rows.append(
            {
                "teacher": TEACHER, "student": student, "accuracy_teacher": accuracies[0],
                "accuracy_student": accuracies[1], "accuracy_ceiling": accuracies[2], "pgr_published": pgr,
                "pgr_recomputed": recovered(*accuracies), "rounding_low": bounds[0],
                "rounding_high": bounds[1], "images_low": sampling[0], "images_high": sampling[1],
            }
        )  # fmt: skip
    return Table(
        "published",
        "The published table, and how sure its PGR can be",
        columns_of(rows),
        "Rounding: all accuracies moved by half their last digit. Test images: a normal interval at"
        f" level .90 for {IMAGES:,} images, as if the three models erred independently. Models tend"
        " to err on the same images, which makes it narrower by an amount that the table does not"
        " tell. Neither holds what training anew would change.",
    )


def rounded(*accuracies: float) -> tuple[float, float]:
    """Give the least and the largest PGR that rounds to these accuracies."""
    ends = [(value - HALF_DIGIT, value + HALF_DIGIT) for value in accuracies]
    # PGR is monotone in each accuracy: its extremes are at corners.
    corners = [recovered(*corner) for corner in itertools.product(*ends)]
    return min(corners), max(corners)


def by_images(*accuracies: float) -> tuple[float, float]:
    """Give Fieller's interval of PGR for independent test errors."""
    teacher, student, ceiling = (value / 100 for value in accuracies)
    spread = [value * (1 - value) / IMAGES for value in (teacher, student, ceiling)]
    reach = np.array([[spread[0] + spread[1], spread[0]], [spread[0], spread[0] + spread[2]]])
    interval = fieller(student - teacher, ceiling - teacher, NORMAL**2 * reach)
    assert interval is not None  # the gaps are eleven and more standard errors wide
    return interval


def read(asked: ReproduceConfig, _level: float, permissions: Permissions, progress: Progress) -> AtHand:
    """Take the embedded reviews, or the user's classes."""
    if asked.rows() is None:
        return liked_or_not()
    rows = models_at_hand(asked, SHARE, permissions=permissions, progress=progress)
    if not rows.classes:
        raise ConfigError(
            "the labels are numbers, and accuracies are of classes",
            "--task",
            "Give labels that are classes, or --task classification.",
        )
    return replace(rows, unit="the user's feature sets")


def at_hand_table(way: MeasuredWay, pairs: Sequence[PairDimensions]) -> dict[str, list[Any]]:
    """Lay the accuracies of a sweep at one n and N out as the published table has them."""
    accuracy, rows = Tuned(way.table, way.grid, "accuracy"), []
    for pair in pairs:
        right = {model: accuracy.of(model, pair.weak, pair.strong) for model in MODELS}
        row: dict[str, Any] = {
            "teacher": pair.weak, "student": pair.strong, "n": way.grid.n[0], "N": way.grid.N[0],
        }  # fmt: skip
        for model in MODELS:
            row |= with_ends(f"accuracy_{model}", mean_and_ends(right[model]), (0, 0, 0))
        # PGR of shares of wrong classes is that of accuracies: both differences change their sign.
        wrong = {model: 1 - values for model, values in right.items()}
        squared = way.risks((pair.weak, pair.strong))
        for name, values in (("pgr_of_accuracies", wrong), ("pgr_of_squared_errors", squared)):
            ends = ratios(values, excess=False)["pgr"]
            row |= with_ends(name, ends, (0, 0, 0)) | {f"{name}_undefined": ends[3].item()}
        value = pair.d_sw.value if isinstance(pair.d_sw, Estimate) else None
        row |= {"d_w": pair.d_w, "d_s": pair.d_s, "d_sw": value, "d_sw_by_d_w": value and value / pair.d_w}
        rows.append(row)
    return columns_of(rows)


def tell(measurements: Measurements) -> Reproduction:
    """Recompute the published table, and lay out the same for models at hand."""
    rows, (n, N), (way,) = measurements.rows, measurements.at, measurements.ways
    columns, comparisons = at_hand_table(way, measurements.pairs), published()
    low, high = rounded(*PUBLISHED["DINO ResNet-50"][:3])
    pgrs = " and ".join(f"{each.ours:.3f}" for each in comparisons)
    gains = columns["pgr_of_accuracies"]
    resolved = sum(value is not None for value in gains)
    return Reproduction(
        **measurements.about(),
        setting=(
            f"The published table by arithmetic. At hand: {rows.unit}; teachers {', '.join(rows.teachers)},"
            f" student {rows.student}; n = {n:,} labelled and N = {N:,} unlabelled rows of"
            f" {len(rows.train):,}, {len(rows.test):,} test rows, {way.grid.seeds} trials; squared loss on"
            " one-hot classes, tuned ridge."
        ),
        verdict="matches" if all(each.matches for each in comparisons) else "does not match",
        because=(
            f"The accuracies printed give {pgrs}; that is arithmetic, and rounding alone leaves the first"
            f" between {low:.3f} and {high:.3f}. At hand, {resolved} of {len(gains)} teachers are worse than"
            " their ceiling by more than chance, so that there is a PGR."
        ),
        comparisons=comparisons,
        panels=(_panel(columns),),
        tables=(
            doubts(),
            Table(
                "at_hand",
                "The same table for models at hand",
                columns,
                "Means over trials (draws of labelled rows and pool) with intervals at level .90; penalties"
                " of each trial are those best on the others. An empty PGR is undefined: the reason stands"
                " beside.",
            ),
        ),
        notes=(*_notes(columns), *rows.notes),
    )


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


def _notes(columns: dict[str, list[Any]]) -> tuple[str, ...]:
    first = " and ".join(f"{recovered(*accuracies):.3f}".lstrip("0") for accuracies in FIRST.values())
    # What PGR does not say: whether the labelled rows alone would have done.
    note = "PGR does not ask whether the labelled rows alone would have done: the baseline's accuracy does."
    named = ("teacher", "pgr_of_accuracies", "accuracy_student", "accuracy_baseline")
    beaten = [
        f"{teacher} (PGR {pgr:.2f}, student {student:.1%}, baseline {baseline:.1%})"
        for teacher, pgr, student, baseline in zip(*(columns[name] for name in named), strict=True)
        if pgr is not None and pgr > 0 and baseline > student
    ]
    if beaten:
        note += f" Here the baseline beats a student of positive PGR with {'; '.join(beaten)}."
    return (
        "PGR is a ratio of two differences, and a table of three numbers gives it no interval: where the"
        " ceiling is close to the teacher the ratio says little. The same holds, less so, of the published"
        " table: it is what the public repository prints today, and with the same commands its first commits"
        f" printed accuracies whose PGR are {first}.",
        "Accuracy and squared error may disagree: predictions that are less sure but of the right class cost"
        " squared error and no accuracy. Both PGRs are given.",
        note,
    )


CEILING_TABLE = Experiment(
    name="ceiling-table",
    title="PGR of accuracies: the published table in vision, and models at hand",
    source="C. Burns et al., Weak-to-Strong Generalization, 2023: ImageNet, public repository",
    read=read,
    rows="embedded",
    # As few labels as many users have, and ten times as many rows without; meant for the embedded reviews.
    sizes=Sizes((400,), (4_000,), (400, 4_000), 7_605),
    # Tuned heads on embeddings usually stand well inside these penalties.
    seeds=20,
    alphas=(1e-3, 1e-2, 0.1, 1.0, 10.0),
    tell=tell,
)
"""Burns et al.'s table."""

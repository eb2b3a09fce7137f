"""Ages from faces (Dong et al., 2025): PGR and ratios against n and N, one line per teacher, by noise level.

Like with like first: uncentred features, one tiny penalty, wide sets through a randomized SVD, raw test
errors, means over trials of each trial's ratio, as in the authors' public code. Then our way on the same
rows: intercepts, penalties chosen on other trials, ratios of means with intervals, and what is left of the
ratio once unpredictable ages are taken off. Numbers are held against the printed ones only where data, models
and sizes are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from outgrow.config import ReproduceConfig
from outgrow.reproductions.at_hand import AtHand, known_as, models_at_hand
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.experiment import Experiment, Measurements, Sizes, Way
from outgrow.reproductions.reproduction import (
    Comparison,
    Reproduction,
    Table,
    at_place,
    columns_of,
    verdict_of,
    with_ends,
)
from outgrow.study.curves import Curve
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import Ends, mean_and_ends, ratios
from outgrow.sweeps.sweep_outcome import PairDimensions

FACES = (23_708, 23_705)
"""Pictures of the published set, with and without the three whose names lack a part."""

TEST = 3_708
"""Test pictures, as published."""

SHARE = TEST / FACES[0]
"""Share of the pictures to test on."""

STUDENT, NOISY = "CLIP-B/32", "ResNet-50"
"""The published student, and the teacher whose noise levels were published."""

LABELS, POOL, TRIALS = 2_000, 10_000, 10
"""n and N of the numbers printed, and trials."""

PRINTED: Mapping[tuple[str, float], tuple[float, float]] = {
    ("ResNet-18", 0.0): (0.520, 0.541),
    ("ResNet-34", 0.0): (0.528, 0.553),
    ("ResNet-101", 0.0): (0.588, 0.657),
    ("ResNet-152", 0.0): (0.612, 0.676),
    (NOISY, 0.0): (0.584, 0.630),
    (NOISY, 5.0): (0.611, 0.784),
    (NOISY, 10.0): (0.676, 1.148),
    (NOISY, 20.0): (0.786, 2.321),
}
"""PGR and OPR by teacher and standard deviation of the noise added to labels, in years."""

RIDGE = 1e-6
"""The published penalty; scikit-learn's, m times ours, as the public code shows (sval / (sval^2 + ridge))."""

SKETCH = 768
"""Rank of the randomized SVD through which the public code fits wider sets: it keeps n = 2,000 labels away
from the 2,048 columns of ResNet-50 and deeper."""

ROUNDING = 5e-4
"""Half of the last digit printed."""

BOTH = 2**0.5
"""The published means vary over trials as ours do: a difference of two is this much wider."""


def read(asked: ReproduceConfig, _level: float, permissions: Permissions, progress: Progress) -> AtHand:
    """Read pictures or features, and ages."""
    changes = {"task": "regression", "layout": asked.layout}
    if asked.input and asked.layout == "auto":
        changes["layout"] = "utkface"
    config = asked.model_copy(update=changes)
    return models_at_hand(config, SHARE, "pictures without an age", permissions, progress)


def as_published(grid: SweepGrid, _rows: AtHand, _pairs: Sequence[PairDimensions]) -> SweepGrid:
    """Train as the public code does."""
    return replace(grid, alphas_w=(RIDGE,), alphas_s=(RIDGE,), unit="total", intercept=False, sketch=SKETCH)


def unlike(measurements: Measurements) -> tuple[str, ...]:
    """Say why nothing can be held against what is printed."""
    rows, at, trials = measurements.rows, measurements.at, measurements.grid.seeds
    teachers = list(dict.fromkeys(teacher for teacher, _ in PRINTED))
    reasons = {
        f"{rows.rows:,} pictures instead of {FACES[0]:,}": rows.rows not in FACES,
        f"{len(rows.test):,} test pictures instead of {TEST:,}": rows.rows in FACES
        and len(rows.test) != TEST,
        f"n = {at[0]:,} and N = {at[1]:,} instead of {LABELS:,} and {POOL:,}": at != (LABELS, POOL),
        # The intervals of fewer are so wide that nearly every number would lie within.
        f"{trials} trials instead of {TRIALS}": trials < TRIALS,
        f"the student is {rows.student} instead of {STUDENT}": known_as(rows.student, (STUDENT,)) is None,
        f"no teacher is one of {', '.join(teachers)}": not rows.known(teachers),
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def compare(measurements: Measurements, reasons: Sequence[str]) -> tuple[Comparison, ...]:
    """Hold every printed number against ours, or say why there is none."""
    way, out = measurements.ways[0], []
    names = measurements.rows.known([teacher for teacher, _ in PRINTED])
    for (teacher, level), printed in PRINTED.items():
        lacking = "; ".join(reasons)
        if not lacking and teacher not in names:
            lacking = f"no {teacher} is at hand"
        if not lacking and level not in way.grid.noise:
            lacking = "this noise level was not asked for"
        ours = {} if lacking else means_of_ratios(way.risks((names[teacher], measurements.rows.student)))
        noise_text = f"noise sd {level:g}" if teacher == NOISY else "no added noise"
        for quantity, value in zip(("pgr", "opr"), printed, strict=True):
            what = f"{quantity.upper()}, {teacher}, {noise_text}, n = {LABELS:,}, N = {POOL:,}"
            if lacking:
                out.append(Comparison(what, value, None, ROUNDING, f"not compared: {lacking}"))
                continue
            measured, low, high = at_place(ours[quantity], way.place(level, measurements.at))
            tolerance = ROUNDING + BOTH * (high - low) / 2
            reason = "rounding, and sampling errors of both (level .90, theirs taken to be as large as ours)"
            out.append(Comparison(what, value, measured, tolerance, reason, (low, high)))
    return tuple(out)


def because_of(comparisons: Sequence[Comparison], reasons: Sequence[str]) -> str:
    """Say why the verdict is as it is."""
    answers = [each.matches for each in comparisons if each.matches is not None]
    if not answers:
        return f"What is at hand is not what was published on: {'; '.join(reasons)}."
    sentence = f"{sum(answers)} of {len(answers)} printed numbers lie within the sampling error of both"
    why = "encoders may differ from the public code's in weights and in preparing pictures (see the notes)"
    return f"{sentence}." if all(answers) else f"{sentence}; {why}."


def means_of_ratios(risks: Mapping[str, np.ndarray]) -> dict[str, Ends]:
    """Give PGR and OPR as they are published: means over trials of each trial's ratio."""
    teacher, student = risks["teacher"], risks["student"]
    # A trial whose ceiling equals its teacher to the last digit makes such a mean infinite, as it is.
    with np.errstate(divide="ignore", invalid="ignore"):
        pgr, opr = (teacher - student) / (teacher - risks["ceiling"]), risks["baseline"] / student
        return {"pgr": mean_and_ends(pgr), "opr": mean_and_ends(opr)}


def ways_table(measurements: Measurements) -> Table:
    """Put both ways side by side; the floor is what the last of them cannot get below."""
    tuned = measurements.ways[-1].risks(measurements.rows.pairs[0])
    floor = float(np.min(mean_and_ends(tuned["ceiling"])[0]))
    rows = []
    for pair in measurements.rows.pairs:
        for noise in measurements.grid.noise:
            for each in measurements.ways:
                place, risks = each.place(noise, measurements.at), each.risks(pair)
                less = {model: values - floor for model, values in risks.items()}
                row: dict[str, Any] = {
                    "teacher": pair[0], "student": pair[1], "noise_sd": noise, "way": each.name,
                    "n": measurements.at[0], "N": measurements.at[1],
                }  # fmt: skip
                row |= {f"mse_{model}": float(values[place].mean()) for model, values in risks.items()}
                for name, ends in means_of_ratios(risks).items():
                    row |= with_ends(f"{name}_mean_of_ratios", ends, place)
                for name, ends in ratios(risks, excess=False).items():
                    row |= with_ends(f"{name}_ratio_of_means", ends, place)
                row |= with_ends("opr_less_floor", ratios(less, excess=True)["opr"], place)
                rows.append(row)
    return Table(
        "ways",
        "The published way and ours, at the sizes held",
        columns_of(rows),
        "Published ratios are means over trials of each trial's ratio, of raw test errors; ours are ratios"
        f" of means with Fieller's interval. The floor, {floor:.4g}, is the least mean test error of a tuned"
        " ceiling here: what no picture tells of an age, and a little more, so that ratios less the floor lie"
        " farther from 1 than those of excess risks. PGR is a ratio of differences and needs none. Ratios are"
        " missing where the trials do not resolve their denominator from zero.",
    )


def mark(quantity: str, line: tuple[str, str, float], axis: str, series: str) -> Curve | None:
    """Mark what is printed of a line."""
    teacher = known_as(line[0], [name for name, _ in PRINTED])
    printed = PRINTED.get((teacher or "", line[2]))
    if printed is None or quantity not in ("pgr", "opr_raw_mse"):
        return None
    x = float(LABELS if axis == "n" else POOL)
    return Curve(series, "published", (x,), (printed[quantity != "pgr"],), note="printed")


def tell(measurements: Measurements) -> Reproduction:
    """Hold the published way against what is printed, and show ours beside it."""
    reasons, (published, ours) = unlike(measurements), measurements.ways
    comparisons = compare(measurements, reasons)
    noisy = measurements.rows.known((NOISY,)).get(NOISY)
    years = ", ".join(f"{level:g}" for level in measurements.asked.noise)
    return Reproduction(
        **measurements.about(),
        setting=(
            f"{measurements.design('pictures')}; noise of sd {years} years added to labels trained on."
            f"{measurements.shrunk()} As published: no intercept, ridge {RIDGE:g}, sets wider than {SKETCH}"
            " through a randomized SVD of that rank. Our way: intercepts, and penalties of teacher and"
            " student chosen on the other trials."
        ),
        verdict=verdict_of(comparisons),
        because=because_of(comparisons, reasons),
        comparisons=comparisons,
        panels=(
            *level_panels(
                measurements,
                published,
                noise_teacher=noisy,
                prefix="as published, ",
                beside=None if reasons else mark,
            ),
            *level_panels(measurements, ours, noise_teacher=noisy, every_level=False, prefix="our way, "),
        ),
        tables=(
            dimension_table(measurements.pairs),
            ways_table(measurements),
            *(
                cell_table(each.cells, f"cells_{each.name.replace(' ', '_')}", each.name)
                for each in measurements.ways
            ),
        ),
        notes=(*NOTES, *measurements.rows.notes),
    )


NOTES = (
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
)
"""What the reader should bear in mind."""

UTKFACE = Experiment(
    name="utkface",
    title="Ages from faces: PGR and ratios of errors against n and N",
    source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (UTKFace)",
    read=read,
    # A decade of labels around those printed, past the widths 512 and 768; pools from twice the width of the
    # student on. The largest of both use 18,500 pictures.
    sizes=Sizes(
        (600, 1_000, 1_500, 2_000, 3_000, 4_500),
        (1_500, 2_500, 5_000, 7_500, 10_000, 14_000),
        (LABELS, POOL),
        FACES[1] - TEST,
    ),
    # Noise as published. What tuned heads want lies well inside these penalties.
    seeds=TRIALS,
    noise=(0.0, 5.0, 10.0, 20.0),
    alphas=(1e-3, 1e-2, 0.1, 1.0, 10.0),
    noise_name="noise sd",
    ways=(Way("as published", as_published), Way("our way")),
    tell=tell,
)
"""Dong et al. on UTKFace."""

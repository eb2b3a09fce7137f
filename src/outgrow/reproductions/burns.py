"""The published table of accuracies in vision, recomputed: PGR by arithmetic, and how sure it can be.

The public repository of Burns et al. (2023) prints accuracies on ImageNet of a weak teacher, of two students
taught by it, and of their ceilings. What three numbers cannot hold is how sure their PGR is: how far rounding
and the test images alone could move it is worked out here.
"""

from __future__ import annotations

import itertools

import numpy as np

from outgrow.intervals.fieller import fieller
from outgrow.reproductions.reproduction import Comparison, Table, columns_of

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
    found = fieller(student - teacher, ceiling - teacher, NORMAL**2 * reach)
    assert found is not None  # the gaps are eleven and more standard errors wide
    return found

"""Sentiment of phrases (Dong et al., 2025): PGR, ratios and accuracies against n and N, by teacher and noise.

Phrases of one sentence are near copies, so one is kept of each sentence, the longest: rows to train on, pool
and test then share none. No printed numbers are at hand; what the figures say is asked of ours in kind: does
PGR fall where a teacher shares more with its student, and does the ratio of errors rise with label noise?
"""

from __future__ import annotations

import numpy as np

from outgrow.config import ReproduceConfig
from outgrow.reproductions.at_hand import AtHand
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.experiment import Experiment, Measurements, Sizes
from outgrow.reproductions.in_kind import in_kind
from outgrow.reproductions.reproduction import MODELS, Reproduction
from outgrow.reproductions.sentences import sentences_at_hand
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.figure import TITLES
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import Tuned, ratios

OF_ACCURACIES = {
    **TITLES,
    "pgr": "PGR of accuracies",
    "opr_raw_mse": "ratio of shares wrong (baseline / student)",
}
"""What quantities are called where errors are shares of wrong classes."""


def read(asked: ReproduceConfig, _level: float, permissions: Permissions, progress: Progress) -> AtHand:
    """Read one phrase of each sentence."""
    return sentences_at_hand(asked, permissions, progress)


def accuracy_cells(right: Tuned, grid: SweepGrid) -> dict[str, np.ndarray]:
    """Give PGR and ratio of the shares of wrong classes."""
    rows = []
    for weak, strong in grid.pairs:
        wrong = {model: 1 - right.of(model, weak, strong) for model in MODELS}
        for quantity, (value, low, high, reason) in ratios(wrong, excess=False).items():
            for l, i, j in np.ndindex(value.shape):
                rows.append(
                    {
                        "quantity": quantity, "weak": weak, "strong": strong, "n": grid.n[i], "N": grid.N[j],
                        "noise": grid.noise[l], "value": value[l, i, j], "low": low[l, i, j],
                        "high": high[l, i, j], "seeds": grid.seeds, "reason": reason[l, i, j],
                    }
                )  # fmt: skip
    texts = ("quantity", "weak", "strong", "reason")
    return {
        name: np.array([row[name] for row in rows], dtype=object if name in texts else None)
        for name in rows[0]
    }


def tell(found: Measurements) -> Reproduction:
    """Show the published figures, and ask what they say."""
    (way,) = found.ways
    by_accuracy = accuracy_cells(Tuned(way.table, way.grid, "accuracy"), way.grid)
    kinds, said = in_kind(way, found.pairs, found.at, found.experiment.noise_name)
    notes = [
        "Encoders are frozen, and heads linear; the authors' public scripts for it train whole encoders.",
        "Labels to train on are swapped, those of the test are left as they are: risks hold the published"
        " labels' own noise, whose size is not known, and ratios are of raw errors.",
    ]
    if way.grid.head == "logistic":
        notes.append("Risks are cross-entropies, in nats.")
    return Reproduction(
        **found.about(),
        setting=f"{found.design(found.rows.unit)}; {found.training()}",
        verdict="not compared",
        because=(
            "What was published of this experiment are figures, of other encoders, and no numbers printed are"
            f" at hand to hold ours against. In kind: {said}."
        ),
        panels=(
            *level_panels(found, way),
            *level_panels(
                found,
                way,
                cells=by_accuracy,
                every_level=False,
                prefix="shares of wrong classes: ",
                titles=OF_ACCURACIES,
            ),
        ),
        tables=(
            dimension_table(found.pairs),
            kinds,
            cell_table(way.cells),
            cell_table(by_accuracy, "cells_by_accuracy", "PGR and ratio of the shares of wrong classes"),
        ),
        notes=(*notes, *found.rows.notes),
    )


SST2 = Experiment(
    name="sst2",
    title="Sentiment of phrases: PGR and ratios of errors against n and N",
    source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (SST-2)",
    read=read,
    # Meant for four fifths of the sentences in GLUE's training table: the largest sizes take all but some
    # that do not fill a block. Held are few labels, where weak teachers are asked.
    sizes=Sizes((50, 100, 200, 400, 800, 1_400), (500, 1_000, 2_000, 4_000), (400, 4_000), 5_508),
    # Noise as published; the best penalties of every stage lie between the ends.
    noise=(0.0, 0.1, 0.2, 0.3),
    alphas=(0.1, 1.0, 10.0, 100.0),
    more={"head": "squared"},
    noise_name="swapped labels",
    tell=tell,
)
"""Dong et al. on SST-2."""

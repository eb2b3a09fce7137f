"""Digits in misleading colours (Dong et al., 2025): PGR and OPR against n and N, by teacher and label noise.

Two classes, digits below 5 and others; a share of labels is flipped, and colour follows the flipped label, so
that noise is in the pictures too. Each noise level is its own set of pictures, encoded anew. Precomputed
features have the colours that they have: noise is then drawn in the labels to train on alone.
"""

from __future__ import annotations

import numpy as np

from outgrow.config import ReproduceConfig
from outgrow.data.idx import read_idx
from outgrow.data.join import Joined
from outgrow.data.labels import LabelTable
from outgrow.data.raw import RawRows
from outgrow.errors import ConfigError
from outgrow.features.model_spec import parse_model
from outgrow.reproductions.at_hand import AtHand, models_at_hand, parted, read_apart
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.experiment import Experiment, Measurements, Sizes
from outgrow.reproductions.reproduction import Reproduction, Table
from outgrow.reproductions.runner import grid_of
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.grid import check_grid
from outgrow.sweeps.layout import check_sizes
from outgrow.worlds.coloured_digits import FLIPS, coloured, some_pictures

SHARE = 0.1
"""Share of the pictures to test on, as published: 7,000 of 70,000."""

NOISY = ("ResNet-101", "ResNet-50", "ResNet-34", "ResNet-18")
"""Teachers whose noise levels are drawn: the first that is at hand, else the first teacher."""


def read(asked: ReproduceConfig, level: float, permissions: Permissions, progress: Progress) -> AtHand:
    """Colour the digits of one noise level and encode them; or read features."""
    if not asked.input:
        config = asked.model_copy(update={"task": "classification"})
        return models_at_hand(config, SHARE, "rows without a class", permissions, progress)
    if asked.labels or asked.split_column:
        raise ConfigError(
            "labels and parts of coloured digits are drawn",
            "--labels" if asked.labels else "--split-column",
            "Leave it out; or give features instead of pictures (--input).",
        )
    grey = read_idx(asked.input)
    if asked.pictures is not None:
        grey = some_pictures(grey, asked.pictures, asked.seed)
    # Environments are pooled, as published: a third of the colours misleads.
    made = coloured(grey, FLIPS, label_noise=level, seed=asked.seed).rows
    assert made.labels is not None
    _check_before_encoding(asked, made, made.labels)
    labels = LabelTable(ids=made.ids, values=made.labels, source=made.source)
    return read_apart(asked, SHARE, labels, made, (), permissions, progress)


def _check_before_encoding(asked: ReproduceConfig, made: RawRows, labels: np.ndarray) -> None:
    """Refuse sizes, penalties and the like that need no features to be seen as wrong."""
    names = [parse_model(entry, made.kind).name for entry in (*asked.weak, asked.strong)]
    column = np.arange(len(made.ids), dtype=np.float64)[:, None]
    joined = Joined(made.ids, (column,) * len(asked.weak), column, labels)
    rows = parted(joined, names, asked.test or SHARE, asked.seed)
    grid, _ = grid_of(COLOREDMNIST, asked, rows, (0.0,))
    check_grid(rows, grid)
    check_sizes(len(rows.train), grid)


def tell(measurements: Measurements) -> Reproduction:
    """Show the published figures."""
    (way,) = measurements.ways
    at_hand = measurements.rows.known(NOISY)
    noisy = next((at_hand[each] for each in NOISY if each in at_hand), None)
    return Reproduction(
        **measurements.about(),
        setting=f"{measurements.design('pictures')}; {measurements.training()}",
        verdict="not compared",
        because=(
            "What was published of this experiment are figures, and no numbers printed are at hand to hold"
            " ours against: the panels are those figures, with intervals, for the models named."
        ),
        panels=tuple(level_panels(measurements, way, noise_teacher=noisy)),
        tables=(*_dimension_tables(measurements), cell_table(way.cells)),
        notes=_notes(measurements),
    )


def _dimension_tables(measurements: Measurements) -> tuple[Table, ...]:
    if len(measurements.sets) == 1:
        return (dimension_table(measurements.pairs),)
    return tuple(
        dimension_table(
            pairs,
            f"dimensions_{level:g}".replace(".", "_") if place else "dimensions",
            f", {measurements.experiment.noise_name} {level:g}",
        )
        for place, (pairs, level) in enumerate(
            zip(measurements.dimensions, measurements.grid.noise, strict=True)
        )
    )


def _notes(measurements: Measurements) -> tuple[str, ...]:
    first = (
        "Published heads are logistic, fitted without a penalty by a fixed number of steps of L-BFGS,"
        " and scored by the squared error of their probabilities. Here the loss fitted is the one scored."
    )
    if not measurements.asked.input:
        given = (
            "Features were given: whatever their colours follow, classes of the rows to train on are swapped"
            " at random beyond that, and test labels are left as they are."
        )
        return (first, given, *measurements.rows.notes)
    return (
        first,
        "As published, colour follows the flipped label: a flip shows in the picture, and test labels are"
        " flipped at the same rate. Risks hold what no model can know; ratios of them are of raw errors.",
        f"Environments are pooled: colours disagree with the label with probability"
        f" {', '.join(f'{chance:g}' for chance in FLIPS.values())}, a third of the pictures each.",
        "Every noise level is encoded anew, for its pictures differ; lines carry the d_sw/d_w of the"
        " lowest level, and the tables hold that of each.",
    )


COLOREDMNIST = Experiment(
    name="coloredmnist",
    title="Digits in misleading colours: PGR and OPR against n and N",
    source="Y. Dong, Y. Li, Y. Li, J. D. Lee and Q. Lei, Discrepancies are Virtue, 2025 (ColoredMNIST)",
    read=read,
    # The ranges of the authors' public code and the sizes it holds, as far as the largest n leaves pictures.
    sizes=Sizes(
        (600, 2_000, 6_000, 12_000, 18_000),
        (1_500, 5_000, 12_000, 22_000, 33_000, 45_000),
        (12_000, 33_000),
        63_000,
    ),
    # Noise as published. Tuned heads on embeddings usually stand well inside these penalties; the published
    # heads have none, and stop after a fixed number of steps of L-BFGS.
    noise=(0.0, 0.1, 0.2, 0.3),
    alphas=(1e-3, 1e-2, 0.1, 1.0, 10.0),
    more={"head": "squared", "pictures": None},
    noise_name="flipped labels",
    apart=True,
    tell=tell,
)
"""Dong et al. on digits in colour."""

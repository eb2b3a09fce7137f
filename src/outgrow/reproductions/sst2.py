"""Sentiment of phrases (Dong et al., 2025): PGR, ratios and accuracies against n and N, by teacher and noise.

Phrases of one sentence are near copies, so one is kept of each sentence, the longest: rows to train on, pool
and test then share none. No printed numbers are at hand; what the figures say is asked of ours in kind: does
PGR fall where a teacher shares more with its student, and does the ratio of errors rise with label noise?
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outgrow.config import LabelConfig
from outgrow.data.labels import LabelTable
from outgrow.data.open_table import open_table
from outgrow.data.raw import RawRows
from outgrow.data.texts import USUAL, read_texts
from outgrow.errors import ConfigError, DataError
from outgrow.reproductions.at_hand import AtHand, label_options, models_at_hand, read_apart
from outgrow.reproductions.by_level import cell_table, dimension_table, level_panels
from outgrow.reproductions.experiment import Experiment, Measurements, Sizes
from outgrow.reproductions.in_kind import in_kind
from outgrow.reproductions.reproduction import MODELS, Reproduction
from outgrow.study.sources import Permissions, Progress
from outgrow.sweeps.figure import TITLES
from outgrow.sweeps.grid import SweepGrid
from outgrow.sweeps.summary import Tuned, laid_out, ratios
from outgrow.worlds.sst2_phrases import sentence_groups

OF_ACCURACIES = {
    **TITLES,
    "pgr": "PGR of accuracies",
    "opr_raw_mse": "ratio of shares wrong (baseline / student)",
}
"""What quantities are called where errors are shares of wrong classes."""

SHARE = 0.2
"""Share of the sentences to test on."""

TEXTS = ("sentence", *USUAL)
"""What the column of texts is called by default: GLUE's name, and the usual one."""

COPIES = (
    "phrases that are part of a longer one were left out: copies of labelled rows in the pool or the test"
    " would make every gain look larger or smaller than it is."
)
"""Why phrases are left out."""

UNKNOWN = (
    "The table holds no phrases, so that sentences are not known: rows to train on and pool may share"
    " some, and what labels say of them is then known of their copies. Test rows share none where a"
    " group column names the sentence. Give the phrases in a column 'sentence' to keep one of each."
)
"""What it means that there are none."""


def read(asked: LabelConfig, _level: float, permissions: Permissions, progress: Progress | None) -> AtHand:
    """Read one phrase of each sentence, the longest.

    Without phrases all rows are taken, those of one group on one side of the test where a group is named.
    """
    config = LabelConfig(**{**label_options(asked), "task": "classification"})
    table = config.labels or config.input
    if table is None:
        raise ConfigError(
            "neither phrases nor labels are named", "--labels", "Name a table of phrases and labels."
        )
    # Phrases come from the raw rows where models read them, else from beside the labels.
    source = config.input or table
    column = _text_column(config, source)
    if column is None or (config.labels and config.input):
        rows = models_at_hand(config, SHARE, "rows without a class", permissions, progress)
        return replace(rows, notes=(UNKNOWN, *rows.notes))
    phrases = read_texts(
        source,
        text_column=column,
        id_column=config.id_column,
        label_column=config.label_column,
        on_error=config.on_error,
    )
    if phrases.labels is None:
        raise DataError("the phrases have no labels", source, "Name their column: --label-column.")
    kept = longest_of_each(phrases)
    assert kept.labels is not None
    labels = LabelTable(ids=kept.ids, values=kept.labels, source=kept.source)
    beside = (*TEXTS, *config.text_column, *filter(None, (config.label_column,)))
    made = kept if config.input else None
    rows = read_apart(config, SHARE, labels, made, beside, permissions, progress)
    left = len(phrases.ids) - len(kept.ids)
    return replace(rows, unit="sentences, the longest phrase of each,", notes=(f"{left:,} {COPIES}",))


def _text_column(config: LabelConfig, source: str) -> str | None:
    if config.text_column:
        return config.text_column[0]
    names = open_table(source).names
    return next((name for name in TEXTS if name in names), None)


def longest_of_each(phrases: RawRows) -> RawRows:
    """Keep the longest phrase of each sentence."""
    plain = [" ".join(text.split()) for text in phrases.items]
    groups = sentence_groups(phrases.items)
    seen: set[str] = set()
    kept = []
    for row, text in enumerate(plain):
        if text == groups[row] and text not in seen:
            seen.add(text)
            kept.append(row)
    return replace(
        phrases,
        ids=phrases.ids[kept],
        items=[phrases.items[row] for row in kept],
        labels=None if phrases.labels is None else phrases.labels[kept],
    )


def accuracy_cells(right: Tuned, grid: SweepGrid) -> dict[str, np.ndarray]:
    """Give PGR and ratio of the shares of wrong classes."""
    wrong = {pair: {model: 1 - right.of(model, *pair) for model in MODELS} for pair in grid.pairs}
    cells = laid_out({pair: ratios(errors, excess=False) for pair, errors in wrong.items()}, grid)
    return {name: values for name, values in cells.items() if name not in ("alpha_w", "alpha_s")}


def tell(measurements: Measurements) -> Reproduction:
    """Show the published figures, and ask what they say."""
    (way,) = measurements.ways
    by_accuracy = accuracy_cells(Tuned(way.table, way.grid, "accuracy"), way.grid)
    kinds, answer = in_kind(way, measurements.pairs, measurements.at, measurements.experiment.noise_name)
    notes = [
        "Encoders are frozen, and heads linear; the authors' public scripts for it train whole encoders.",
        "Labels to train on are swapped, those of the test are left as they are: risks hold the published"
        " labels' own noise, whose size is not known, and ratios are of raw errors.",
    ]
    if way.grid.head == "logistic":
        notes.append("Risks are cross-entropies, in nats.")
    return Reproduction(
        **measurements.about(),
        setting=f"{measurements.design(measurements.rows.unit)}; {measurements.training()}",
        verdict="not compared",
        because=(
            "What was published of this experiment are figures, of other encoders, and no numbers printed are"
            f" at hand to hold ours against. In kind: {answer}."
        ),
        panels=(
            *level_panels(measurements, way),
            *level_panels(
                measurements,
                way,
                cells=by_accuracy,
                every_level=False,
                prefix="shares of wrong classes: ",
                titles=OF_ACCURACIES,
            ),
        ),
        tables=(
            dimension_table(measurements.pairs),
            kinds,
            cell_table(way.cells),
            cell_table(by_accuracy, "cells_by_accuracy", "PGR and ratio of the shares of wrong classes"),
        ),
        notes=(*notes, *measurements.rows.notes),
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

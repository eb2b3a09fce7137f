"""One phrase of each sentence, the longest: rows that share no sentence, for SST-2 and tables like it.

Phrases cut from one sentence are near copies. Kept side by side they would stand on both sides of a test, and
among labelled rows and pool, where a student would meet what its teacher was trained on.
"""

from __future__ import annotations

from dataclasses import replace

from outgrow.config import LabelConfig
from outgrow.data.labels import LabelTable
from outgrow.data.open_table import open_table
from outgrow.data.raw import RawRows
from outgrow.data.texts import USUAL, read_texts
from outgrow.errors import ConfigError, DataError
from outgrow.reproductions.at_hand import AtHand, label_options, models_at_hand, read_apart
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.worlds.sst2_phrases import sentence_groups

SHARE = 0.2
"""Share of the sentences to test on."""

TEXTS = ("sentence", *USUAL)
"""What the column of texts is called where nobody says: GLUE's name, and the usual one."""

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


def sentences_at_hand(
    config: LabelConfig, permissions: Permissions = NOTHING, progress: Progress | None = None
) -> AtHand:
    """Read one phrase of each sentence, the longest.

    Without phrases all rows are taken, those of one group on one side of the test where a group is named.
    """
    config = LabelConfig(**{**label_options(config), "task": "classification"})
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

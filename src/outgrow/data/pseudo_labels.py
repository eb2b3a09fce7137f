"""Pseudo-labels of a teacher that is no model, read as what they are: a weak feature set of few columns.

A rule's score, a system's probabilities or a judge's words need not be on the scale of the labels: what
they are worth is fitted to the labels at hand, as any teacher is. So numbers are taken as they stand, a list
column as its entries, and words become a column each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from outgrow.data.features_file import FeatureTable, as_features
from outgrow.data.files import check_ids, ending_of, missing_column, quoted, row_numbers
from outgrow.data.labels import label_values, missing_marks, present_mask
from outgrow.data.open_table import FORMATS, open_table
from outgrow.data.tables import Table, as_ids
from outgrow.data.task import MAX_CLASSES
from outgrow.data.text_tables import PLAIN, TextStyle
from outgrow.data.written_labels import id_in, looks_like, refuse_spellings
from outgrow.errors import ConfigError, DataError

MOST_WORDS = 100
"""Different words that a teacher may use: each is worth what the labels say of it, and more words than there
are labels are texts, ids or numbers written as no number is."""


def find_columns(
    entry: str, table: str | Path | None, id_column: str, style: TextStyle = PLAIN
) -> tuple[str, Path, tuple[str, ...]]:
    """Find the name, the file and the columns of "[NAME=]COLUMN[,COLUMN...]" or "[NAME=]FILE"."""
    present = [] if table is None else open_table(table, style).names
    name, equals, what = entry.partition("=")
    # A column may be called anything: the whole entry is looked for first.
    if entry in present or not equals:
        name, what = entry, entry
    if table is not None and what in present:
        return name, Path(table), (what,)
    file = Path(what)
    if ending_of(file) in FORMATS and (file.exists() or table is None):
        held = open_table(file, style)
        columns = tuple(column for column in held.names if column != id_in(held, id_column))
        return (name if equals else file.stem), file, columns
    if table is None:
        raise ConfigError(
            f"{what!r} is no table, and no table has columns to look for it in",
            "--pseudo-labels",
            f"Give a file ({', '.join(FORMATS)}), or name the table of the column by --labels.",
        )
    selected: list[str] = []
    for pattern in what.split(","):
        matching = [column for column in present if fnmatchcase(column, pattern)]
        if not matching:
            raise missing_column(table, pattern, present, "pseudo-label")
        selected += [column for column in matching if column not in selected]
    return name, Path(table), tuple(selected)


def read_pseudo_labels(
    path: Path,
    columns: Sequence[str],
    ids: np.ndarray,
    *,
    name: str,
    id_column: str = "id",
    classes: Sequence[Any] = (),
    style: TextStyle = PLAIN,
) -> FeatureTable:
    """Read a teacher's columns in the order of the rows, as a feature set with a name for every column."""
    table, where = open_table(path, style), str(path)
    blocks, names = [], []
    for column in columns:
        values, column_names = _numbers(table, column, where, classes, style)
        blocks.append(values)
        names += column_names
    both = np.hstack(blocks)
    key = id_in(table, id_column)
    given = None if key is None else as_ids(table.column(key), key, where)
    # Rows without ids are their numbers: only features without ids have the same.
    known = row_numbers(len(both)) if given is None else check_ids(given, where)
    place = {row: number for number, row in enumerate(known.tolist())}
    rows = np.array([place.get(row, -1) for row in ids.tolist()])
    if given is None and (rows < 0).all():
        raise DataError(
            f"rows without ids cannot be joined with the column {columns[0]!r}",
            where,
            f"Give the table a column {id_column!r}.",
        )
    both = np.where((rows >= 0)[:, None], both[rows], np.nan)
    lacking = np.isnan(both).any(axis=1)
    if lacking.any():
        raise DataError(
            f"the teacher {name!r} says nothing of {int(lacking.sum()):,} rows, such as"
            f" {quoted(ids[lacking], 3)}",
            where,
            "Give a pseudo-label for every row with features; where a rule abstains, a word such as 'none'.",
        )
    return as_features(both, ids=ids, name=name, source=path.name, columns=tuple(names))


def _numbers(
    table: Table, column: str, where: str, classes: Sequence[Any], style: TextStyle
) -> tuple[Float[np.ndarray, "m c"], list[str]]:
    """Turn a column into numbers, NaN where missing, and name what it became."""
    if column not in table.names:
        raise missing_column(where, column, list(table.names), "pseudo-label")
    held, kind = table.column(column), table.schema.field(column).type
    if pa.types.is_nested(kind):
        return _lists(held.to_pylist(), column, where)
    values = label_values(held, column, where, None, missing_marks(table), style)[0]
    if values.dtype == object:
        known = [item for item in values if item is not None]
        if known and all(item.startswith(("[", "{")) for item in known):  # as pandas writes them to text
            return _lists([None if item is None else _parsed(item) for item in values], column, where)
        return _words(values, sorted(set(known)), column, where)
    distinct = np.unique(values[present_mask(values)])
    # The numbers of three classes or more are names: a straight line through them would say nothing. Two are
    # the ends of a line anyway, and a score may be read off it.
    if len(classes) > 2 and len(distinct) <= max(MAX_CLASSES, len(classes)) and not (distinct % 1).any():
        return _words(values, distinct.tolist(), column, where)
    return values[:, None], [column]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _lists(rows: Sequence[Any], column: str, where: str) -> tuple[Float[np.ndarray, "m c"], list[str]]:
    # {"neg": .2, "pos": .8}: one number for each class.
    keys = list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
    rows = [[row.get(key) for key in keys] if isinstance(row, dict) else row for row in rows]
    width = next((len(row) for row in rows if isinstance(row, list)), 0)
    made = np.full((len(rows), width), np.nan)
    for number, row in enumerate(rows):
        if row is None:
            continue
        if not (
            isinstance(row, list) and len(row) == width and all(isinstance(x, (int, float)) for x in row)
        ):
            raise DataError(
                f"row {number} of column {column!r} holds {quoted([row])}",
                where,
                "Give a number for each class in every row: a list, or an object.",
            )
        made[number] = row
    if np.isinf(made).any():
        raise DataError(f"infinity in column {column!r}", where, "Correct or remove it.")
    return made, [f"{column}[{place}]" for place in keys or range(width)]


def _words(
    values: np.ndarray, words: Sequence[Any], column: str, where: str
) -> tuple[Float[np.ndarray, "m c"], list[str]]:
    if len(words) > MOST_WORDS:
        raise DataError(
            f"column {column!r} holds {len(words):,} different words, such as {quoted(words, 3)}",
            where,
            (looks_like(words[0]) or ("", ""))[1]
            or f"A teacher says numbers, lists of numbers, or one of at most {MOST_WORDS} words.",
        )
    refuse_spellings(map(str, words), f"{where}, column {column!r}")
    made = (values[:, None] == np.array(words, dtype=values.dtype)[None, :]).astype(np.float64)
    made[~present_mask(values)] = np.nan
    named = [f"{word:g}" if isinstance(word, float) else word for word in words]
    return made, [f"{column}: {word}" for word in named]


def combined(
    teachers: dict[str, FeatureTable],
) -> dict[str, tuple[FeatureTable, Float[np.ndarray, "columns d"]]]:
    """Make sets of several teachers: all columns together, and their average; each with what mixes columns.

    Every teacher counts by its own standard deviation, since scores come in any unit.
    """
    if len(teachers) < 2:
        return {}
    tables = list(teachers.values())
    widths = [table.values.shape[1] for table in tables]
    spread = [float(np.sqrt(table.values.var(axis=0).sum())) for table in tables]
    scale = np.repeat(1 / np.array(spread), widths)
    mixes = {"stacked": np.diag(scale)}
    if len(set(widths)) == 1:
        mixes = {f"average of {len(tables)}": np.tile(np.eye(widths[0]), (len(tables), 1)), **mixes}
        # Probabilities and classes of the same kind are in one unit already; scores are not.
        if widths[0] == 1:
            mixes[f"average of {len(tables)}"] = scale[:, None]
        mixes[f"average of {len(tables)}"] /= len(tables)
    both = np.hstack([table.values for table in tables])
    columns = tuple(column for table in tables for column in table.identity.columns)
    source = ", ".join(dict.fromkeys(table.identity.source for table in tables))
    return {
        name: (as_features(both @ mix, ids=tables[0].ids, name=name, source=source, columns=columns), mix)
        for name, mix in mixes.items()
    }

"""Ids under another name: a table without ids beside one with them is never joined by row number.

Its columns are looked through for the ids, and the one that holds them is named. Arrays have no columns: they
are matched by number, and check OG106 says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from outgrow.data.features_file import FeatureTable
from outgrow.data.files import quoted
from outgrow.data.labels import LabelTable
from outgrow.data.tables import Table, is_text
from outgrow.errors import DataError


def refuse_hidden_ids(features: Sequence[FeatureTable], labels: LabelTable | None) -> None:
    """Refuse tables without ids where others have them, or where two hold the same ids under another name."""
    known = [(table.identity.source or table.identity.name, table.ids) for table in features if table.has_ids]
    bare = [table.table for table in features if not table.has_ids and table.table is not None]
    if labels is not None and labels.has_ids:
        known.append((labels.source, labels.ids))
    elif labels is not None and labels.table is not None:
        bare.append(labels.table)
    for holder, ids in known:
        wanted = set(ids.tolist())
        for table in bare:
            columns = [
                name for name, values in _columns(table) if 2 * len(wanted & set(values)) >= len(values)
            ]
            if columns:
                raise DataError(
                    f"it has no ids, but its column {quoted(columns[:1])} holds those of {holder}",
                    table.where,
                    f"Say so: --id-column id,{columns[0]}.",
                )
    of_features = [table for table in features if table.has_ids]
    for table in bare if of_features else ():
        raise DataError(
            f"it has no ids, while {known[0][0]} has, and none of its columns holds them",
            table.where,
            "Give it a column of ids: rows in another order would be joined wrongly by their number.",
        )
    if not known:
        _refuse_two(bare)


def _refuse_two(bare: Sequence[Table]) -> None:
    """Refuse two tables that hold the same values in another order: their row numbers do not agree."""
    if len(bare) < 2:
        return
    columns = [(table, dict(_columns(table))) for table in bare]
    for place, (table, first) in enumerate(columns):
        for other, second in columns[place + 1 :]:
            for name, values in first.items():
                for another, theirs in second.items():
                    shared = len(set(values) & set(theirs))
                    if values != theirs and 2 * shared >= max(len(values), len(theirs)):
                        raise DataError(
                            f"neither it nor {other.where} has ids, but {quoted([name])} here and"
                            f" {quoted([another])} there hold the same values in another order",
                            table.where,
                            f"Say that these are the ids: --id-column {name}.",
                        )


def _columns(table: Table) -> Iterator[tuple[str, list[str]]]:
    """Give the columns that could be ids: text or whole numbers, each value once."""
    for field in table.schema:
        if not (is_text(field.type) or pa.types.is_integer(field.type)):
            continue
        try:
            values = table.column(field.name).cast(pa.large_string()).to_pylist()
        except (pa.ArrowException, UnicodeDecodeError):
            continue
        known = [value for value in values if value]
        if len(known) == len(values) == len(set(known)):
            yield field.name, known

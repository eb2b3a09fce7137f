"""Raw rows from a table: one or two columns of text, or of paths, and what stands beside them.

Rows that cannot be used stop the reading with their name, or are left out and listed; rows without an id get
one made of their content, pictures their path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import pyarrow as pa

from outgrow.data.files import check_ids, missing_column, row_name
from outgrow.data.labels import Beside, labels_beside
from outgrow.data.open_table import open_table
from outgrow.data.raw import RawRows, content_id, digest_of
from outgrow.data.tables import Table, is_text, the_only
from outgrow.data.text_tables import PLAIN, decoded
from outgrow.errors import ConfigError, DataError

OnError = Literal["fail", "skip"]
"""What is done about rows that cannot be read."""


def read_raw_table(
    source: str | Path,
    kind: Literal["text", "image"],
    columns: tuple[str, ...],
    usual: Sequence[str],
    made_of: Callable[[tuple[str, ...]], tuple[Any, bytes]],
    on_error: OnError,
    **beside: Unpack[Beside],
) -> RawRows:
    """Read raw rows; `made_of` gives the item and content of a row's texts, or raises a `DataError`.

    Where no columns are named, that of a `usual` name is meant, or the only one of text besides the others.
    """
    table = open_table(source, beside.get("style", PLAIN), keep_undecoded=True)
    where = table.where
    columns = columns or (_only_column(table, kind, usual, beside),)
    for name in columns:
        if name not in table.names:
            raise missing_column(where, name, table.names, kind)
    read = [_text_column(table, name, kind) for name in columns]
    bad = {row: why for _, reasons in reversed(read) for row, why in reasons.items()}
    texts: list[tuple[Any, ...]] = list(zip(*(column for column, _ in read), strict=True))
    made: dict[int, tuple[Any, bytes]] = {}
    for row in (row for row in range(len(texts)) if row not in bad):
        try:
            made[row] = made_of(texts[row])
        except DataError as error:
            bad[row] = error.what
    labels = labels_beside(table, leave_out=bad, **beside)
    skipped = refuse_or_list(bad, labels.ids if labels.has_ids else None, where, on_error)
    if not made:
        raise DataError(
            f"no rows with {'text' if kind == 'text' else 'pictures'}", where, "Give at least one."
        )
    kept = np.array(list(made), dtype=np.int64)
    contents = [content for _, content in made.values()]
    if labels.has_ids:
        ids = labels.ids[kept]
    elif kind == "text":
        ids = content_ids(contents)
    else:
        ids = check_ids(np.array([texts[row][0] for row in made], dtype=object), where)
    return RawRows(
        kind=kind,
        ids=ids,
        items=[item for item, _ in made.values()],
        digest=digest_of(zip(ids.tolist(), contents, strict=True)),
        labels=labels.values[kept] if labels.answers else None,
        groups=None if labels.groups is None else labels.groups[kept],
        split=None if labels.split is None else labels.split[kept],
        skipped=skipped,
        source=where,
        split_column=labels.split_column,
        checks=labels.checks,
        rows=kept,
    )


def _text_column(table: Table, name: str, kind: str) -> tuple[list[str | None], dict[int, str]]:
    """Read one column of text, None where there is none, and say why of every row that has none."""
    column = table.column(name)
    if not (is_text(column.type) or pa.types.is_null(column.type)):
        raise DataError(
            f"column {name!r} is of type {column.type}", table.where, f"The {kind} column must hold text."
        )
    # Parquet promises UTF-8 and nobody checks it.
    texts, reasons = decoded(column)
    bad = reasons | table.undecoded
    for row, text in enumerate(texts):
        if row not in bad and (text is None or not text.strip()):
            bad[row] = f"has no {kind} in column {name!r}"
    return texts, bad


def _only_column(table: Table, kind: str, usual: Sequence[str], beside: Beside) -> str:
    taken = {beside.get("id_column", "id"), beside.get("label_column") or "label"}
    taken |= {beside.get("split_column") or "split", beside.get("group_column") or ""}
    for name in usual:
        if name in table.names and name not in taken:
            return name
    candidates = [
        name for name in table.names if name not in taken and is_text(table.schema.field(name).type)
    ]
    return the_only(candidates, table, kind, usual[0])


def refuse_or_list(
    bad: dict[int, str], ids: np.ndarray | None, where: str, on_error: str
) -> tuple[tuple[str, str], ...]:
    """Stop at the first row that cannot be used, or list all of them."""
    if on_error not in ("fail", "skip"):
        raise ConfigError(f"{on_error!r} is not known", "--on-error", "Use fail or skip.")
    listed = tuple(
        (str(ids[row]) if ids is not None else f"row {row}", why) for row, why in sorted(bad.items())
    )
    if listed and on_error == "fail":
        more = f" (and {len(listed) - 1} more such rows)" if len(listed) > 1 else ""
        raise DataError(
            f"{row_name(ids, min(bad))} {listed[0][1]}{more}",
            where,
            "Correct it, or leave such rows out with --on-error skip.",
        )
    return listed


def content_ids(contents: Iterable[bytes]) -> np.ndarray:
    """Make ids of contents; the second row of one content gets "-2" behind its id, the third "-3".

    Equal rows are kept apart and not refused: real tables hold the same short text twice, with two labels.
    That they may stand on both sides of a split is what check OG101 tells.
    """
    seen: dict[str, int] = {}
    ids = []
    for content in contents:
        base = content_id(content)
        seen[base] = seen.get(base, 0) + 1
        ids.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return check_ids(np.array(ids, dtype=object), "ids made of contents")

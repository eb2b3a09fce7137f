"""Texts, or pairs of texts, from any table: one row per text, none lost without a word.

Rows without an id get one made of their content. Rows whose text is missing, blank or not UTF-8 stop the
reading with their name, or are left out and listed; texts themselves are never changed, not even stripped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from outgrow.data.files import check_ids, missing_column, row_name
from outgrow.data.labels import labels_beside
from outgrow.data.open_table import open_table
from outgrow.data.raw import RawRows, content_id, digest_of
from outgrow.data.text_columns import only_text_column, text_column
from outgrow.data.text_tables import PLAIN, TextStyle
from outgrow.errors import ConfigError, DataError

OnError = Literal["fail", "skip"]
"""What is done about rows that cannot be read."""

USUAL = ("text",)
"""What the column of texts is called where nobody says."""


def read_texts(
    source: str | Path,
    *,
    text_column: str | tuple[str, str] | None = None,
    id_column: str = "id",
    label_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    on_error: OnError = "fail",
    style: TextStyle = PLAIN,
) -> RawRows:
    """Read texts, or pairs of them, from a table; rows without an id are known by their content.

    The column of texts is "text", or the only one of text besides the others. Rows without readable text are
    an error, or are left out and listed in `skipped`.
    """
    where, table = str(source), open_table(source, style, keep_undecoded=True)
    if text_column is None:
        taken = (id_column, label_column or "label", group_column, split_column or "split")
        columns: tuple[str, ...] = (only_text_column(table, where, taken, USUAL, "text"),)
    else:
        columns = (text_column,) if isinstance(text_column, str) else tuple(text_column)
    if len(columns) not in (1, 2):
        raise ConfigError(f"{len(columns)} text columns", "--text-column", "Name one, or two for pairs.")
    for name in columns:
        if name not in table.names:
            raise missing_column(Path(where), name, table.names, "text")
    read = [_text_column(table, name, where) for name in columns]
    bad = {row: why for _, found in reversed(read) for row, why in found.items()}
    beside = labels_beside(
        table,
        id_column=id_column,
        label_column=label_column,
        group_column=group_column,
        split_column=split_column,
        style=style,
        leave_out=bad,
    )
    given = beside.ids if beside.has_ids else None
    skipped = refuse_or_list(bad, given, where, on_error)
    rows = len(read[0][0])
    kept = np.array([row for row in range(rows) if row not in bad], dtype=np.int64)
    if not len(kept):
        raise DataError("no rows with text", where, "Give at least one.")
    first = read[0][0]
    items: list[str | tuple[str, str]] = [str(first[row]) for row in kept]
    if len(columns) == 2:
        second = read[1][0]
        items = [(str(first[row]), str(second[row])) for row in kept]
    contents = [_content(item) for item in items]
    ids = content_ids(contents) if given is None else given[kept]
    return RawRows(
        kind="text",
        ids=ids,
        items=items,
        digest=digest_of(zip(ids.tolist(), contents, strict=True)),
        labels=beside.values[kept] if beside.answers else None,
        groups=None if beside.groups is None else beside.groups[kept],
        split=None if beside.split is None else beside.split[kept],
        skipped=skipped,
        source=where,
        split_column=beside.split_column,
        checks=beside.checks,
        rows=kept,
    )


_text_column = text_column
# The parameter of the same name, which the command line spells so, hides the function inside `read_texts`.


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


def _content(item: str | tuple[str, str]) -> bytes:
    if isinstance(item, str):
        return item.encode()
    first, second = (part.encode() for part in item)
    # The length keeps ("ab", "c") and ("a", "bc") apart.
    return len(first).to_bytes(8, "big") + first + second

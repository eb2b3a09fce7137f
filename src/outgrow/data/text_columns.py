"""The column of texts, or of paths of pictures, in a table of raw rows: which is meant, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from outgrow.data.files import quoted
from outgrow.data.tables import Table, is_text
from outgrow.errors import DataError


def text_column(
    table: Table, name: str, where: str, role: str = "text"
) -> tuple[list[str | None], dict[int, str]]:
    """Read one column of text, None where there is none, and say why of every row that has none."""
    import pyarrow as pa

    column = table.column(name)
    kind = column.type
    texts: list[str | None] = []
    bad: dict[int, str] = dict(table.undecoded)
    if pa.types.is_null(kind):
        texts = [None] * len(column)
    elif is_text(kind):
        # Decoded one by one: Parquet promises UTF-8 and nobody checks it, and a bad row must be named.
        for chunk in column.chunks:
            for row, content in enumerate(chunk.cast(pa.large_binary()).to_pylist(), len(texts)):
                try:
                    texts.append(None if content is None else content.decode("utf-8"))
                except UnicodeDecodeError:
                    texts.append(None)
                    bad[row] = "is not UTF-8 text"
    else:
        raise DataError(
            f"column {name!r} is of type {column.type}", where, f"The {role} column must hold text."
        )
    for row, text in enumerate(texts):
        if row not in bad and (text is None or not text.strip()):
            bad[row] = f"has no {role} in column {name!r}"
    return texts, bad


def only_text_column(
    table: Table, where: str, taken: Sequence[str | None], preferred: Sequence[str], role: str
) -> str:
    """Find the column meant where none is named."""
    for name in preferred:
        if name in table.names and name not in taken:
            return name
    found = [name for name in table.names if name not in taken and is_text(table.column(name).type)]
    if len(found) == 1:
        return found[0]
    raise DataError(
        f"there is no column {preferred[0]!r}, and "
        + ("no other column could be it" if not found else "several could be it"),
        where,
        f"Name it with --{role}-column. Columns present: {quoted(table.names, 20)}.",
    )

"""The column of texts, or of paths of pictures, in a table of raw rows: which is meant, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from outgrow.data.files import quoted
from outgrow.data.tables import Table, is_text
from outgrow.errors import DataError


def text_column(
    table: Table, name: str, where: str, role: str = "text"
) -> tuple[list[str | None], dict[int, str]]:
    """Read one column of text.

    Parameters
    ----------
    table : Table
        As opened.
    name : str
        A column of it.
    where : str
        How messages name the table.
    role : str
        What the column holds, for messages.

    Returns
    -------
    texts : list of str or None
        One per row, None where the row has none that can be read.
    bad : dict of int to str
        Rows without text, and why.

    Raises
    ------
    DataError
        When the column does not hold text.
    """
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
    """Find the column meant where none is named.

    Parameters
    ----------
    table : Table
        As opened.
    where : str
        How messages name it.
    taken : sequence of str or None
        Columns that hold something else.
    preferred : sequence of str
        Names by which it is usually known, best first.
    role : str
        "text" or "image".

    Returns
    -------
    str
        A preferred name, or the only column of text besides those taken.

    Raises
    ------
    DataError
        When none or several could be meant; the columns present are listed.
    """
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

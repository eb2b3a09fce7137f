"""Texts, or pairs of texts, from any table: they are never changed, not even stripped."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from outgrow.data.labels import Beside
from outgrow.data.raw import RawRows
from outgrow.data.raw_table import OnError, read_raw_table
from outgrow.errors import ConfigError

USUAL = ("text",)
"""What the column of texts is called where nobody says."""


def read_texts(
    source: str | Path,
    *,
    text_column: str | tuple[str, ...] | None = None,
    on_error: OnError = "fail",
    **beside: Unpack[Beside],
) -> RawRows:
    """Read texts, or pairs where two columns are named; rows without an id get one of their content."""
    columns = (text_column,) if isinstance(text_column, str) else text_column or ()
    if len(columns) > 2:
        raise ConfigError(f"{len(columns)} text columns", "--text-column", "Name one, or two for pairs.")
    return read_raw_table(source, "text", columns, USUAL, _item, on_error, **beside)


def _item(texts: tuple[str, ...]) -> tuple[str | tuple[str, ...], bytes]:
    parts = [text.encode() for text in texts]
    if len(parts) == 1:
        return texts[0], parts[0]
    # The length keeps ("ab", "c") and ("a", "bc") apart.
    return texts, len(parts[0]).to_bytes(8, "big") + parts[0] + parts[1]

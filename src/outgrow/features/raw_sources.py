"""Which reader a raw input wants: of texts, of pictures as they lie, or of a data set in its own form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from outgrow.config import RawLayout
from outgrow.data.idx import is_idx, read_idx
from outgrow.data.images import read_images
from outgrow.data.open_table import is_table_folder
from outgrow.data.raw import RawRows
from outgrow.data.text_tables import PLAIN, TextStyle
from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError
from outgrow.worlds.coloured_digits import FLIPS, coloured
from outgrow.worlds.sst2_phrases import read_sst2


def read_raw(
    source: str | Path,
    *,
    layout: RawLayout = "auto",
    text_column: tuple[str, ...] = (),
    image_column: str | None = None,
    id_column: str = "id",
    label_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    on_error: Literal["fail", "skip"] = "fail",
    seed: int = 0,
    style: TextStyle = PLAIN,
) -> RawRows:
    """Read raw rows."""
    if len(text_column) > 2:
        raise ConfigError(f"{len(text_column)} text columns are named", "--text-column", "Give one, or two.")
    path = Path(source)
    if layout == "auto":
        pictures = image_column or is_idx(path) or (path.is_dir() and not is_table_folder(path))
        layout = "table" if image_column else "folder" if pictures else "text"
        if layout == "folder":
            return read_images(path, on_error=on_error)
    if layout == "coloured-mnist":
        return _coloured(read_idx(path), seed)
    if layout == "sst2":
        own = {"text_column": text_column[0]} if text_column else {}
        return read_sst2(source, label_column=label_column or "label", on_error=on_error, **own)
    columns: dict[str, Any] = {
        "id_column": id_column,
        "label_column": label_column,
        "group_column": group_column,
        "split_column": split_column,
    }
    if layout == "text":
        wanted: str | tuple[str, str] | None = None
        if len(text_column) == 2:
            wanted = (text_column[0], text_column[1])
        elif text_column:
            wanted = text_column[0]
        return read_texts(source, text_column=wanted, on_error=on_error, style=style, **columns)
    return read_images(
        path, layout=layout, image_column=image_column, on_error=on_error, style=style, **columns
    )


def _coloured(digits: RawRows, seed: int) -> RawRows:
    """Colour digits; those of the published test set, where there is one, make the misleading environment."""
    test = np.zeros(len(digits.ids), dtype=bool) if digits.split is None else digits.split == "test"
    made = coloured(digits, seed=seed)
    if test.any():
        training = {name: chance for name, chance in FLIPS.items() if name != "test"}
        drawn = coloured(digits, training, seed=seed).environments
        made = coloured(digits, environments=np.where(test, "test", drawn).tolist(), seed=seed)
    part = np.array(["test" if name == "test" else "train" for name in made.environments], dtype=object)
    return replace(made.rows, split=part)

"""Which reader a raw input wants: of texts, of pictures as they lie, or of a data set in its own form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outgrow.config import RawConfig
from outgrow.data.idx import is_idx, read_idx
from outgrow.data.images import read_images
from outgrow.data.open_table import is_table_folder
from outgrow.data.raw import RawRows
from outgrow.data.text_tables import TextStyle
from outgrow.data.texts import read_texts
from outgrow.errors import ConfigError
from outgrow.worlds.coloured_digits import FLIPS, coloured
from outgrow.worlds.sst2_phrases import read_sst2


def raw_rows(config: RawConfig, source: str | Path) -> RawRows:
    """Read raw rows as a configuration says."""
    path, layout, column = Path(source), config.layout, config.image_column
    if layout == "auto":
        pictures = column or is_idx(path) or (path.is_dir() and not is_table_folder(path))
        layout = "table" if column else "folder" if pictures else "text"
        if layout == "folder":
            return read_images(path, on_error=config.on_error)
    if layout == "coloured-mnist":
        return _coloured(read_idx(path), config.seed)
    if layout == "sst2":
        if len(config.text_column) > 1:
            remedy = "Name the one that holds the phrases."
            raise ConfigError(f"{len(config.text_column)} text columns", "--text-column", remedy)
        named = {"text_column": config.text_column[0]} if config.text_column else {}
        label = config.label_column or "label"
        return read_sst2(source, label_column=label, on_error=config.on_error, **named)
    columns: dict[str, Any] = {
        "id_column": config.id_column,
        "label_column": config.label_column,
        "group_column": config.group_column,
        "split_column": config.split_column,
        "on_error": config.on_error,
        "style": text_style(config),
    }
    if layout != "text":
        return read_images(path, layout=layout, image_column=column, **columns)
    return read_texts(source, text_column=config.text_column, **columns)


def text_style(config: RawConfig) -> TextStyle:
    """Say how text files are written, as a configuration says."""
    delimiter = "\t" if config.delimiter in ("tab", "\\t") else config.delimiter
    return TextStyle(delimiter, config.decimal, config.thousands)


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

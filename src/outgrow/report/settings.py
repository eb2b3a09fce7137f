"""The configuration as TOML, as it is written beside the page, but without where its author keeps things."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from outgrow.report.findings import Plain
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.text import escaped, shortened

LONGEST = 400
"""Characters shown of a line: lists of sizes are read, lists of names run over several lines."""

_ABSOLUTE = re.compile(r"^((?![A-Za-z]:[\\/])[^/\\]*[=:])?(?:/(?!/)|~|[A-Za-z]:[\\/]|\\).*[\\/]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_lines(config: Mapping[str, Any], table: str = "") -> list[str]:
    """Write settings as lines of TOML."""
    tables = {key: value for key, value in config.items() if isinstance(value, Mapping) and value}
    lines = [
        f"{_key(key)} = {json.dumps(_shown(value), ensure_ascii=False)}"
        for key, value in config.items()
        if value not in (None, "", [], ()) and not isinstance(value, Mapping)
    ]
    for key, value in tables.items():
        name = f"{table}.{_key(key)}" if table else _key(key)
        lines += [f"[{name}]", *toml_lines(value, name)]
    return lines


def _key(name: object) -> str:
    text = str(name)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        # A whole path would tell whoever sees the page about its author's machine.
        return _ABSOLUTE.sub(r"\1…/", value)
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return value


def settings(config: Plain) -> Safe | None:
    """Write a configuration for the page; None where there is none."""
    lines = [Safe(escaped(shortened(line, LONGEST))) for line in toml_lines(config)]
    return tag("pre", tag("code", joined(lines, "\n"))) if lines else None

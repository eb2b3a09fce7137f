"""The configuration as TOML, as it is written beside the page, but without where its author keeps things."""

from __future__ import annotations

import json
import re
from typing import Any

from outgrow.report.findings import Plain
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.text import escaped, shortened

LONGEST = 400
"""Characters shown of a line: lists of sizes are read, lists of names run over several lines."""

_ABSOLUTE = re.compile(r"^((?![A-Za-z]:[\\/])[^/\\]*[=:])?(?:/(?!/)|~|[A-Za-z]:[\\/]|\\).*[\\/]")


def toml_lines(config: Plain) -> list[str]:
    """Write what was set as lines of TOML: configurations are flat."""
    return [
        f"{key} = {json.dumps(_shown(value), ensure_ascii=False)}"
        for key, value in config.items()
        if value not in (None, "", [])
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        # A whole path would tell whoever sees the page about its author's machine.
        return _ABSOLUTE.sub(r"\1…/", value)
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return {key: _shown(item) for key, item in value.items()} if isinstance(value, dict) else value


def settings(config: Plain) -> Safe | None:
    """Write a configuration for the page; None where there is none."""
    lines = [Safe(escaped(shortened(line, LONGEST))) for line in toml_lines(config)]
    return tag("pre", tag("code", joined(lines, "\n"))) if lines else None

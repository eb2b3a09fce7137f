"""Configurations as TOML, in and out, and what is wrong with one in a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from outgrow.config.options import Config
from outgrow.errors import ConfigError, FileError


def to_toml(config: BaseModel) -> str:
    """Write a flat configuration as TOML, without what is None."""
    # JSON's strings, numbers and arrays of them are TOML's too, so no writer is needed for a flat table.
    import json

    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in config.model_dump(mode="json").items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"


COMMAND_ALONE = ("allow_code", "out", "overwrite", "jobs", "json", "config")
"""Options that are no settings: a file that came from elsewhere must not grant itself code or places."""


def toml_values(text: str, kind: type[BaseModel], where: str) -> dict[str, Any]:
    """Read the fields of a configuration that a file sets, each as the configuration wants it.

    Only fields: what may be run, and where things are written, is the command line's alone to say.
    """
    import tomllib
    from difflib import get_close_matches

    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise FileError(f"is not valid TOML ({reason})", where, "Mend the line named.") from None
    for name, value in values.items():
        if isinstance(value, dict):
            raise ConfigError(f"holds the table [{name}]", where, "Write options without a table.")
        if name not in kind.model_fields:
            if name in COMMAND_ALONE:
                remedy = f"Give --{name.replace('_', '-')} on the command line, and there alone."
                raise ConfigError(f"a file may not set {name!r}", where, remedy)
            near = get_close_matches(name, kind.model_fields, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else "--help lists the options."
            raise ConfigError(f"there is no option {name!r}", where, remedy)
    return {name: _field_value(kind, name, value, where) for name, value in values.items()}


def _field_value(kind: type[BaseModel], name: str, value: Any, where: str) -> Any:
    field = kind.model_fields[name]
    if get_origin(field.annotation) is tuple:
        value = tuple(value) if isinstance(value, list) else (value,)
    hint: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    try:
        # Strictly: a file has types, so a number in quotes, or true for 1, is a mistake.
        return TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        raise ConfigError(f"{name}: {explain(error).removeprefix('the options: ')}", where) from None


def from_toml(text: str, kind: type[Config], where: str) -> Config:
    """Read a whole configuration back."""
    try:
        return kind(**toml_values(text, kind, where))
    except ValidationError as error:
        raise ConfigError(explain(error), where) from None


def explain(error: BaseException, option: Callable[[str], str] = str) -> str:
    """Say in one line which options are wrong and why, each as the user names it; as in TOML by default."""
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    parts = []
    for item in error.errors():
        # Which of several values it was stands in the message's own words, or is plain to see.
        named = [option(part) for part in item["loc"] if isinstance(part, str)]
        message = f": {item['msg'][0].lower()}{item['msg'][1:]}"
        parts.append(
            (".".join(named) or "the options") + (" is missing" if item["type"] == "missing" else message)
        )
    return "; ".join(parts)

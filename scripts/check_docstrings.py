"""Check the docstrings of what users import against numpydoc's rules, and print what breaks them.

The rules are those of ``[tool.numpydoc_validation]`` in pyproject.toml. Objects are imported, not
parsed: a parser finds no signature in a dataclass and takes all its documented parameters for unknown.
"""

from __future__ import annotations

import importlib
import inspect
import pydoc
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from numpydoc.validate import validate

import outgrow

ROOT = Path(__file__).resolve().parents[1]


def public_objects() -> Iterator[str]:
    """List what users import, configure or implement: `outgrow.__all__`, configurations, protocols."""
    names = {f"{outgrow._HOME[name]}.{name}" for name in outgrow.__all__}
    options = ("outgrow.config.options", "outgrow.config.configurations")
    for module in (*options, "outgrow.features.protocols"):
        for name, value in vars(importlib.import_module(module)).items():
            if inspect.isclass(value) and value.__module__ == module and not name.startswith("_"):
                names.add(f"{module}.{name}")
    names.add("outgrow.linalg.rows.RowSource")
    for dotted in sorted(names):
        value = pydoc.locate(dotted)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        name = f"{value.__module__}.{value.__name__}"
        yield name
        if inspect.isclass(value):
            for member, inner in vars(value).items():
                # What a class was given by a decorator or a base class is documented there.
                of_the_class = (
                    inspect.isfunction(inner) and inner.__qualname__ == f"{value.__name__}.{member}"
                )
                wrapped = isinstance(inner, (property, classmethod, staticmethod))
                if not member.startswith("_") and (of_the_class or wrapped):
                    yield f"{name}.{member}"


def has_base_of_ours(name: str) -> bool:
    """Tell whether a dotted name is a class that inherits from another class of outgrow.

    Parameters
    ----------
    name : str
        A dotted name.

    Returns
    -------
    bool
        True for such a class, False for anything else.
    """
    value = pydoc.locate(name)
    return inspect.isclass(value) and any(
        base.__module__.startswith("outgrow.") for base in value.__mro__[1:]
    )


def main() -> int:
    """Validate every public docstring of outgrow.

    Returns
    -------
    int
        Exit status: 1 if a docstring breaks a rule.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        rules = tomllib.load(file)["tool"]["numpydoc_validation"]
    checks, excluded = set(rules["checks"]), [re.compile(pattern) for pattern in rules["exclude"]]
    seen, broken = 0, 0
    for name in public_objects():
        if any(pattern.search(name) for pattern in excluded):
            continue
        seen += 1
        result = validate(name)
        # What a base class of ours documents need not be said again; a protocol takes no arguments.
        protocol = getattr(pydoc.locate(name), "_is_protocol", False)
        ignored = {"PR01"} if protocol or has_base_of_ours(name) else set()
        for code, message in result["errors"]:
            if code in checks - ignored:
                broken += 1
                where = Path(result["file"] or "").name
                print(f"{where}:{result['file_line']}: {name}: {code} {message}")
    print(f"{seen} docstrings checked, {broken} faults")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())

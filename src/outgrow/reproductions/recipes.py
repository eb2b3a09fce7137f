"""The experiments that can be done again, by name, and which options each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions.reproduction import Reproduction
from outgrow.study.sources import NOTHING, Permissions, Progress

OWN = ("n", "N", "noise", "alphas", "seeds", "head", "pictures")
"""Options of experiments; all others say where the rows are."""


def reproduce(
    name: str,
    config: ReproduceConfig,
    permissions: Permissions = NOTHING,
    progress: Progress | None = None,
    jobs: int | None = None,
) -> Reproduction:
    """Do a published experiment again."""
    return RECIPES[known(name)](config, permissions, progress, jobs)


def known(name: str) -> str:
    """Check the name of an experiment."""
    if name not in RECIPES:
        near = get_close_matches(name.lower(), RECIPES, 1, 0.4)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"there is no experiment {name!r}", "reproduce", f"{hint}There are: {', '.join(RECIPES)}."
        )
    return name


def options_of(name: str, kind: Any, config: ReproduceConfig, jobs: int | None) -> Any:
    """Give an experiment its options."""
    taken = {field.name: field for field in fields(kind)}
    said: dict[str, Any] = {
        key: getattr(config, key) for key in OWN if getattr(config, key) not in ((), None)
    }
    rows = config.rows()
    if rows is not None:
        said["rows"] = rows
    for key in said:
        if key not in taken:
            what = "feature sets, models or labels" if key == "rows" else f"--{key}"
            raise ConfigError(
                f"{name} takes no {what}",
                "reproduce",
                "Leave them out." if key == "rows" else "Leave it out.",
            )
    if "rows" in taken and "rows" not in said and taken["rows"].default is MISSING:
        raise ConfigError(
            f"{name} needs your copy of its data, with models or features for teachers and student",
            "reproduce",
            "Name models (--weak, --strong) and what they read (--input); or feature files and --labels.",
        )
    for key in ("n", "N"):
        # Where one size is meant, not an axis.
        if key in said and taken[key].type in ("int", "int | None"):
            if len(said[key]) > 1:
                raise ConfigError(f"{name} takes one size", f"--{key}", "Name one.")
            said[key] = said[key][0]
    if "jobs" in taken:
        said["jobs"] = jobs
    return kind(**said)


Recipe = Callable[[ReproduceConfig, Permissions, "Progress | None", "int | None"], Reproduction]


def _synthetic(
    config: ReproduceConfig, permissions: Permissions, progress: Progress | None, jobs: int | None
) -> Reproduction:
    from outgrow.reproductions.synthetic import reproduce as run
    from outgrow.reproductions.synthetic_draws import SyntheticSettings

    return run(options_of("synthetic", SyntheticSettings, config, jobs), jobs=jobs, progress=progress)


def _with_rows(name: str, load: Callable[[], tuple[ModuleType, Any]]) -> Recipe:
    def run(
        config: ReproduceConfig, permissions: Permissions, progress: Progress | None, jobs: int | None
    ) -> Reproduction:
        module, kind = load()
        found: Reproduction = module.reproduce(options_of(name, kind, config, jobs), permissions, progress)
        return found

    return run


def _utkface() -> tuple[ModuleType, Any]:
    from outgrow.reproductions import utkface

    return utkface, utkface.UTKFaceOptions


def _coloredmnist() -> tuple[ModuleType, Any]:
    from outgrow.reproductions import coloredmnist

    return coloredmnist, coloredmnist.ColoredMNISTOptions


def _sst2() -> tuple[ModuleType, Any]:
    from outgrow.reproductions import sst2

    return sst2, sst2.SST2Options


def _movies() -> tuple[ModuleType, Any]:
    from outgrow.reproductions import movies

    return movies, movies.MoviesOptions


def _ceiling_table() -> tuple[ModuleType, Any]:
    from outgrow.reproductions import ceiling_table

    return ceiling_table, ceiling_table.CeilingTableOptions


RECIPES: Mapping[str, Recipe] = {
    "synthetic": _synthetic,
    "utkface": _with_rows("utkface", _utkface),
    "coloredmnist": _with_rows("coloredmnist", _coloredmnist),
    "sst2": _with_rows("sst2", _sst2),
    "movies": _with_rows("movies", _movies),
    "ceiling-table": _with_rows("ceiling-table", _ceiling_table),
}
"""By name."""

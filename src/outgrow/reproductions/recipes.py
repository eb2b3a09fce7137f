"""The experiments that can be done again, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial

from outgrow.config import ReproduceConfig
from outgrow.errors import ConfigError
from outgrow.reproductions import synthetic
from outgrow.reproductions.ceiling_table import CEILING_TABLE
from outgrow.reproductions.coloredmnist import COLOREDMNIST
from outgrow.reproductions.movies import MOVIES
from outgrow.reproductions.reproduction import Reproduction
from outgrow.reproductions.runner import run
from outgrow.reproductions.sst2 import SST2
from outgrow.reproductions.utkface import UTKFACE
from outgrow.study.sources import NOTHING, Permissions, Progress

Recipe = Callable[[ReproduceConfig, Permissions, Progress | None, int | None], Reproduction]

RECIPES: Mapping[str, Recipe] = {
    "synthetic": synthetic.run,
    **{one.name: partial(run, one) for one in (UTKFACE, COLOREDMNIST, SST2, MOVIES, CEILING_TABLE)},
}
"""By name."""


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

"""Make golden results again: ``golden.py NAME...`` writes tests/reproductions/golden/NAME.json.

A golden file holds what a reproduction finds at small settings. Tests compare with it, so that a change of
any number is a decision: run this, and say in the commit why the numbers moved.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outgrow.config import ReproduceConfig
from outgrow.reproductions.movies import MOVIES
from outgrow.reproductions.reproduction import Reproduction
from outgrow.reproductions.runner import run
from outgrow.reproductions.synthetic import reproduce
from outgrow.reproductions.synthetic_draws import SyntheticSettings
from outgrow.results import as_plain

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "reproductions" / "golden"


def plain(found: Reproduction, tables: tuple[str, ...]) -> dict[str, Any]:
    """Keep config, verdict, comparisons (ours, by what) and some tables (by name and column)."""
    return {
        "config": as_plain(found.config),
        "verdict": found.verdict,
        "comparisons": {one.what: one.ours for one in found.comparisons},
        "tables": {table.name: as_plain(table.columns) for table in found.tables if table.name in tables},
    }


def synthetic() -> tuple[Reproduction, tuple[str, ...]]:
    """Reproduce the synthetic experiment on few rows, and say which tables are kept."""
    small = SyntheticSettings(
        seeds=3, n=(260, 700, 4000), N=(150, 1000), n_fixed=260, N_fixed=1000, offsets=(10, 90)
    )
    return reproduce(small), ("dimensions", "course", "bounds", "values")


def movies() -> tuple[Reproduction, tuple[str, ...]]:
    """Reproduce the movie reviews with few sizes and seeds, and say which tables are kept."""
    small = ReproduceConfig(seeds=3, n=(100, 300), N=(1000,), noise=(0.0, 2.0), alphas=(0.1, 1.0, 10.0))
    return run(MOVIES, small, jobs=1), ("dimensions", "tuning", "cells_tuned")


MAKERS: dict[str, Callable[[], tuple[Reproduction, tuple[str, ...]]]] = {
    "synthetic": synthetic,
    "movies": movies,
}
"""Experiments by name."""


def main() -> None:
    """Write the files named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Make golden results again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MAKERS)}; all by default")
    names = parser.parse_args().names or list(MAKERS)
    if unknown := sorted(set(names) - set(MAKERS)):
        parser.error(f"there is no {', '.join(unknown)}; take of {', '.join(MAKERS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(plain(*MAKERS[name]()), indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()

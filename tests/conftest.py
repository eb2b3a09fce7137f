"""Shared fixtures: a seeded generator, capped BLAS threads, and where larger real data may be found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture
def rng() -> np.random.Generator:
    """One seed for all: a failure is repeatable."""
    return np.random.default_rng(20250713)


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    # Tests run side by side, one per core: more threads wait for each other.
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder named by OUTGROW_DATA (layout in docs), or a skip with the reason."""
    folder = os.environ.get("OUTGROW_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("OUTGROW_DATA names no folder: the full features are not at hand")
    return Path(folder)

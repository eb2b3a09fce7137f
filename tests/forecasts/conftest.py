"""Worlds whose forecasts are known: from whitened directions, from rows, and as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outgrow.forecasts.forecast import Forecast
from outgrow.theory.label_terms import label_terms
from outgrow.theory.population import Population
from outgrow.theory.surface import RELATIVE
from outgrow.theory.terms import PairSpectra, Target


class World:
    """Correlated whitened directions, and a target with a part everywhere."""

    sigma2 = 0.7

    def __init__(self, rng, d_w=6, d_s=9):
        # Rows are z A, with a standard normal z: both sets whitened, sharing some of it.
        latent = d_w + d_s
        self.A_w = np.linalg.qr(rng.normal(size=(latent, d_w)))[0]
        self.A_s = np.linalg.qr(self.A_w[:, :3] @ np.eye(3, d_s) + rng.normal(size=(latent, d_s)) / 3)[0]
        self.a = 0.3 * self.A_w.sum(axis=1) / np.sqrt(d_w) + self.A_s.sum(axis=1) / np.sqrt(d_s)
        self.a += 0.4 * rng.normal(size=latent) / np.sqrt(latent)
        self.values_w, self.values_s = np.geomspace(2, 0.1, d_w), np.geomspace(5, 0.05, d_s)
        self.C = self.A_s.T @ self.A_w
        self.t_w, self.t_s, self.v = self.A_w.T @ self.a, self.A_s.T @ self.a, float(self.a @ self.a)
        self.known = Target.known(self.t_w, self.t_s, self.v, self.sigma2)

    def pair(self, rows=np.inf):
        return PairSpectra(values_w=self.values_w, values_s=self.values_s, C=self.C, rows=rows)

    def population(self):
        return Population.from_whitened(self.C, self.t_w, self.t_s, self.v, self.sigma2)

    def forecast(self, target=None, rows=np.inf, m=100, **more):
        return Forecast(
            weak="small",
            strong="large",
            pair=self.pair(rows),
            target=target or self.known,
            m=m,
            penalties_w=self.values_w.mean() * RELATIVE,
            penalties_s=self.values_s.mean() * RELATIVE,
            **more,
        )

    def labelled(self, rng, m, sigma2=None):
        """Label m rows and estimate the target from them."""
        z = rng.normal(size=(m, len(self.a)))
        y = z @ self.a + np.sqrt(self.sigma2) * rng.normal(size=m)
        return label_terms(self.pair(), z @ self.A_w, z @ self.A_s, y[:, None], np.arange(m) % 20, sigma2)


@pytest.fixture
def world_of(rng):
    return lambda **sizes: World(rng, **sizes)


@pytest.fixture
def world(world_of):
    return world_of()


@pytest.fixture(scope="session")
def write():
    """Write features as arrays and columns of labels as text; gives what a configuration asks for."""

    def files(folder: Path, features, columns):
        for name, values in features.items():
            np.save(folder / f"{name}.npy", values)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (folder / "labels.csv").write_text("\n".join(lines) + "\n")
        return {
            "weak": (str(folder / "weak.npy"),),
            "strong": str(folder / "strong.npy"),
            "labels": str(folder / "labels.csv"),
            "label_column": "label",
        }

    return files

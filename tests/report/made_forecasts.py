"""Forecasts from a small Gaussian world, of every kind that the page must draw."""

from __future__ import annotations

import copy
import json

import numpy as np

from outgrow.config import ForecastConfig
from outgrow.forecasts.forecast_designs import forecast
from outgrow.results import as_plain

from .conftest import HOSTILE


def made(folder, *, classes=False, run=None, **options):
    """Forecast from a small Gaussian world, as plain values."""
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(700, 8))
    y = latent @ np.linspace(0.2, 1, 8) + 0.8 * rng.normal(size=700)
    np.save(folder / "small.npy", latent[:, 2:] + 0.5 * rng.normal(size=(700, 6)))
    np.save(folder / "smaller.npy", latent[:, 4:] + 0.8 * rng.normal(size=(700, 4)))
    np.save(folder / "large.npy", latent @ rng.normal(size=(8, 10)) + 0.2 * rng.normal(size=(700, 10)))
    labels = np.where(y > 0, "good", "bad") if classes else y
    (folder / "labels.csv").write_text("label\n" + "\n".join(map(str, labels)) + "\n")
    given = {
        "weak": (str(folder / "small.npy"),),
        "strong": str(folder / "large.npy"),
        "labels": str(folder / "labels.csv"),
        "m": 150,
    }
    found = forecast(ForecastConfig(**{**given, **options}), run=run)
    return json.loads(json.dumps(as_plain(found.outcome), allow_nan=False))


def make_forecasts(folder):
    """Findings of every kind of forecast that the page must draw."""
    both = (str(folder / "small.npy"), str(folder / "smaller.npy"))
    measured = {"type": "Estimate", "value": 0.3, "interval": [0.25, 0.36]}
    routes = [
        {"kind": kind, "weak": weak, "excess_risk": measured}
        for kind, weak in (("student", "small"), ("baseline", None))
    ]
    ordinary = made(
        folder,
        noise_variance=0.64,
        note="of the reduced features",
        run={"n": 150, "N": 550, "routes": routes},
    )
    several = made(folder, weak=both)
    four = copy.deepcopy(several)
    for place, pair in enumerate(copy.deepcopy(several["pairs"])):
        pair["weak"] = f"another-teacher-{place}"
        four["pairs"].append(pair)
    hostile = copy.deepcopy(several)
    hostile["title"], hostile["note"] = HOSTILE[0], HOSTILE[2]
    hostile["checks"].append({"type": "Check", "code": "OG214", "detail": HOSTILE[0]})
    hostile["config"]["title"] = HOSTILE[1]
    for pair, name in zip(hostile["pairs"], HOSTILE, strict=False):
        pair["weak"], pair["strong"] = name, HOSTILE[2]
    hostile["identities"] = {name: {"width": 3, "encoder": HOSTILE[1]} for name in HOSTILE}
    long = copy.deepcopy(several)
    long["title"] = "long " * 300
    for pair, end in zip(long["pairs"], "ab", strict=True):
        pair["weak"], pair["strong"] = "a" * 399 + end, "word " * 200
    old = copy.deepcopy(ordinary)
    for key in ("title", "note", "noise", "checks", "identities", "measured", "labelled", "config"):
        del old[key]
    for pair in old["pairs"]:
        del pair["anchors"], pair["factors"], pair["curves"]
        for design in pair["designs"]:
            del design["margins"], design["accuracy"], design["alphas"]
    return {
        "ordinary": ordinary,
        "several teachers": several,
        "four teachers": four,
        "classification": made(folder, classes=True),
        "one design": made(folder, n=(150,), N=(550,)),
        "undefined": made(folder, head="ridgeless", n=(7, 11, 100), N=(11, 550), rank=(6, 10)),
        "retrospective": made(folder, retrospective=True, test=0.2, noise_variance=0.64),
        "noise too large": made(folder, noise_variance=9.0),
        "long names": long,
        "hostile": hostile,
        "old": old,
        "empty": {},
    }

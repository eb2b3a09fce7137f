"""A run's findings made small but by the real measures, and a browser to open their report in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from outgrow.data.features_file import FeatureIdentity
from outgrow.geometry.measure import measure_pair
from outgrow.probes import metrics
from outgrow.probes.routes import Route
from outgrow.results import Check, Estimate, Risks, Undefined, as_plain
from outgrow.study.outcome import PairResult, RouteResult, RunOutcome
from outgrow.study.verdict import Comparison, decide
from outgrow.theory.misfit import MisfitGain

HOSTILE = (
    '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">',
    "\"'><svg/onload=window.pwned=1> ]]><!-- pwned",
    "[bold red]pwned[/bold red] ${window.pwned=1} {{pwned}} datum.pwned",
    "pwned\x00\x1b[31m\u202etxt.exe\u2066\r\nnext\u2028line \ud800 &amp; &lt;",
)
"""Names that try to leave their place: markup, quotes, styles, templates, control characters."""

NOISE = Undefined("the label noise variance is not known", "Give --noise-variance.")
REGRESSION = Undefined("the task is regression", "Accuracy needs classes: --task classification.")
NO_CEILING = Undefined("there is no ceiling", "Label the pool.")

RISKS = {
    "teacher": 1.9,
    "student": 1.5,
    "joint": 1.4,
    "stage-wise student": 1.6,
    "union": 1.45,
    "baseline": 1.7,
    "ceiling": 1.0,
}


def make_outcome(
    weak: tuple[str, ...] = ("small",),
    strong: str = "large",
    *,
    title: str = "Will large outgrow small?",
    note: str = "",
    classes: tuple[str, ...] = (),
    test: bool = True,
    ceiling: bool = True,
    noise: bool = True,
    theory: bool = True,
    rows: int = 400,
) -> dict[str, Any]:
    """Make findings of a run as they are read back from its JSON; few rows leave d_sw undefined."""
    rng = np.random.default_rng(5)
    n, n_test = 60, 300 if test else 0
    kinds = ("teacher", "student", "joint", "stage-wise student", "union")
    names = [(kind, name) for name in weak for kind in kinds] + [("baseline", None)]
    if ceiling:
        names.append(("ceiling", None))
    common, on_rows = rng.chisquare(1, n), rng.chisquare(1, n_test or n)
    routes, chosen, measured = [], [], {}
    for kind, teacher in names:
        losses = RISKS[kind] * common + 0.1 * rng.chisquare(1, n)
        settings = {"alpha_s": 0.0123}
        route = Route(kind, teacher, None, ("strong",), settings, None if kind == "ceiling" else losses)
        seen = RISKS[kind] * on_rows + 0.1 * rng.chisquare(1, len(on_rows))
        measured[route.name] = seen
        if kind not in ("ceiling", "stage-wise student"):
            chosen.append(route)
        accuracy = (
            Estimate(0.8125, (0.775, 0.85), n=len(seen), method="share right") if classes else REGRESSION
        )
        routes.append(
            RouteResult(
                route.name,
                kind,
                teacher,
                settings,
                NO_CEILING if kind == "ceiling" else metrics.mean_loss(losses),
                metrics.mean_loss(seen),
                metrics.excess_risk(seen, 0.5) if noise else NOISE,
                accuracy,
            )
        )
    pairs = []
    for name in weak:
        own = decide([route for route in chosen if route.weak in (None, name)])
        best, student = measured[own.recommended], measured[f"student ({name})"]
        latent = rng.normal(size=(rows, 12))
        X_w = latent[:, :8] + 0.3 * rng.normal(size=(rows, 8))
        X_s = latent @ rng.normal(size=(12, 16)) + 0.2 * rng.normal(size=(rows, 16))
        top = measured.get("ceiling")
        pairs.append(
            PairResult(
                weak=name,
                strong=strong,
                risks=Risks(*(metrics.mean_loss(measured["baseline"]) for _ in range(4))),
                pgr=NO_CEILING if top is None else metrics.pgr(measured[f"teacher ({name})"], student, top),
                opr=metrics.opr(measured["baseline"], student, 0.5) if noise else NOISE,
                opr_raw_mse=metrics.opr_raw_mse(measured["baseline"], student),
                pgr_accuracy=Estimate(0.625, (0.5, 0.75), n=n_test) if classes else REGRESSION,
                verdict=own,
                on_test=tuple(
                    Comparison(own.recommended, other, metrics.paired_difference(best, measured[other]))
                    for other in own.risks
                    if other != own.recommended
                ),
                geometry=measure_pair(X_w, X_s, y=latent[:, :1] if ceiling else None),
                theory=_theory() if theory else Undefined("no test rows", "Set rows aside (--test)."),
                misfit=_misfit(test),
            )
        )
    verdict = decide(chosen)
    sets = (*weak, strong)
    identities = {name: FeatureIdentity(name, 16, "float32", "ab" * 32, f"{name}.npy") for name in sets}
    outcome = RunOutcome(
        title=title,
        note=note,
        task="classification" if classes else "regression",
        why_task="as asked",
        classes=classes,
        head="ridge",
        evaluation="test rows" if test else "cross-validation over the labelled rows",
        n=n,
        N=340,
        n_test=n_test,
        d_w=dict.fromkeys(weak, 8),
        d_s=16,
        verdict=verdict,
        on_test=tuple(
            Comparison(
                verdict.recommended,
                other,
                metrics.paired_difference(measured[verdict.recommended], measured[other]),
            )
            for other in verdict.risks
            if other != verdict.recommended
        ),
        routes=tuple(routes),
        pairs=tuple(pairs),
        checks=(
            Check("OG205", f"{weak[0]}: ceiling 1.9, teacher 1.8"),
            Check("OG104", f"{strong}: 2 columns"),
        ),
        config={"weak": [f"{name}.npy" for name in weak], "title": title, "n": n, "rank": [], "note": note},
        identities=identities,
        seconds=12.34,
    )
    return json.loads(json.dumps(as_plain(outcome)))


def _misfit(test: bool) -> MisfitGain:
    """A promise that came out broken, or was never measured."""
    promised = Estimate(0.4321, (0.4, 0.464), n=300, method="mean misfit over 300 rows")
    if not test:
        missing = Undefined("there are no test rows to measure the gain on", "Set rows aside (--test).")
        return MisfitGain("pool rows", promised, missing, missing, "not measured")
    measured, beyond = Estimate(0.1234, (0.09, 0.157)), Estimate(-0.3087, (-0.36, -0.257))
    return MisfitGain("test rows", promised, measured, beyond, "broken")


def _theory() -> dict[str, Any]:
    """Findings of the retrospective, in the shape that the study writes them."""
    points = [
        {
            "type": "RiskPoint",
            "route": route,
            "predicted": Estimate(value, method="exact formula"),
            "measured": Estimate(value + 0.1, (value, value + 0.2), n=300, method="mean over 20 draws"),
        }
        for route, value in (("teacher", 2.4), ("student", 2.1), ("baseline", 3.4), ("ceiling", 1.1))
    ]
    both = {"predicted": Estimate(0.231), "measured": Estimate(0.187, (0.15, 0.22))}
    return {
        "type": "Retrospective",
        "title": "Retrospective: exact theory beside redrawn experiments",
        "head": "ridgeless",
        "n": 60,
        "N": 340,
        "draws": 20,
        "d_w": 8,
        "d_s": 12,
        "inputs": {
            "rho_w": Estimate(1.217, n=700, method="measured on all labels"),
            "new_input": Estimate(2.0),
        },
        "points": points,
        "pgr": both,
        "opr": {"predicted": NOISE, "measured": NOISE},
        "sandwich": {"teacher": 1.1, "inherited": 1.31},
        "checks": [Check("OG206", "small: inherited 1.31")],
    }


@pytest.fixture(scope="session")
def outcome() -> dict[str, Any]:
    """Findings of an ordinary run with one teacher."""
    return make_outcome(note="of the reduced features: 16 leading components")


@pytest.fixture(scope="session")
def variants(outcome: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Findings of every kind of run that the report must draw."""
    hostile = make_outcome(
        HOSTILE[:2], HOSTILE[2], title=HOSTILE[3], note=HOSTILE[0], classes=(HOSTILE[1], "x" * 3000)
    )
    old = json.loads(json.dumps(outcome))
    for key in ("title", "note", "identities", "checks", "d_w", "seconds", "why_task", "head"):
        del old[key]
    for pair in old["pairs"]:
        for key in ("geometry", "theory", "misfit", "on_test", "opr_raw_mse", "pgr_accuracy"):
            del pair[key]
    for route in old["routes"]:
        del route["accuracy"], route["settings"], route["excess_risk"]
    return {
        "ordinary": outcome,
        "several teachers": make_outcome(("small", "smaller", "smallest")),
        "classification": make_outcome(classes=("bad", "good"), noise=False, theory=False),
        "cross-validated": make_outcome(test=False, noise=False, ceiling=False, theory=False),
        "few rows": make_outcome(rows=22),
        "long names": make_outcome(("a" * 400, "b" * 399 + "c"), "word " * 200, title="long " * 300),
        "hostile": hostile,
        "old": old,
        "empty": {},
    }


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Open pages of a real headless Chromium."""
    where = shutil.which("chromium") or shutil.which("chromium-browser")
    if where is None:
        pytest.skip("there is no chromium on this machine: the report is not opened in a browser")
    from playwright.sync_api import sync_playwright

    quiet = ("--disable-quic", "--no-first-run", "--disable-background-networking")
    quiet += ("--disable-component-update", "--disable-sync")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=where,
            headless=True,
            args=["--no-sandbox", "--disable-gpu", *quiet],
        )
        yield context.new_page
        context.close()

"""A run's findings made small but by the real measures, and a browser to open their report in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from outgrow.data.features_file import FeatureIdentity
from outgrow.geometry.pair_geometry import measure_pair
from outgrow.heads.expected_error import ExpectedError
from outgrow.heads.routes import Route
from outgrow.intervals import metrics
from outgrow.reproductions.reproduction import Comparison as Published
from outgrow.reproductions.reproduction import Reproduction, Table
from outgrow.results import Check, Estimate, Risks, Undefined, as_plain
from outgrow.study.curves import Curve, Panel
from outgrow.study.outcome import PairResult, Retrospective, RiskPoint, RouteResult, RunOutcome
from outgrow.study.verdict import Comparison, decide
from outgrow.sweeps.sweep_outcome import PairDimensions, SweepOutcome
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
    common, on_rows = rng.normal(size=10), rng.chisquare(1, n_test or n)
    routes, chosen, measured = [], [], {}
    for kind, teacher in names:
        own = RISKS[kind] * (0.9 * common + 0.1 * rng.normal(size=10))
        values = RISKS[kind] + np.concatenate([[0.0], (own.mean() - own) / 9])
        expected = None if kind == "ceiling" else ExpectedError(values, values)
        settings = {"alpha_s": 0.0123}
        route = Route(kind, teacher, None, ("strong",), settings, expected)
        seen = RISKS[kind] * on_rows + 0.1 * rng.chisquare(1, len(on_rows))
        measured[route.name] = seen
        if kind not in ("ceiling", "stage-wise student"):
            chosen.append(route)
        accuracy = (
            Estimate(0.8125, (0.775, 0.85), n=len(seen), method="share right") if classes else REGRESSION
        )
        error = NO_CEILING if expected is None else expected.estimate(n)
        less = error
        if isinstance(error, Estimate) and error.interval:
            ends = (error.interval[0] - 0.5, error.interval[1] - 0.5)
            less = replace(error, value=error.value - 0.5, interval=ends) if noise else NOISE
        routes.append(
            RouteResult(
                name=route.name,
                kind=kind,
                weak=teacher,
                settings=settings,
                expected=error,
                expected_excess=less,
                risk=metrics.mean_loss(seen),
                excess_risk=metrics.excess_risk(seen, 0.5) if noise else NOISE,
                accuracy=accuracy,
            )
        )
    pairs = []
    for name in weak:
        student = measured[f"student ({name})"]
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
                geometry=measure_pair(X_w, X_s, y=latent[:, :1] if ceiling else None),
                theory=_theory() if theory else Undefined("no test rows", "Set rows aside (--test)."),
                misfit=_misfit(test),
            )
        )
    verdict = decide(chosen, n)
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
                other,
                verdict.recommended,
                metrics.paired_difference(measured[other], measured[verdict.recommended]),
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


def _theory() -> Retrospective:
    """Findings of the retrospective."""
    points = tuple(
        RiskPoint(
            route,
            Estimate(value, method="exact formula"),
            Estimate(value + 0.1, (value, value + 0.2), n=300, method="mean over 20 draws"),
        )
        for route, value in (("teacher", 2.4), ("student", 2.1), ("baseline", 3.4), ("ceiling", 1.1))
    )
    return Retrospective(
        title="Retrospective: exact theory beside redrawn experiments",
        head="ridgeless",
        n=60,
        N=340,
        draws=20,
        d_w=8,
        d_s=12,
        inputs={
            "rho_w": Estimate(1.217, n=700, method="measured on all labels"),
            "new_input": Estimate(2.0),
        },
        points=points,
        pgr={"predicted": Estimate(0.231), "measured": Estimate(0.187, (0.15, 0.22))},
        opr={"predicted": NOISE, "measured": NOISE},
        sandwich={"teacher": 1.1, "inherited": 1.31},
        checks=(Check("OG206", "small: inherited 1.31"),),
    )


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
        for key in ("geometry", "theory", "misfit", "opr_raw_mse", "pgr_accuracy"):
            del pair[key]
    for route in old["routes"]:
        del route["accuracy"], route["settings"], route["excess_risk"], route["expected_excess"]
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


N_AXIS = (100, 150, 250, 400, 600, 768, 1000, 1500, 2500, 4000)
BIG_N = (200, 500, 1000, 2000, 3000, 4000, 5000, 6000, 8000, 10_000)
"""Sizes of a made-up sweep: ten of each, with the baseline's interpolation peak among them."""


def make_sweep(
    weak: tuple[str, ...] = ("resnet18", "resnet34", "resnet50", "resnet101", "clip-b32"),
    noise: tuple[float, ...] = (0.0,),
    *,
    strong: str = "resnet152",
    wild: bool = False,
    cells: bool = True,
    **changes: Any,
) -> dict[str, Any]:
    """Make findings of a sweep as they are read back from its JSON; `wild` puts one PGR at -31."""
    rng = np.random.default_rng(7)
    shares = np.linspace(0.72, 0.31, len(weak))

    def risks(place: int, n: float, N: float, level: float) -> dict[str, float]:
        own = (1 + level) * 60 / n
        teacher = 0.5 - 0.2 * place / len(weak) + own
        student = 0.24 - 0.02 * place + shares[place] * own + 80 / N
        peak = 0.2 + (1 + level) * 120 / (abs(n - 760) + 40)
        return {"teacher": teacher, "student": student, "baseline": peak, "ceiling": 0.12 + 30 / (n + N)}

    def curve(place: int, level: float, quantity: str, along: str) -> Curve:
        axis = N_AXIS if along == "n" else BIG_N
        values = []
        for size in axis:
            found = risks(place, size if along == "n" else 1000, size if along == "N" else 10000, level)
            values.append(_ratio(found, quantity) * (1 + 0.02 * rng.standard_normal()))
        half = [abs(value) * 0.03 + 0.01 for value in values]
        given: list[float | None] = list(values)
        if wild and quantity == "pgr" and place == 1:
            given[5], given[7] = -31.0, None
        series = (
            f"{weak[place]} (d_sw/d_w = {shares[place]:.2f})" if len(noise) == 1 else f"noise sd {level:g}"
        )
        return Curve(
            series,
            "measured",
            tuple(map(float, axis)),
            tuple(given),
            tuple(None if y is None else y - h for y, h in zip(given, half, strict=True)),
            tuple(None if y is None else y + h for y, h in zip(given, half, strict=True)),
            "mean over 10 seeds; penalties chosen on the other seeds",
        )

    lines = [(place, level) for place in range(len(weak)) for level in noise]
    panels = tuple(
        Panel(
            f"{name} against {along} ({fixed})",
            f"{'labelled' if along == 'n' else 'unlabelled'} rows, {along}",
            name if key != "student" else "ER of the student",
            tuple(curve(place, level, key, along) for place, level in lines),
            y_log=key != "pgr",
            rule=1.0 if key == "opr" else None,
            group=group,
        )
        for along, fixed, group in (
            ("n", "N = 10,000", "Against the labelled rows"),
            ("N", "n = 1,000", "Against the pool"),
        )
        for key, name in (("pgr", "PGR"), ("opr", "OPR"), ("student", "ER"))
    )
    rows = [
        (key, weak[place], strong, n, N, level, *_spread(_ratio(risks(place, n, N, level), key)))
        for place, level in lines
        for n in N_AXIS
        for N in BIG_N
        for key in ("teacher", "student", "baseline", "ceiling", "pgr", "opr", *DIFFERENCES)
    ]
    names = ("quantity", "weak", "strong", "n", "N", "noise", "value", "low", "high")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    for name in ("alpha_w", "alpha_s"):
        columns[name] = [None] * len(rows)
    columns |= {"seeds": [10] * len(rows), "reason": [""] * len(rows)}
    outcome = SweepOutcome(
        title="Ages from faces: five teachers, one student",
        note="",
        excess=False,
        task="regression",
        rows=20_000,
        test_rows=3_708,
        pairs=tuple(
            PairDimensions(
                name,
                strong,
                512,
                2048,
                420 - 20 * place,
                812,
                Estimate(
                    (420 - 20 * place) * float(share), (100.0, 310.0), n=20_000, method="whitened products"
                ),
                340.0,
                0.21 + 0.01 * place,
                0.205,
            )
            for place, (name, share) in enumerate(zip(weak, shares, strict=True))
        ),
        tuned=True,
        panels=panels,
        table={},
        cells=columns if cells else {},
        fits={"moments": 50_400, "rows": 120, "condition": 3.4e6},
        memory={"rows": 123_000_000, "blocks": 456_000_000, "count": 200, "size": 100},
        notes=("The baseline peaks near n = 768, where its least squares interpolate.",),
        checks=(Check("OG202", "n = 768, d_s = 812"),),
        config={
            "strong": "resnet152=/srv/someone/features/resnet152",
            "weak": [f"/srv/someone/features/{name}" for name in weak],
            "n": list(N_AXIS),
            "N": list(BIG_N),
            "noise": list(noise),
            "seeds": 10,
            "note": None,
        },
        seconds=41.2,
    )
    return {**json.loads(json.dumps(as_plain(outcome))), **changes}


DIFFERENCES = ("student_less_teacher", "student_less_baseline")


def _ratio(risks: dict[str, float], quantity: str) -> float:
    if quantity in DIFFERENCES:
        return risks["student"] - risks[quantity.removeprefix("student_less_")]
    if quantity == "pgr":
        return (risks["teacher"] - risks["student"]) / (risks["teacher"] - risks["ceiling"])
    return risks["baseline"] / risks["student"] if quantity == "opr" else risks[quantity]


def _spread(value: float) -> tuple[float, float, float]:
    half = 0.03 * abs(value) + 0.02
    return value, value - half, value + half


def make_reproduction(*, published: bool = True, **changes: Any) -> dict[str, Any]:
    """Make findings of a reproduction as they are read back from its JSON: curves, theory and bounds."""
    n, fine = np.geomspace(250, 16_000, 10), np.geomspace(250, 16_000, 40)
    rng = np.random.default_rng(11)

    def curves(d_sw: int, quantity: str) -> list[Curve]:
        def exact(n: np.ndarray) -> np.ndarray:
            risk = {"ER": 2.2e-4 + 0.01 * (d_sw + 20) / n, "PGR": 0.55 + 0.3 * (90 - d_sw) / 90 - 40 / n}
            return risk.get(quantity, 0.8 + 1500 / (n + 30 * d_sw))

        series, y = f"d_sw = {d_sw}", exact(n) * (1 + 0.04 * rng.standard_normal(len(n)))
        half = 0.06 * np.abs(y)
        given = (tuple(y.tolist()), tuple((y - half).tolist()), tuple((y + half).tolist()))
        found = [
            Curve(series, "theory", tuple(fine.tolist()), tuple(exact(fine).tolist()), note="T2, exact"),
            Curve(series, "measured", tuple(n.tolist()), *given, note="mean over 10 draws of everything"),
        ]
        if quantity == "ER":
            bound = tuple((3 * exact(fine)).tolist())
            found.append(Curve(series, "bound", tuple(fine.tolist()), bound, note="Theorem 1, as printed"))
        elif published:
            found.append(Curve(series, "published", (2000.0,), (float(exact(n)[5]) + 0.01,), note="read off"))
        return found

    panels = tuple(
        Panel(
            f"{quantity} against n (N = 10,000)",
            "labelled rows, n",
            quantity,
            tuple(curve for d_sw in (10, 50, 90) for curve in curves(d_sw, quantity)),
            y_log=quantity == "ER",
            rule=1.0 if quantity == "OPR" else None,
        )
        for quantity in ("ER", "PGR", "OPR")
    )
    printed = (0.52, 0.528, 0.588, 0.612) if published else (None,) * 4
    comparisons = [
        Published(f"PGR, {name}, n = 2,000, N = 10,000", there, ours, 0.02, why, (ours - 0.015, ours + 0.015))
        for name, there, ours, why in zip(
            ("ResNet-18", "ResNet-34", "ResNet-101", "ResNet-152"),
            printed,
            (0.514, 0.531, 0.552, 0.6),
            ("", "", "other weights of the same network", ""),
            strict=True,
        )
    ]
    comparisons.append(
        Published("rho_w at offset 10", 1.64e-4, 1.6402e-4, 5e-7, "rounding of what is printed")
    )
    comparisons.append(Published("OPR, CLIP", 2.321, None, 0.1, "the baseline has no finite risk here"))
    table = {
        "offset": ["10", "50", "90"],
        "d_w": [200] * 3,
        "d_sw": [90.0, 50.0, None],
        "same": [True, False, None],
    }
    outcome = Reproduction(
        name="synthetic",
        title="The synthetic experiments, three overlaps",
        source="a talk on discrepancies as virtues, 2025",
        setting="20,000 coordinates, 300 of them with signal, variance .01; 10 draws of everything.",
        verdict="partly matches" if published else "not compared",
        because="five numbers agree to their digits; ResNet-101 differs by .036, as other weights would.",
        comparisons=tuple(comparisons),
        panels=panels,
        tables=(
            Table("risks", "Every risk", {"draw": list(range(90)), "risk": np.linspace(0, 1, 90).tolist()}),
            Table("dimensions", "Dimensions", table, "Exact, from the offsets."),
        ),
        notes=("PGR falls with n because of misspecification.",),
        checks=(),
        config={
            "name": "synthetic",
            "d": 20_000,
            "data": "/srv/someone/UTKFace",
            "n": [250, 16_000],
        },
        seconds=12.0,
    )
    return {**json.loads(json.dumps(as_plain(outcome))), **changes}


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Findings of every kind of forecast that the page must draw."""
    from .made_forecasts import make_forecasts

    return make_forecasts(tmp_path_factory.mktemp("forecasts"))


def hostile_reproduction():
    """User text in every place of a reproduction."""
    text = HOSTILE[2] + HOSTILE[0]
    outcome = make_reproduction(
        **dict.fromkeys(("name", "title", "source", "setting", "verdict", "because"), text)
    )
    outcome |= {"notes": [text], "config": {text: text, "t": {text: [text]}}}
    for one in outcome["comparisons"]:
        one["what"] = one["reason"] = text
    for one in outcome["tables"]:
        one |= {"name": text, "title": text, "note": text, "columns": {text: [text]}}
    for one in outcome["panels"]:
        one |= dict.fromkeys(("title", "x_name", "y_name", "group"), text)
        for place, curve in enumerate(one["curves"]):
            curve["series"], curve["note"] = f"{text} {place}", text
    return outcome


@pytest.fixture(scope="session")
def findings(variants, outcomes):
    """Findings by verb and kind."""
    from .made_plans import make_plan
    from .made_rankings import make_ranking

    words = {"strong": HOSTILE[0], "title": HOSTILE[1], "note": HOSTILE[2]}
    long = "a teacher of a rather long name, as they come"
    many = tuple(f"a long name of teacher number {number:02d}" for number in range(20))
    return {
        "run": variants,
        "forecast": outcomes,
        "rank": {
            "ordinary": make_ranking(),
            "many": make_ranking(many),
            "hostile": make_ranking(HOSTILE[:3], sentence=HOSTILE[0], **words),
        },
        "plan": {
            "ordinary": make_plan(),
            "long names": make_plan((long, "b")),
            "hostile": make_plan(HOSTILE[:2], HOSTILE[2], HOSTILE[0]) | {"notes": [HOSTILE[2]]},
        },
        "sweep": {
            "ordinary": make_sweep(),
            "wild": make_sweep(wild=True),
            "noise": make_sweep(("only",), (0.0, 5.0, 20.0)),
            "hostile": make_sweep(HOSTILE[:3], notes=[HOSTILE[0]], **words),
        },
        "reproduction": {"ordinary": make_reproduction(), "hostile": hostile_reproduction()},
    }

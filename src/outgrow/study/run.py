"""The main study: train every route, judge on labels, report on test rows.

Data flows through it once: prepare, train, decide, evaluate, measure the representations, compare with
theory. Nothing here prints or draws; `progress` is told what is being done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from outgrow.config import RunConfig
from outgrow.geometry.pair_geometry import measure_pair
from outgrow.heads.routes import COST_ORDER
from outgrow.intervals.metrics import mean_loss, paired_difference
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined
from outgrow.study.evaluate import Scores, cross_validate, on_rows, read_by
from outgrow.study.outcome import PairResult, RouteResult, RunOutcome
from outgrow.study.prepare import Prepared, prepare
from outgrow.study.retrospective import retrospective
from outgrow.study.sources import NOTHING, Permissions, Progress
from outgrow.study.training import Trained, train, training_rows
from outgrow.study.verdict import Comparison, decide
from outgrow.theory.misfit import MisfitGain, outcome_of, squared_misfit
from outgrow.theory.stage import near_peak

UNKNOWN = Undefined("the ceiling has labels that no other route has", "Read its risk on test rows.")
"""What labelled rows say of the ceiling."""

NO_TEST = Undefined("there are no test rows to measure the gain on", "Set rows aside for the test (--test).")
"""The gain beside a promise that was read off the pool."""


@dataclass(frozen=True)
class Study:
    """A run in memory: what was found, and what found it."""

    config: RunConfig
    """The resolved configuration."""
    data: Prepared
    """The rows."""
    trained: tuple[Trained, ...]
    """Every route's model."""
    outcome: RunOutcome
    """Everything found."""


def run(config: RunConfig, progress: Progress | None = None, permissions: Permissions = NOTHING) -> Study:
    """Train, judge and measure as a configuration says."""
    started = time.perf_counter()
    tell = progress or (lambda _what, _share: None)
    tell("reading features and labels", 0.0)
    data = prepare(config, permissions, progress)
    trained, outcome = _train_and_judge(config, data, tell, started)
    tell("done", 1.0)
    return Study(config, data, trained, outcome)


def _train_and_judge(
    config: RunConfig, data: Prepared, tell: Progress, started: float
) -> tuple[tuple[Trained, ...], RunOutcome]:
    split = data.split
    rows = training_rows(data, split.labelled, head=config.head, rank=config.rank, seed=config.seed)
    tell("training every route", 0.1)
    trained, training_checks = train(rows)
    checks = [*data.checks, *training_checks, *_near_peaks(data, trained)]

    n = len(split.labelled)
    to_choose = [item.route for item in trained if item.route.kind in COST_ORDER]
    verdict = decide(to_choose, n, config.tolerance, rows.groups is not None)

    if len(split.test):
        evaluation = "test rows"
        losses = on_rows(data, trained, split.test)
    else:
        evaluation = "cross-validation over the labelled rows"
        done = iter(np.linspace(0.2, 0.6, rows.head.folds + 1))
        losses = cross_validate(
            data,
            rows,
            seed=config.seed,
            advance=lambda: tell("cross-validating", float(next(done, 0.6))),
        )
    scores = Scores(losses, config.noise_variance, config.truth_variance)
    results = tuple(
        # Of routes to choose from, the estimate that the verdict compares.
        scores.route(
            item,
            verdict.risks.get(item.route.name, UNKNOWN)
            if item.route.expected is None or item.route.kind in COST_ORDER
            else item.route.expected.estimate(n, rows.groups is not None),
        )
        for item in trained
    )
    checks += [
        check for result in results if result.name == verdict.recommended for check in _surprise(result)
    ]

    checks += [
        Check("OG212", f"{result.name}: {result.excess_risk:.3g}")
        for result in results
        if isinstance(result.excess_risk, Estimate) and (result.excess_risk.interval or (0, 0))[1] < 0
    ]
    on_test = scores.against(verdict)
    if len(split.test):
        checks += _unresolved(verdict.comparisons, on_test)
    pairs = []
    for place, weak in enumerate(data.weak):
        tell(f"measuring {weak} against {data.strong_name}", 0.6 + 0.4 * place / len(data.weak))
        pair = _pair(data, trained, weak, scores, results, config)
        checks += [*_pair_checks(pair), *getattr(pair.theory, "checks", ())]
        pairs.append(pair)
    kept = {item.route.weak: item.spaces[0].rank for item in trained if item.route.kind == "teacher"}
    outcome = RunOutcome(
        title=config.title or f"Will {data.strong_name} outgrow {', '.join(data.weak)}?",
        note=config.note,
        task=data.task,
        why_task=data.why,
        classes=tuple(str(label) for label in data.classes),
        head=config.head,
        evaluation=evaluation,
        n=n,
        N=len(split.unlabelled),
        n_test=len(split.test),
        d_w={str(name): rank for name, rank in kept.items()},
        d_s=trained[0].spaces[0].rank,
        verdict=verdict,
        on_test=on_test,
        routes=results,
        pairs=tuple(pairs),
        checks=tuple(dict.fromkeys(checks)),
        config=config.model_dump(mode="json"),
        identities=dict(data.identities),
        seconds=time.perf_counter() - started,
        reading=data.reading,
        majority_rate=scores.majority(data.y[split.labelled].argmax(axis=1)),
    )
    return tuple(trained), outcome


def _pair(
    data: Prepared,
    trained: list[Trained],
    weak: str,
    scores: Scores,
    results: tuple[RouteResult, ...],
    config: RunConfig,
) -> PairResult:
    by_name = {result.name: result for result in results}
    teacher, student = f"teacher ({weak})", f"student ({weak})"

    def measured(name: str) -> Quantity:
        if name not in by_name:
            return Undefined("the pool's labels are not known", "Nothing short of labelling the pool.")
        result = by_name[name]
        return result.excess_risk if isinstance(result.excess_risk, Estimate) else result.risk

    extras = {
        kind: measured(f"{kind} ({weak})")
        for kind in ("joint", "union", "stage-wise student")
        if f"{kind} ({weak})" in by_name
    }
    ratio, raw = scores.opr(student)
    split = data.split
    pool = np.concatenate([split.labelled, split.unlabelled])
    models = {item.route.name: item for item in trained}
    assert data.belong is not None
    geometry = measure_pair(
        data.weak[weak],
        data.strong,
        rank_w=_by_hand(config, models[teacher].spaces[0].rank, 0),
        rank_s=_by_hand(config, models[student].spaces[0].rank, -1),
        rng=np.random.default_rng(config.seed),
        rows=pool,
        taken=(data.moments[weak], data.belong),
        spaces=(data.spaces[weak], data.spaces[data.strong_name]),
        y=data.y if data.pool_known else None,
    )
    return PairResult(
        weak=weak,
        strong=data.strong_name,
        risks=Risks(measured(teacher), measured(student), measured("baseline"), measured("ceiling"), extras),
        pgr=scores.pgr(teacher, student),
        opr=ratio,
        opr_raw_mse=raw,
        pgr_accuracy=scores.pgr(teacher, student, wrong=True),
        geometry=geometry,
        theory=retrospective(data, weak, config),
        misfit=_misfit(data, models[teacher], models[student]),
    )


def _misfit(data: Prepared, teacher: Trained, student: Trained) -> MisfitGain:
    students_teacher, test = _students_teacher(teacher, student), data.split.test
    # Fresh rows where there are any: on the pool the student imitates better than elsewhere.
    rows = test if len(test) else data.split.unlabelled
    groups = None if data.groups is None else data.groups[rows]
    misfit = squared_misfit(read_by(data, students_teacher, rows), read_by(data, student, rows))
    promised = mean_loss(misfit, groups)
    if not len(test):
        return MisfitGain("pool rows", promised, NO_TEST, NO_TEST, outcome_of(NO_TEST))
    losses = on_rows(data, (students_teacher, student), test)
    best = losses.against_truth or losses.squared
    pair = best[students_teacher.route.name], best[student.route.name]
    beyond = paired_difference(pair[0] - pair[1], misfit, groups)
    return MisfitGain("test rows", promised, paired_difference(*pair, groups), beyond, outcome_of(beyond))


def _students_teacher(teacher: Trained, student: Trained) -> Trained:
    """Give the teacher that the student learned from, whose penalty was chosen with the student's."""
    model = student.route.teacher
    assert model is not None
    settings = {"alpha_w": student.route.settings["alpha_w"]}
    return replace(teacher, route=replace(teacher.route, model=model, settings=settings))


def _by_hand(config: RunConfig, rank: int, place: int) -> int | None:
    # Ridge heads see every direction: the dimensions are then measured by rule, not by the head's width.
    if config.head == "ridgeless":
        return rank
    return config.rank[place] if config.rank else None


def _near_peaks(data: Prepared, trained: list[Trained]) -> list[Check]:
    n, N = len(data.split.labelled), len(data.split.unlabelled)
    checks = []
    for item in trained:
        if any(value > 0 for key, value in item.route.settings.items() if key.startswith("alpha")):
            continue
        d = item.spaces[0].rank
        if item.route.kind == "teacher" and near_peak(d, n):
            checks.append(Check("OG201", f"n = {n}, d_w = {d} ({item.route.weak})"))
        if item.route.kind == "baseline" and near_peak(d, n):
            checks.append(Check("OG202", f"n = {n}, d_s = {d}"))
        if item.route.kind == "student" and near_peak(d, N):
            checks.append(Check("OG203", f"N = {N}, d_s = {d}"))
    return checks


def _pair_checks(pair: PairResult) -> list[Check]:
    checks = []
    ceiling, teacher = pair.risks.ceiling, pair.risks.teacher
    if isinstance(ceiling, Estimate) and isinstance(teacher, Estimate) and ceiling.value >= teacher.value:
        checks.append(
            Check("OG205", f"{pair.weak}: ceiling {ceiling.value:.3g}, teacher {teacher.value:.3g}")
        )
    checks += [Check(check.code, f"{pair.weak}: {check.detail}") for check in getattr(pair.pgr, "checks", ())]
    shared = pair.geometry.correlation.estimate
    return [*checks, *(shared.checks if isinstance(shared, Estimate) else ())]


def _unresolved(claimed: Sequence[Comparison], tested: Sequence[Comparison]) -> list[Check]:
    """Name the differences that the labels resolve and the test rows do not."""
    on_test = {one.route: one for one in tested}
    return [
        Check("OG204", f"{claim.route} less {claim.against}: {on_test[claim.route].difference:+.2g}")
        for claim in claimed
        if claim.resolved and claim.route in on_test and not on_test[claim.route].resolved
    ]


def _surprise(result: RouteResult) -> list[Check]:
    """Tell of a measured error outside what was expected, the intervals of both allowed for."""
    expected, risk = result.expected, result.risk
    if not (isinstance(expected, Estimate) and isinstance(risk, Estimate)):
        return []
    if expected.interval is None or risk.interval is None:
        return []
    reach = float(np.hypot(np.subtract(*expected.interval), np.subtract(*risk.interval))) / 2
    if abs(risk.value - expected.value) <= reach:
        return []
    return [Check("OG218", f"{result.name}: expected {expected:.3g}, measured {risk:.3g}")]

"""What theory and this project's own pages claim of the rated rows, held against what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from outgrow.geometry.intrinsic import ENERGY_LEVEL
from outgrow.geometry.published import similarity_of_spectra
from outgrow.intervals.jackknife import t_quantile
from outgrow.linalg.spectrum import spectrum_of_rows
from outgrow.reproductions.at_hand import AtHand, known_as
from outgrow.reproductions.experiment import MeasuredWay
from outgrow.reproductions.reproduction import Comparison, at_place
from outgrow.results import Undefined
from outgrow.sweeps.grid import SweepData
from outgrow.sweeps.summary import mean_and_ends
from outgrow.sweeps.sweep_outcome import PairDimensions

FEW = 0.03
"""What docs/theory.md claims of T4: right within a few percent."""

SDS = 3.0
"""Standard deviations that are allowed: one number in 400 lies beyond them where nothing is wrong. Of
means over few seeds more standard errors are, so that as few do (`reach`)."""

TUNING: Mapping[str, float] = {"stage by stage": 2.236, "together": 2.017, "oracle": 2.014}
"""Errors of MiniLM-L3 -> mpnet at `TUNED_AT` in docs/theory.md, T8, by how penalties were chosen."""

PAIR, WIDTHS = ("minilm-l3", "mpnet"), (384, 768)
"""The pair that these are of, and the widths of its full features."""

TUNED_AT = 400
"""The n of these."""

ROUNDING = 5e-4
"""Half of their last digit."""

VAGUE = 0.5
"""Share of a number that its tolerance may be. With two or three seeds chance alone moves means by more than
the whole of it: a number that cannot fail is none that matches."""

ERRORS = "what chance gives a mean over seeds in all but one of 400 cases"
"""What `reach` allows, in words."""


def reach(seeds: int) -> float:
    """Say how far a mean over seeds may lie from its expectation, in half-widths of its interval."""
    return t_quantile(seeds - 1, 2 * norm.cdf(SDS) - 1) / t_quantile(seeds - 1)


def theory_comparisons(measured: MeasuredWay, rows: AtHand, at: tuple[int, int]) -> tuple[Comparison, ...]:
    """Hold measured mean risks against those of T4, at one cell."""
    grid, out = measured.grid, []
    asked = [(model, pair) for model in ("student", "teacher") for pair in rows.pairs]
    asked += [(model, rows.pairs[0]) for model in ("baseline", "ceiling")]
    for noise in sorted({min(grid.noise), max(grid.noise)}):
        for model, pair in asked:
            theory = float(measured.theory[pair].risks(noise, at[:1], at[1:])[model][0, 0])
            ends = mean_and_ends(measured.tuned.of(model, *pair))
            ours, low, high = at_place(ends, measured.place(noise, at))
            name = {"student": " → ".join(pair), "teacher": pair[0]}.get(model, pair[1])
            what = (
                f"excess risk of the {model} {name}, added noise sd {noise:g}, n = {at[0]:,}, N = {at[1]:,}"
            )
            tolerance = FEW * theory + reach(grid.seeds) * (high - low) / 2
            if tolerance > VAGUE * theory:
                reason = (
                    f"not compared with {theory:.3g} of docs/theory.md, T4: over {grid.seeds} seeds chance"
                    f" alone may move it by {tolerance:.2g}; ask for more --seeds"
                )
                out.append(Comparison(what, None, ours, 0.0, reason, (low, high)))
            else:
                reason = f"of docs/theory.md, T4; {FEW:.0%} of it, and {ERRORS}"
                out.append(Comparison(what, theory, ours, tolerance, reason, (low, high)))
    return tuple(out)


def peak_comparison(measured: MeasuredWay, rows: AtHand, held: int, peak: int) -> Comparison:
    """Say where the ratio of risks is largest without penalties."""
    what = f"n of the largest OPR without penalties, student {rows.student}, N = {held:,}"
    if peak not in measured.grid.n:
        reason = f"not measured: {peak:,} labelled rows beside the largest pool are not there"
        return Comparison(what, float(peak), None, 0.0, reason)
    level, _, j = measured.place(min(measured.grid.noise), (measured.grid.n[0], held))
    risks = measured.risks(rows.pairs[0])
    baseline, student = (risks[model][level, :, j].mean(axis=-1) for model in ("baseline", "student"))
    ratios = baseline / student
    best = int(np.argmax(ratios))
    reason = (
        "the baseline interpolates at its rank and one for the intercept (docs/theory.md, T2); OPR"
        f" {ratios[best]:.3g} there, with teacher {rows.teachers[0]}"
    )
    return Comparison(what, float(peak), float(measured.grid.n[best]), 0.0, reason)


def similarity_comparisons(data: SweepData, pairs: Sequence[tuple[str, str]]) -> tuple[Comparison, ...]:
    """Hold the published similarity of every pair against chance.

    Two networks that were trained apart have coordinates of their own. Leading eigenvectors compared
    coordinate by coordinate then meet as random subspaces do, and the value is d_s d_w / D, whatever both
    share (docs/theory.md, T1). Layers of one network share coordinates, as far as it passes them on.
    """
    views = dict.fromkeys(view for pair in pairs for view in pair)
    spectra = {view: spectrum_of_rows(data.views[view][data.train]) for view in views}
    out = []
    for weak, strong in pairs:
        what = f"published similarity of {weak} → {strong}, chance level"
        similarity = similarity_of_spectra(spectra[weak], spectra[strong], np.random.default_rng(0))
        if isinstance(similarity, Undefined):
            out.append(Comparison(what, None, None, 0.0, similarity.reason))
            continue
        published, tolerance = None, 0.0
        sizes = (
            f"d_s d_w / D at energy {ENERGY_LEVEL:g}: {similarity.d_s} {similarity.d_w} / {similarity.width}"
        )
        if similarity.matching != "none":
            # No features could fail: such a match would say nothing of these.
            reason = (
                f"chance by construction, {similarity.chance:.1f}: the narrower set is rotated at random;"
                f" {sizes}"
            )
        elif network_of(weak) == network_of(strong):
            reason = (
                "layers of one network share coordinates as far as it passes them on:"
                f" {similarity.value:.1f} where chance is {similarity.chance:.1f}"
            )
        else:
            published, tolerance = similarity.chance, SDS * similarity.chance_sd
            reason = f"{sizes}; coordinates as they are; {SDS:g} standard deviations (docs/theory.md, T1)"
        out.append(Comparison(what, published, similarity.value, tolerance, reason))
    return tuple(out)


def network_of(name: str) -> str:
    """Take the layer off the name of a feature set."""
    return re.sub(r"([-_.@]?layer[-_]?|@)-?\d+$", "", name)


def tuning_comparisons(
    tuning: Sequence[Mapping[str, Any]], rows: AtHand, pairs: Sequence[PairDimensions], seeds: int
) -> tuple[Comparison, ...]:
    """Hold choices of penalties against the numbers of T8, where features are those of T8."""
    teacher = rows.known(PAIR[:1]).get(PAIR[0])
    asked = {(row["teacher"], row["noise_sd"], row["n"]): row for row in tuning}
    row = asked.get((teacher, 0.0, TUNED_AT))
    lacking = "" if row else f"n = {TUNED_AT:,} without added noise was not asked for"
    if rows.embedded:
        lacking = "the embedded components are not the full features"
    elif teacher is None or known_as(rows.student, PAIR[1:]) is None:
        lacking = f"{' → '.join(PAIR)} is not at hand"
    else:
        (pair,) = (pair for pair in pairs if pair.weak == teacher)
        # Columns that do not vary were left out.
        widths = zip((pair.width_w, pair.width_s), WIDTHS, strict=True)
        if any(not 0.95 * full <= width <= full for width, full in widths):
            lacking = f"widths are {pair.width_w} and {pair.width_s} instead of {WIDTHS[0]} and {WIDTHS[1]}"
    out = []
    for choice, printed in TUNING.items():
        what = f"error of {' → '.join(PAIR)}, n = {TUNED_AT:,}, penalties {choice}"
        if lacking or row is None:
            out.append(Comparison(what, printed, None, ROUNDING, f"not compared: {lacking}"))
            continue
        name = choice.replace(" ", "_")
        # Errors there are against mean ratings, whose own error is in them.
        ours, low, high = (row[name + end] + rows.truth_variance for end in ("", "_low", "_high"))
        tolerance = ROUNDING + 2**0.5 * reach(seeds) * (high - low) / 2
        reason = (
            f"docs/theory.md, T8, against mean ratings; rounding, and {ERRORS} (theirs taken to be as"
            " large). There leave-one-out chose, here other seeds do; N and rows of it are not given."
        )
        out.append(Comparison(what, printed, ours, tolerance, reason, (low, high)))
    return tuple(out)


def because_of(comparisons: Sequence[Comparison], rows: AtHand) -> str:
    """Say what the comparisons come to."""
    answers = [each for each in comparisons if each.matches is not None]
    wrong = [each.what for each in answers if not each.matches]
    if not answers:
        return "None of the numbers could be compared: the last column says why."
    sentence = (
        f"{len(answers) - len(wrong)} of {len(answers)} numbers of theory and of this project's pages are met"
        f" on {'the embedded components' if rows.embedded else 'the features at hand'}"
    )
    vague = sum(each.published is None and each.interval is not None for each in comparisons)
    if vague:
        sentence += f" ({vague} more are left to chance by so few seeds)"
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{sentence}; not met: {wrong[0]}{more}." if wrong else f"{sentence}."


def off_theory(held: Sequence[Comparison]) -> tuple[int, int, str]:
    """Count intervals that contain the value of theory, of how many, and say how far it is off."""
    deviations = [
        (one.ours / one.published - 1, one.what, one.interval[0] <= one.published <= one.interval[1])
        for one in held
        if one.published and one.ours is not None and one.interval is not None
    ]
    if not deviations:
        return 0, 0, ""
    worst, what, _ = max(deviations, key=lambda each: abs(each[0]))
    within = sum(inside for *_, inside in deviations)
    return (
        within,
        len(deviations),
        f"{within} of {len(deviations)} intervals of mean risks at the sizes held contain the value of"
        f" theory; the largest deviation of a mean is {worst:+.1%} ({what}).",
    )

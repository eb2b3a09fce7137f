"""A forecast in words: what is expected, how sure that is, and what the labels cannot tell."""

from __future__ import annotations

import math
from typing import Any

from outgrow.report.findings import Plain, items, part, scale_text, title_of
from outgrow.report.text import (
    interval_of,
    is_number,
    number,
    quantity_text,
    sentence_list,
    shortened,
    undefined_text,
    value_of,
    visible,
)
from outgrow.report.words import kind_title

KINDS_OF_FORECAST = {
    "prospective": (
        "Prospective forecast",
        "Made from the labels at hand and the unlabelled rows alone, before anything is trained or bought.",
    ),
    "retrospective": (
        "Retrospective forecast",
        "Made with labels that nobody has when the question is asked: it shows how good the theory is, not"
        " how much few labels tell.",
    ),
}
"""For each kind of forecast its heading and what it means."""

PART_TITLES = {"bias": "Bias", "inherited": "Inherited variance", "fresh": "Fresh variance"}
"""Parts of the student's risk as tables name them."""

RIVALS = ("teacher", "baseline", "union")
"""What the student is held against."""

ATTAINABLE = ("teacher", "student", "baseline", "union", "joint")
"""Routes that can be taken; the ceiling's labels nobody has."""

PHRASES = {
    "teacher": "the teacher itself is forecast",
    "student": "its student is forecast",
    "baseline": "labels-only is forecast",
    "union": "a fit of both models to the labels is forecast",
    "joint": "a student of labels and pseudo-labels together is forecast",
}
"""Routes at the head of a sentence."""

OBJECTS = {"teacher": "its teacher", "baseline": "labels-only", "union": "the fit of both models"}
"""The student's rivals in a sentence."""

SURE = 0.95
"""Probability from which a forecast is said to decide: the one-sided level of the 90 % intervals."""

WORDS = (
    (
        "Forecast",
        "the mean of a risk over draws of n labelled and N unlabelled rows, computed and not trained for. Any"
        " single training may come out above or below.",
    ),
    ("Bias", "what is left of the student's risk with endless draws averaged: what its features miss."),
    (
        "Inherited variance",
        "what the student takes over of the noise in the labels its teacher was fitted to.",
    ),
    ("Fresh variance", "what the student's own draw of unlabelled rows adds; it falls as N grows."),
)
"""Words of this page alone."""


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, "What is to be expected of the student?")


def kind_of(outcome: Plain) -> tuple[str, str]:
    """Give the heading of a forecast's kind, and what it means."""
    return KINDS_OF_FORECAST.get(str(outcome.get("kind")), KINDS_OF_FORECAST["prospective"])


def design_title(design: Plain) -> str:
    """Name a design."""
    return f"n {number(design.get('n'))}, N {number(design.get('N'))}"


def sizes(outcome: Plain) -> str:
    """Say what a forecast rests on."""
    named = (("m", "labels used"), ("pool", "unlabelled rows at hand"))
    counts = [f"{number(outcome[key])} {title}" for key, title in named if is_number(outcome.get(key))]
    return ", ".join([*counts, *([str(outcome["task"])] if outcome.get("task") else [])])


def at_hand(outcome: Plain, pair: Plain) -> Plain | None:
    """Find the design nearest to the labels and the pool at hand."""
    designs = [d for d in items(pair, "designs") if is_number(d.get("n")) and is_number(d.get("N"))]
    here = [value_of(outcome.get(key)) for key in ("labelled", "pool")]

    def far(design: Plain) -> float:
        both = zip((design["n"], design["N"]), here, strict=True)
        return sum(abs(math.log(max(size, 1) / max(rows, 1))) for size, rows in both if rows is not None)

    return min(designs, key=far, default=None)


def risks_of(design: Plain) -> dict[str, Any]:
    """List the risks of a design by route."""
    risks = part(design, "risks")
    return {**risks, **part(risks, "extras")}


def sentence(outcome: Plain, pair: Plain) -> str:
    """Say what is expected of one teacher and its student at the design at hand."""
    weak = shortened(pair.get("weak"), 40)
    design = at_hand(outcome, pair)
    if design is None:
        return f"Nothing was forecast for {weak}."
    where = f"With {number(design.get('n'))} labelled and {number(design.get('N'))} unlabelled rows"
    risks = {key: value_of(value) for key, value in risks_of(design).items() if key in ATTAINABLE}
    known = {key: value for key, value in risks.items() if value is not None}
    if not known:
        return f"{where} no route of {weak} has a risk that can be forecast; the reasons stand below."
    zero = [PHRASES[key].removesuffix(" is forecast") for key, value in known.items() if value == 0]
    if len(zero) > 1:
        return (
            f"{where} and the teacher {weak}, these labels do not tell the excess risks of"
            f" {sentence_list(zero)} from zero, and so not from each other."
        )
    best = min(known, key=lambda key: known[key])
    least = f"{PHRASES[best]} to err least, {quantity_text(risks_of(design)[best])}"
    if "student" not in known:
        return f"{where} and {weak}, {least}; the student's risk is undefined."
    wins = part(design, "wins")
    chances = {rival: value_of(wins.get(rival)) for rival in RIVALS}
    judged = [_against(OBJECTS[rival], chance) for rival, chance in chances.items() if chance is not None]
    student = (
        ""
        if best == "student"
        else f"; its student is expected at {quantity_text(risks_of(design)['student'])}"
    )
    text = f"{where} and the teacher {weak}, {least}{student}."
    return f"{text} The student {sentence_list(judged)}." if judged else text


def _against(rival: str, chance: float) -> str:
    if chance >= SURE:
        return f"beats {rival}"
    if chance <= 1 - SURE:
        return f"does not beat {rival}"
    return f"may or may not beat {rival} ({chance:.0%} that it does)".replace("%", " %")


def given_sentences(outcome: Plain, pair: Plain) -> list[str]:
    """Say what a given teacher's score is worth, and from how many labels on it is not needed."""
    made = []
    if scale := scale_text(pair.get("weak"), part(pair, "settings"), outcome.get("labelled")):
        made.append(f"{scale}.")
    for route, estimate in part(pair, "labels_win").items():
        name = {"student": "the W2S student", "joint": "the joint student"}.get(route, route)
        place, ends = value_of(estimate), interval_of(estimate)
        if place is None:
            made.append(f"Labels alone or {name}: {undefined_text(estimate)}")
            continue
        reach, looked = "", list(pair.get("searched") or ())
        if ends is not None and len(looked) == 2:
            # An interval that ends where the search did may be wider.
            low = f"{number(round(ends[0]))}{' or fewer' if ends[0] <= looked[0] else ''}"
            high = f"{number(round(ends[1]))}{' or more' if ends[1] >= looked[1] else ''}"
            reach = f" (90 % interval: {low} to {high})"
        made.append(
            f"Labels alone are better than {name} from about {number(round(place))} labels on{reach}."
        )
    return made


def anchor_sentence(outcome: Plain, pair: Plain) -> str:
    """Say whether a forecast agrees with leave-one-out."""
    anchors = items(pair, "anchors")
    if not anchors:
        if outcome.get("kind") == "retrospective":
            return "A retrospective forecast uses more labels than leave-one-out has; they are not compared."
        return "Leave-one-out was not taken."
    off = [
        kind_title(anchor.get("route"))
        for anchor in anchors
        if (ends := interval_of(anchor.get("difference"))) and not ends[0] <= 0 <= ends[1]
    ]
    where = "At the labels and the pool at hand, leave-one-out on the labelled rows estimates the same error."
    if not off:
        return f"{where} The two agree within their intervals."
    return f"{where} They disagree on: {', '.join(off)}. Trust leave-one-out there."


def lost(pair: Plain) -> list[tuple[str, str]]:
    """Say what is undefined and why, once for all designs that lack it for a reason of one kind."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for design in items(pair, "designs"):
        named = [(kind_title(route), quantity) for route, quantity in risks_of(design).items()]
        named += [(key.upper(), design.get(key)) for key in ("pgr", "opr")]
        for name, quantity in named:
            if undefined_text(quantity):
                # Reasons differ by their numbers from design to design; what to do about them does not.
                kind = (name, visible(quantity.get("remedy", "")))
                by_kind.setdefault(kind, []).append(undefined_text(quantity))
    by_reason: dict[tuple[str, int], list[str]] = {}
    for (name, _), reasons in by_kind.items():
        by_reason.setdefault((reasons[0], len(reasons)), []).append(name)
    total = len(items(pair, "designs"))
    return [
        (
            ", ".join(names),
            f"undefined: {text}"
            if count == total
            else f"undefined in {count} of {total} designs, such as: {text}",
        )
        for (text, count), names in by_reason.items()
    ]


def identified(outcome: Plain) -> list[tuple[str, str]]:
    """Say what the labels at hand tell, and what they do not."""
    noise = part(outcome, "noise")
    known = value_of(noise)
    lines = [
        (
            "PGR",
            "told without knowing the noise: the noise variance cancels in both of its differences.",
        )
    ]
    if known is not None:
        lines.append(
            (
                "Excess risk and OPR",
                f"told with the noise variance {number(known)} ({noise.get('method')}); its own error is not"
                " in the intervals.",
            )
        )
    elif outcome.get("task") == "classification":
        lines.append(
            (
                "Excess risk and OPR",
                "not told: the noise of class labels is not known. Risks are squared losses of the scores on"
                " one-hot codes of new labels.",
            )
        )
    else:
        lines.append(
            (
                "Excess risk and OPR",
                "not told: they need the variance of the label noise, which one label per row cannot give."
                " Risks are errors on new labels, noise included. --noise-variance gives it, or"
                " --repeat-column a second label of some rows.",
            )
        )
    lines.append(
        (
            "Intervals",
            "of the mean risk, from leaving out one of twenty groups of labelled rows at a time. They hold"
            " what the labels leave open, not how single trainings scatter around that mean, nor what theory"
            " leaves out: deterministic equivalents are right up to a few percent at fifty rows.",
        )
    )
    lines.append(
        (
            "Penalties",
            "of least forecast risk, allowing for what each estimate may be off by, unless they were given.",
        )
    )
    return lines

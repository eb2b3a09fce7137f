"""The two answers of a run in words: does the student outgrow its teacher, and what to train.

Facts come from the verdict's fields; page, terminal and notebook read the same sentences.
"""

from __future__ import annotations

from typing import Any

from outgrow.report.comparing import evaluated, measured_order, route_line, route_title, scale
from outgrow.report.findings import Plain, by_name, items, part
from outgrow.report.text import interval_of, number, quantity_text, sentence_list, shortened, value_of

ANSWERS = {
    "yes": ("Yes", "do", "The student outgrows its teacher."),
    "no": ("No", "dont", "The student does not outgrow its teacher."),
    "cannot tell": ("Can't tell", "close", "These labels cannot tell student and teacher apart."),
}
"""For each answer: its badge, its CSS class, and what it means."""

UNKNOWN = ("No answer", "close", "")
"""What stands for an answer that this version does not know."""


def answer(verdict: Plain) -> tuple[str, str, str]:
    """Badge, CSS class and meaning of the first answer, that of the best student's teacher."""
    first = next(iter(items(verdict, "outgrown")), {})
    return ANSWERS.get(str(first.get("answer")), UNKNOWN)


def outgrown(one: Plain, outcome: Plain) -> str:
    """Answer the first question for one teacher, with its numbers."""
    errors = part(part(outcome, "verdict"), "risks")
    weak = one.get("weak")
    student, teacher = errors.get(f"student ({weak})"), errors.get(f"teacher ({weak})")
    verb = {"yes": "outgrows", "no": "does not outgrow"}.get(str(one.get("answer")), "may or may not outgrow")
    difference = part(one, "difference")
    line = (
        f"{_strong(outcome)} {verb} {shortened(weak, 40)}: the student is expected to err by"
        f" {number(value_of(student))}, its teacher by {number(value_of(teacher))}"
        f" ({_signed(difference)}{_chance(one)})."
    )
    needed = value_of(one.get("labels_to_tell"))
    if needed is not None:
        line += f" About {_labels(needed)} labels would tell."
    return line


def to_train(outcome: Plain) -> str:
    """Say what to train, what it is expected to err by, and what it is."""
    verdict = part(outcome, "verdict")
    best = verdict.get("recommended")
    line = route_line(best, outcome)
    text = f"Train: {route_title(best, outcome)}{f' ({line})' if line else ''}, expected error"
    text += f" {quantity_text(part(verdict, 'risks').get(str(best)))}"
    least = verdict.get("least")
    if least != best:
        text += (
            f"; it is cheaper than {route_title(least, outcome)} and within the tolerance of"
            f" {100 * (value_of(verdict.get('tolerance')) or 0):.3g} %"
        )
    return f"{text}."


def how_sure(outcome: Plain) -> str:
    """Say which other routes may be the best, what the choice may cost, and how many labels would decide."""
    verdict = part(outcome, "verdict")
    best, tied = str(verdict.get("recommended")), list(verdict.get("tied") or ())
    if not tied:
        return "No other route may be the best."
    stake, error = value_of(verdict.get("at_stake")), value_of(part(verdict, "risks").get(best))
    others = sentence_list([route_title(name, outcome) for name in tied])
    line = f"{others} may be as good"
    if stake is not None and error:
        line += f"; choosing wrongly costs at most {number(stake)} ({100 * stake / error:.0f} %)"
    needed = value_of(verdict.get("labels_to_decide"))
    if needed is not None:
        line += (
            f"; about {number(round(needed, 1 - len(str(int(needed)))))} labels would tell the nearest apart"
        )
    return f"{line}."


def came_out(outcome: Plain) -> list[str]:
    """Say what the evaluation rows showed of the recommended route, on the scale of what was expected."""
    verdict, routes = part(outcome, "verdict"), by_name(outcome)
    best, order = str(verdict.get("recommended")), measured_order(outcome)
    _, measured, what = scale(outcome)
    if best not in order:
        return [f"The recommended route was not measured ({evaluated(outcome)})."]
    title = route_title(best, outcome)
    line = f"Measured on {evaluated(outcome)}: {title} has {what} {quantity_text(routes[best].get(measured))}"
    if len(order) == 1:
        return [f"{line}."]
    place = order.index(best) + 1
    if place == 1:
        return [f"{line}, the least of {len(order)} routes."]
    least = order[0]
    text = f"{line}, number {place} of {len(order)} routes; the least is {route_title(least, outcome)}"
    for comparison in items(outcome, "on_test"):
        if comparison.get("route") == least:
            difference = part(comparison, "difference")
            ends = interval_of(difference)
            chance = " (may be chance)" if ends and ends[0] <= 0 <= ends[1] else ""
            text += f", which differs by {quantity_text(difference)}{chance}"
    return [f"{text}."]


def _strong(outcome: Plain) -> str:
    return next((shortened(pair.get("strong"), 40) for pair in items(outcome, "pairs")), "the student")


def _signed(difference: Plain) -> str:
    value, ends = value_of(difference), interval_of(difference)
    if value is None:
        return "difference undefined"
    text = f"{value:+.2g}"
    return text if ends is None else f"{text}, 90 % interval {ends[0]:+.2g} to {ends[1]:+.2g}"


def _labels(needed: float) -> str:
    """Two digits: the number is an extrapolation."""
    return number(int(float(f"{needed:.1e}")))


def _chance(one: Plain) -> str:
    chance: Any = value_of(one.get("probability"))
    return "" if chance is None else f"; probability of outgrowing {min(max(chance, 0.01), 0.99):.2f}"

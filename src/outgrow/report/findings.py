"""What the page and the tables read from a run's JSON: routes in order, checks and methods wherever they are.

The JSON is the only input of a report, so an old run can be drawn again without its data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from outgrow.errors import CHECKS
from outgrow.report.text import number, shortened, value_of, visible
from outgrow.report.words import KINDS, kind_title

Plain = Mapping[str, Any]
"""A dictionary of a run's JSON."""


def items(plain: object, key: str) -> list[Plain]:
    """List the dictionaries under a key; empty where another version wrote no list."""
    value = plain.get(key) if isinstance(plain, Mapping) else None
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def part(plain: object, key: str) -> Plain:
    """Find the dictionary under a key; empty where another version wrote none."""
    value = plain.get(key) if isinstance(plain, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def title_of(outcome: Plain, otherwise: str) -> str:
    """Give the title that the user chose, or what a page asks by itself."""
    return shortened(outcome.get("title") or otherwise, 200)


def sets_of(weak: Iterable[object], strong: object) -> dict[str, str]:
    """Name the feature sets for the head of a page."""
    names = ", ".join(shortened(name, 40) for name in weak)
    return {"Weak": names or "none", "Strong": shortened(strong or "not named", 40)}


def risk_name(outcome: Plain) -> str:
    """Name what is forecast."""
    if outcome.get("excess"):
        return "excess risk"
    loss = {"classification": "squared loss", "regression": "mean squared error"}
    return f"{loss.get(str(outcome.get('task')), 'squared error')} on new labels"


def teachers(outcome: Plain) -> list[str]:
    """List the weak feature sets in the order of the run."""
    names = [pair.get("weak") for pair in items(outcome, "pairs")]
    names += [route.get("weak") for route in items(outcome, "routes")]
    return list(dict.fromkeys(str(name) for name in names if name is not None))


def ordered_routes(outcome: Plain) -> list[Plain]:
    """Sort routes for reading: teacher by teacher, then those that need no teacher."""
    kinds, weak = list(KINDS), teachers(outcome)

    def place(route: Plain) -> tuple[int, int]:
        name, kind = route.get("weak"), route.get("kind")
        teacher = len(weak) if name is None else weak.index(str(name))
        return teacher, kinds.index(kind) if kind in kinds else len(kinds)

    return sorted(items(outcome, "routes"), key=place)


def by_name(outcome: Plain) -> dict[str, Plain]:
    """Find routes by name."""
    return {str(route.get("name")): route for route in items(outcome, "routes")}


def settings_text(settings: Plain) -> str:
    """Write the settings chosen for a route."""
    penalties = [value for key, value in settings.items() if key.startswith("alpha")]
    shown = {key: value for key, value in settings.items() if not key.startswith("alpha")}
    parts = []
    if penalties and not any(penalties):
        parts.append("minimum norm")
    else:
        shown = dict(settings)
    # Two digits: a grid of penalties is far coarser.
    parts += [f"{visible(key)} {value:.2g}" for key, value in shown.items() if value_of(value) is not None]
    return ", ".join(parts)


def scale_text(teacher: object, settings: Plain, labels: object) -> str:
    """Say how a given score became a label, such as "vader: score x 2.31 + 0.12, from 100 labels"."""
    slope, offset = value_of(settings.get("slope")), value_of(settings.get("offset"))
    if slope is None or offset is None:
        return ""
    sign = "-" if offset < 0 else "+"
    line = f"score x {number(slope)} {sign} {number(abs(offset))}, from {number(labels)} labels"
    return f"{shortened(teacher, 40)}: {line}"


class Raised(NamedTuple):
    """A check that was raised; the registry's words are empty for a code that this version does not know."""

    code: str
    detail: str
    title: str = ""
    why: str = ""
    remedy: str = ""
    serious: bool = False


def checks(outcome: Plain) -> list[Raised]:
    """Collect every check of a run, once each: its own, and those of single estimates."""
    raised: dict[Raised, None] = {}
    for item in _walk(outcome):
        code, detail = str(item.get("code", "")), str(item.get("detail", ""))
        kind = CHECKS.get(code)
        known = (kind.title, kind.why, kind.remedy, kind.serious) if kind else ()
        raised[Raised(code, detail, *known)] = None
    return sorted(raised, key=lambda check: check.code)


def _walk(value: Any) -> Iterator[Plain]:
    if isinstance(value, Mapping) and value.get("type") == "Check":
        yield value
    if isinstance(value, (Mapping, list, tuple)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _walk(inner)


def methods(outcome: Plain) -> list[tuple[str, list[str], Plain]]:
    """Say how every number was obtained; numbers obtained in the same way stand together."""
    named: list[tuple[str, str, Any]] = []
    several = len(teachers(outcome)) > 1

    def by(title: str, weak: object) -> str:
        return f"{title} ({weak})" if several and weak is not None else title

    for route in ordered_routes(outcome):
        kind = by(kind_title(route.get("kind")), route.get("weak"))
        named.append(("error expected from the labels", kind, route.get("expected")))
        named += [
            (key.replace("_", " "), kind, route.get(key)) for key in ("risk", "excess_risk", "accuracy")
        ]
    compared = "paired comparisons"
    for one in items(part(outcome, "verdict"), "comparisons"):
        named.append((compared, "all of them", one.get("difference")))
    for one in items(outcome, "on_test"):
        named.append((f"{compared} on the evaluation rows", "all teachers", one.get("difference")))
    for pair in items(outcome, "pairs"):
        weak = str(pair.get("weak"))
        for key, title in RATIOS:
            named.append((title, weak, pair.get(key)))
        for place in ("geometry", "misfit"):
            named += [(place, by(label, weak), value) for label, value in _named(pair.get(place))]
    groups: dict[tuple[Any, ...], tuple[str, list[str], Plain]] = {}
    for place, name, quantity in named:
        if not isinstance(quantity, Mapping) or not quantity.get("method"):
            continue
        alike = (place, quantity["method"], quantity.get("n"), quantity.get("rank"), quantity.get("level"))
        names = groups.setdefault(alike, (place, [], quantity))[1]
        if name not in names:
            names.append(name)
    return list(groups.values())


RATIOS = (
    ("pgr", "PGR"),
    ("opr", "OPR"),
    ("opr_raw_mse", "OPR of raw MSE"),
    ("pgr_accuracy", "PGR of accuracy"),
)
"""The ratios of a pair: key in the JSON, and name."""


_SILENT = ("estimate", "dimensions", "points", "inputs")
"""Keys that add nothing to the name of what stands under them."""


def _named(value: Any, name: str = "") -> Iterator[tuple[str, Plain]]:
    """Find estimates at any depth, each named by the keys that lead to it."""
    if isinstance(value, Mapping):
        if value.get("type") == "Estimate":
            yield name, value
            return
        # Items of a list are distinguished by their label where they have one.
        label = value.get("label") or value.get("rule") or value.get("route") or ""
        start = " ".join(word for word in (name, str(label)) if word)
        for key, item in value.items():
            key_text = "" if key in _SILENT else str(key)
            yield from _named(item, f"{start} {key_text}".strip())
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, name)

"""What the page and the tables read from a run's JSON: routes in order, checks and methods wherever they are.

The JSON is the only input of a report, so an old run can be drawn again without its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from outgrow.errors import CHECKS
from outgrow.report.text import value_of, visible
from outgrow.report.words import KINDS, kind_title

Plain = Mapping[str, Any]
"""A dictionary of a run's JSON."""


def teachers(outcome: Plain) -> list[str]:
    """List the weak feature sets in the order of the run.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of str
        Names.
    """
    found = [pair["weak"] for pair in outcome["pairs"]]
    found += [route["weak"] for route in outcome["routes"] if route["weak"] is not None]
    return list(dict.fromkeys(found))


def ordered_routes(outcome: Plain) -> list[Plain]:
    """Sort routes for reading: teacher by teacher, then those that need no teacher.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of dict
        Its routes.
    """
    kinds, weak = list(KINDS), teachers(outcome)

    def place(route: Plain) -> tuple[int, int]:
        teacher = len(weak) if route["weak"] is None else weak.index(route["weak"])
        return teacher, kinds.index(route["kind"]) if route["kind"] in kinds else len(kinds)

    return sorted(outcome["routes"], key=place)


def by_name(outcome: Plain) -> dict[str, Plain]:
    """Find routes by name.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    dict of str to dict
        Routes.
    """
    return {route["name"]: route for route in outcome["routes"]}


def settings_text(settings: Plain) -> str:
    """Write the settings chosen for a route.

    Parameters
    ----------
    settings : dict of str to float
        Penalties and weight.

    Returns
    -------
    str
        Such as "alpha_w 0.012, alpha_s 0.0034"; "minimum norm" where every penalty is zero.
    """
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


@dataclass(frozen=True)
class Raised:
    """A check that was raised, with what the registry says about it.

    Parameters
    ----------
    code, detail : str
        As raised.
    title, why, remedy : str
        From the registry; empty for a code that this version does not know.
    """

    code: str
    detail: str
    title: str
    why: str
    remedy: str


def checks(outcome: Plain) -> list[Raised]:
    """Collect every check of a run, once each: its own, and those of single estimates.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of Raised
        Sorted by code.
    """
    found: dict[tuple[str, str], Raised] = {}
    for item in _walk(outcome, "Check"):
        code, detail = str(item["code"]), str(item["detail"])
        kind = CHECKS.get(code)
        said = (kind.title, kind.why, kind.remedy) if kind else ("", "", "")
        found.setdefault((code, detail), Raised(code, detail, *said))
    return sorted(found.values(), key=lambda check: check.code)


def _walk(value: Any, kind: str) -> Iterator[Plain]:
    if isinstance(value, Mapping):
        if value.get("type") == kind:
            yield value
        for item in value.values():
            yield from _walk(item, kind)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item, kind)


def methods(outcome: Plain) -> list[tuple[str, list[str], Plain]]:
    """Say how every number was obtained; numbers obtained in the same way stand together.

    Parameters
    ----------
    outcome : dict
        The run.

    Returns
    -------
    list of (str, list of str, dict)
        Part of the page, the numbers' names, and one of the estimates.
    """
    named: list[tuple[str, str, Any]] = []
    for route in ordered_routes(outcome):
        title = kind_title(route["kind"])
        own = title if route["weak"] is None else f"{title} ({route['weak']})"
        named += [
            ("risk expected from the labels", own, route["leave_one_out"]),
            ("risk", own, route["risk"]),
            ("excess risk", own, route["excess_risk"]),
            ("accuracy", own, route["accuracy"]),
        ]
    for comparison in outcome["verdict"]["comparisons"]:
        named.append(("paired comparisons", "all of them", comparison["difference"]))
    for pair in outcome["pairs"]:
        for comparison in pair["on_test"]:
            named.append(("paired comparisons on the evaluation rows", pair["weak"], comparison["difference"]))
        for key, title in RATIOS:
            named.append((title, pair["weak"], pair.get(key)))
        for part in ("geometry", "theory"):
            named += [(part, f"{label} ({pair['weak']})", value) for label, value in _named(pair.get(part))]
    groups: dict[tuple[Any, ...], tuple[str, list[str], Plain]] = {}
    for part, name, quantity in named:
        if not isinstance(quantity, Mapping) or not quantity.get("method"):
            continue
        key = (part, quantity["method"], quantity.get("n"), quantity.get("rank"), quantity.get("level"))
        names = groups.setdefault(key, (part, [], quantity))[1]
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


def _named(value: Any, name: str = "") -> Iterator[tuple[str, Plain]]:
    """Find estimates at any depth, each named by the keys that lead to it."""
    if isinstance(value, Mapping):
        if value.get("type") == "Estimate":
            yield name, value
            return
        # A list's items are told apart by their own label where they have one.
        own = value.get("label") or value.get("rule") or value.get("route") or ""
        start = " ".join(part for part in (name, str(own)) if part)
        for key, item in value.items():
            yield from _named(item, f"{start} {key}".strip().replace("_", " "))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, name)

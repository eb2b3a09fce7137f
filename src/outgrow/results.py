"""Frozen values that say how they were obtained: estimates, undefined quantities, checks, risks.

Every number that leaves a study travels in one of these. An `Undefined` is an outcome with a reason
and a remedy, never a silent NaN. Notebooks draw them through a registry that `outgrow.report` fills.
"""

from __future__ import annotations

import collections.abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from math import inf, isfinite, isnan, nan
from types import UnionType
from typing import Any, ClassVar, Protocol, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from outgrow.errors import CHECKS

LEVEL = 0.90
"""Level of every interval: wide enough to hold in practice, narrow enough to decide with."""

_HTML: dict[type, Callable[[Any], str]] = {}


def register_html(kind: type, render: Callable[[Any], str]) -> None:
    """Let `render` draw results of type `kind` in notebooks."""
    _HTML[kind] = render


class _Shown:
    def _repr_html_(self) -> str | None:
        render = _HTML.get(type(self))
        return None if render is None else render(self)


@dataclass(frozen=True)
class Check(_Shown):
    """One coded suspicion about a result."""

    code: str
    """A key of `outgrow.errors.CHECKS`."""
    detail: str
    """What was seen, with its numbers."""

    def __post_init__(self) -> None:
        if self.code not in CHECKS:
            raise KeyError(f"no check is registered under {self.code!r}")

    @property
    def title(self) -> str:
        """What is wrong, in a few words."""
        return CHECKS[self.code].title

    @property
    def why(self) -> str:
        """Why it matters."""
        return CHECKS[self.code].why

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return CHECKS[self.code].remedy

    def __str__(self) -> str:
        return f"{self.code} {self.title}: {self.detail}"


@dataclass(frozen=True)
class Estimate(_Shown):
    """A number and how it was obtained.

    Parameters
    ----------
    value : float
        The estimate.
    interval : tuple of float, optional
        Lower and upper end; an infinite one is no bound.
    level : float
        The interval's level.
    n : int, optional
        Rows it rests on.
    rank : int, optional
        Rank of the fit it rests on.
    method : str
        How it was obtained, in the words of the documentation.
    checks : tuple of Check
        Suspicions about it.
    """

    value: float
    interval: tuple[float, float] | None = None
    level: float = LEVEL
    n: int | None = None
    rank: int | None = None
    method: str = ""
    checks: tuple[Check, ...] = ()

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        text = format(self.value, spec)
        if self.interval is None:
            return text
        if not any(map(isfinite, self.interval)):
            return f"{text} [unbounded]"
        ends = (format(end, spec) if isfinite(end) else "unbounded" for end in self.interval)
        return f"{text} [{', '.join(ends)}]"


@dataclass(frozen=True)
class Undefined(_Shown):
    """A quantity that the data cannot give, with the reason and the remedy.

    Parameters
    ----------
    reason : str
        Why it is not defined here.
    remedy : str
        What would make it so.
    """

    reason: str
    remedy: str

    def __format__(self, spec: str) -> str:
        return "undefined"


Quantity: TypeAlias = Estimate | Undefined
"""A number with its provenance, or the reason why there is none."""


@dataclass(frozen=True)
class Risks(_Shown):
    """Risks of the four models of weak-to-strong generalization, and of further routes."""

    teacher: Quantity
    """Weak teacher, W2S student, strong baseline, strong ceiling."""
    student: Quantity
    """Weak teacher, W2S student, strong baseline, strong ceiling."""
    baseline: Quantity
    """Weak teacher, W2S student, strong baseline, strong ceiling."""
    ceiling: Quantity
    """Weak teacher, W2S student, strong baseline, strong ceiling."""
    extras: Mapping[str, Quantity] = field(default_factory=dict)
    """Other routes by name."""

    def items(self) -> Iterator[tuple[str, Quantity]]:
        """Iterate over the names and risks, the four named ones first."""
        yield from (("teacher", self.teacher), ("student", self.student))
        yield from (("baseline", self.baseline), ("ceiling", self.ceiling))
        yield from self.extras.items()


def as_plain(value: object) -> Any:
    """Turn a result into dictionaries, lists, numbers and strings, ready for JSON.

    JSON knows neither NaN nor infinity: both become None.
    """
    if is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: as_plain(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **plain}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return as_plain(value.tolist()) if hasattr(value, "tolist") else value


def from_plain(kind: Any, plain: object) -> Any:
    """Turn plain values back into a result of a type, such as one that `get_type_hints` gives of a field.

    What a type has gained since it was written takes its default, what it has lost is left aside.
    """
    if isinstance(kind, type) and is_dataclass(kind):
        known = cast(Mapping[str, object], plain)
        hints = get_type_hints(kind)
        made = kind(
            **{f.name: from_plain(hints[f.name], known[f.name]) for f in fields(kind) if f.name in known}
        )
        return _unbounded(made) if isinstance(made, Estimate) else made
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if plain is None else from_plain(_member(inner, plain), plain)
    if origin is tuple:
        of = inner[:1] * len(cast(list[object], plain)) if inner[-1] is Ellipsis else inner
        return tuple(map(from_plain, of, cast(list[object], plain)))
    if origin in (dict, collections.abc.Mapping):
        return {key: from_plain(inner[1], item) for key, item in cast(Mapping[str, object], plain).items()}
    if origin in (list, collections.abc.Sequence):
        return [from_plain(inner[0], item) for item in cast(list[object], plain)]
    return nan if kind is float and plain is None else plain


def _member(kinds: tuple[Any, ...], plain: object) -> Any:
    """Which of several types the values are of: dataclasses are written with their names."""
    name = plain.get("type") if isinstance(plain, Mapping) else None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    return next((kind for kind in kinds if getattr(kind, "__name__", None) == name), kinds[0])


def _unbounded(made: Estimate) -> Estimate:
    # JSON has no infinity: an end that is not there is no bound on its side.
    if made.interval is None or not any(map(isnan, made.interval)):
        return made
    low, high = made.interval
    return replace(made, interval=(-inf if isnan(low) else low, inf if isnan(high) else high))


Cell: TypeAlias = str | int | float | None
"""One cell of a table."""

Numbers: TypeAlias = Iterator[tuple[Mapping[str, Cell], "Quantity | float | None"]]
"""Numbers of an outcome, each with the cells that say what it is of."""


class Tabular(Protocol):
    """An outcome whose numbers make a table, one row each."""

    COLUMNS: ClassVar[tuple[str, ...]]

    def numbers(self) -> Numbers:
        """Iterate over the numbers."""
        ...


def tidy(outcome: Tabular) -> dict[str, list[Cell]]:
    """Make the table of an outcome: where a number stands, its interval, and how it was obtained or why not.

    NaN, by which arrays say that there is no number, is an empty cell.
    """
    columns: dict[str, list[Cell]] = {name: [] for name in outcome.COLUMNS}
    for where, number in outcome.numbers():
        cells: dict[str, Cell] = {"value": None}
        if isinstance(number, Estimate):
            cells = {name: getattr(number, name) for name in ("value", "n", "method")}
            if number.interval is not None:
                cells |= {"low": number.interval[0], "high": number.interval[1], "level": number.level}
        elif isinstance(number, Undefined):
            cells["reason"] = number.reason
        elif number is not None and not isnan(number):
            cells["value"] = float(number)
        cells |= where
        for name, column in columns.items():
            column.append(cells.get(name))
    return columns

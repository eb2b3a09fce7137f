"""Frozen values that say how they were obtained: estimates, undefined quantities, checks, risks.

Every number that leaves a study travels in one of these. An `Undefined` is an outcome with a reason
and a remedy, never a silent NaN. Notebooks draw them through a registry that `outgrow.report` fills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from math import isfinite
from typing import Any, TypeAlias

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


def as_plain(value: Any) -> Any:
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
    if hasattr(value, "tolist"):
        return as_plain(value.tolist())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value

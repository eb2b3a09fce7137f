"""How single results look in a notebook: a line each, risks as a small table, all text escaped."""

from __future__ import annotations

from outgrow.report.markup import Child, Safe, tag
from outgrow.report.text import interval_of, quantity_text
from outgrow.report.words import KINDS
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined, as_plain, register_html

_LEFT = "text-align:left"


def register() -> None:
    """Let estimates, undefined quantities, checks and risks draw themselves in notebooks."""
    register_html(Estimate, estimate_html)
    register_html(Undefined, undefined_html)
    register_html(Check, check_html)
    register_html(Risks, risks_html)


def _muted(text: str) -> Safe:
    return tag("span", text, style="color:#5f6b7a")


def estimate_html(estimate: Estimate) -> str:
    """Write an estimate with its interval, how it was obtained, and the checks it raised."""
    plain = as_plain(estimate)
    how = [f"{100 * estimate.level:.0f} % interval"] if interval_of(plain) else []
    how += [f"n = {estimate.n:,}"] if estimate.n is not None else []
    how += [f"rank {estimate.rank:,}"] if estimate.rank is not None else []
    how += [estimate.method] if estimate.method else []
    checks = (Safe(check_html(check)) for check in estimate.checks)
    return tag("div", tag("b", quantity_text(plain)), _muted("; ".join(how)) if how else None, *checks)


def undefined_html(undefined: Undefined) -> str:
    """Write why a quantity is undefined, and the remedy."""
    return tag("div", tag("b", "undefined:"), f"{undefined.reason}.", _muted(undefined.remedy))


def check_html(check: Check) -> str:
    """Write what a check found, why it matters, and the remedy."""
    message = tag("div", tag("b", check.code), f"{check.title}: {check.detail}")
    style = "border-left:3px solid #b7791f;padding-left:.6em;margin:.3em 0"
    return tag("div", message, _muted(f"{check.why} {check.remedy}"), style=style)


def risks_html(risks: Risks) -> str:
    """Write risks as a table."""
    heads = (tag("th", title, scope="col", style=_LEFT) for title in ("route", "risk"))
    rows = [
        tag(
            "tr",
            tag("th", KINDS[name].title if name in KINDS else name, scope="row", style=_LEFT),
            tag("td", *_cell(risk), style=_LEFT),
        )
        for name, risk in risks.items()
    ]
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows))


def _cell(risk: Quantity) -> tuple[Child, ...]:
    if isinstance(risk, Undefined):
        return "undefined", _muted(f"{risk.reason}. {risk.remedy}")
    return (quantity_text(as_plain(risk)),)

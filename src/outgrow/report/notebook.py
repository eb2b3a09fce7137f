"""How single results look in a notebook: a line each, risks as a small table, all text escaped."""

from __future__ import annotations

from outgrow.report.text import escaped, interval_of, quantity_text
from outgrow.report.words import KINDS
from outgrow.results import Check, Estimate, Quantity, Risks, Undefined, as_plain, register_html

_MUTED = "color:#5f6b7a"


def register() -> None:
    """Let estimates, undefined quantities, checks and risks draw themselves in notebooks."""
    register_html(Estimate, estimate_html)
    register_html(Undefined, undefined_html)
    register_html(Check, check_html)
    register_html(Risks, risks_html)


def estimate_html(estimate: Estimate) -> str:
    """Write an estimate with its interval, how it was obtained, and the checks it raised."""
    plain = as_plain(estimate)
    text = quantity_text(plain)
    how = []
    if interval_of(plain):
        how.append(f"{100 * estimate.level:.0f} % interval")
    if estimate.n is not None:
        how.append(f"n = {estimate.n:,}")
    if estimate.rank is not None:
        how.append(f"rank {estimate.rank:,}")
    if estimate.method:
        how.append(escaped(estimate.method))
    checks = "".join(check_html(check) for check in estimate.checks)
    small = f' <span style="{_MUTED}">{"; ".join(how)}</span>' if how else ""
    return f"<div><b>{escaped(text)}</b>{small}{checks}</div>"


def undefined_html(undefined: Undefined) -> str:
    """Write why a quantity is undefined, and the remedy."""
    return (
        f"<div><b>undefined</b>: {escaped(undefined.reason)}."
        f' <span style="{_MUTED}">{escaped(undefined.remedy)}</span></div>'
    )


def check_html(check: Check) -> str:
    """Write what a check found, why it matters, and the remedy."""
    return (
        '<div style="border-left:3px solid #b7791f;padding-left:.6em;margin:.3em 0">'
        f"<b>{escaped(check.code)}</b> {escaped(check.title)}: {escaped(check.detail)}<br>"
        f'<span style="{_MUTED}">{escaped(check.why)} {escaped(check.remedy)}</span></div>'
    )


def risks_html(risks: Risks) -> str:
    """Write risks as a table."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escaped(_name(name))}</th>'
        f'<td style="text-align:left">{_cell(risk)}</td></tr>'
        for name, risk in risks.items()
    )
    return (
        '<table><thead><tr><th scope="col" style="text-align:left">route</th>'
        f'<th scope="col" style="text-align:left">risk</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _name(name: str) -> str:
    return KINDS[name].title if name in KINDS else name


def _cell(risk: Quantity) -> str:
    if isinstance(risk, Undefined):
        return f'undefined <span style="{_MUTED}">{escaped(risk.reason)}. {escaped(risk.remedy)}</span>'
    return escaped(quantity_text(as_plain(risk)))

"""How user text and numbers become text that is safe and short, the same on the page and the console.

Names come from files and columns, so they may hold anything: markup, line breaks, characters that turn the
direction of what follows. They are made visible here, once, and escaped where they are written.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of text beyond the name that holds them."""


def visible(text: object) -> str:
    """Make any text one line that can be shown beside other text."""
    shown = []
    for character in str(text):
        kind = unicodedata.category(character)
        if character in _TURNING:
            continue
        if kind == "Cs":
            shown.append("\ufffd")
        elif kind in ("Cc", "Zl", "Zp"):
            shown.append(" ")
        else:
            shown.append(character)
    return " ".join("".join(shown).split())


def escaped(text: object) -> str:
    """Make any text safe inside HTML, in attributes too."""
    return html.escape(visible(text), quote=True)


def shortened(text: object, limit: int = 60) -> str:
    """Cut the middle out of long text: names often differ at their ends."""
    line = visible(text)
    if len(line) <= limit:
        return line
    half = (limit - 1) // 2
    return f"{line[: limit - 1 - half]}…{line[-half:]}"


def is_number(value: Any) -> bool:
    """Tell whether a value of the JSON is a number that can be drawn: no boolean, NaN or infinity."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, decimals: int | None = None) -> str:
    """Write a number with three significant digits, or with given decimals."""
    if not is_number(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    # Powers of ten only where digits would mislead: beyond what fits beside a name in a table.
    if size != 0 and (size < 1e-3 or size >= 1e7):
        return f"{value:.2e}"
    if decimals is None:
        decimals = 2 if size == 0 else max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    # "-0.00" would claim a sign that its digits do not show.
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def interval_of(quantity: Any) -> tuple[float, float] | None:
    """Read the interval of an estimate, if both ends are numbers: an unbounded one is none."""
    pair = quantity.get("interval") if isinstance(quantity, Mapping) else None
    if isinstance(pair, Sequence) and len(pair) == 2 and all(is_number(end) for end in pair):
        return float(pair[0]), float(pair[1])
    return None


def value_of(quantity: Any) -> float | None:
    """Read the value of an estimate, or a bare number; None where it is not finite."""
    value = quantity.get("value") if isinstance(quantity, Mapping) else quantity
    return float(value) if value is not None and is_number(value) else None


def quantity_text(quantity: Any) -> str:
    """Write an estimate to the digits that its interval supports, such as "1.68 [1.52, 1.84]"."""
    value = value_of(quantity)
    if value is None:
        return "undefined"
    if not isinstance(quantity, Mapping):
        return number(quantity)
    ends = interval_of(quantity)
    if ends is not None:
        decimals = _decimals(ends[1] - ends[0])
        return f"{number(value, decimals)} [{number(ends[0], decimals)}, {number(ends[1], decimals)}]"
    # An end that is no number is no bound.
    pair = quantity.get("interval")
    if not isinstance(pair, Sequence) or len(pair) != 2:
        return number(value)
    known = [end for end in pair if is_number(end)]
    if not known:
        return f"{number(value)} [unbounded]"
    decimals = _decimals(2 * abs(value - known[0]))
    bounds = ", ".join(number(end, decimals) if is_number(end) else "unbounded" for end in pair)
    return f"{number(value, decimals)} [{bounds}]"


def _decimals(width: float) -> int | None:
    """Two significant digits of the half-width: more would be noise, fewer would hide it."""
    if width <= 0:
        return None
    return min(6, max(0, 1 - math.floor(math.log10(width / 2))))


def percent(share: Any) -> str:
    """Write a probability without claiming certainty."""
    value = value_of(share)
    if value is None:
        return "–" if share is None else "undefined"
    if value > 0.99:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else f"{value:.0%}".replace("%", " %")


def sentence_list(parts: Sequence[str]) -> str:
    """List parts as a sentence does: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def undefined_text(quantity: Any) -> str:
    """Say why a quantity is undefined and what would change that."""
    if not isinstance(quantity, Mapping) or "reason" not in quantity:
        return ""
    reason, remedy = visible(quantity["reason"]), visible(quantity.get("remedy", ""))
    return f"{reason}. {remedy}".strip()

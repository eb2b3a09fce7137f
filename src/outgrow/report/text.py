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
    """Make any text one line that can be shown beside other text.

    Parameters
    ----------
    text : object
        Turned into a string first.

    Returns
    -------
    str
        Without line breaks, control characters, halves of characters and changes of direction.

    Examples
    --------
    >>> visible("a\\nb\\x00\\u202ec")
    'a b c'
    """
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
    """Make any text safe inside HTML, in attributes too.

    Parameters
    ----------
    text : object
        Turned into a string first.

    Returns
    -------
    str
        One visible line, escaped.

    Examples
    --------
    >>> escaped('</script><img src="x">')
    '&lt;/script&gt;&lt;img src=&quot;x&quot;&gt;'
    """
    return html.escape(visible(text), quote=True)


def shortened(text: object, limit: int = 60) -> str:
    """Cut the middle out of long text: names often differ at their ends.

    Parameters
    ----------
    text : object
        Turned into a visible string first.
    limit : int
        Characters to keep.

    Returns
    -------
    str
        At most `limit` characters.

    Examples
    --------
    >>> shortened("abcdefghij", 7)
    'abc…hij'
    """
    line = visible(text)
    if len(line) <= limit:
        return line
    half = (limit - 1) // 2
    return f"{line[: limit - 1 - half]}…{line[-half:]}"


def is_number(value: Any) -> bool:
    """Tell whether a value of the run's JSON is a number that can be drawn.

    Parameters
    ----------
    value : object
        Any value.

    Returns
    -------
    bool
        False for None, booleans, NaN and infinities.
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, decimals: int | None = None) -> str:
    """Write a number with three significant digits, or with given decimals.

    Parameters
    ----------
    value : object
        A number; anything else is written as a dash.
    decimals : int, optional
        Digits behind the point.

    Returns
    -------
    str
        Short.

    Examples
    --------
    >>> number(1.6789), number(10605), number(0.00001234), number(None), number(1.5, 2)
    ('1.68', '10,605', '1.23e-05', '–', '1.50')
    """
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
    """Read the interval of an estimate.

    Parameters
    ----------
    quantity : object
        An estimate as plain values, or anything else.

    Returns
    -------
    tuple of float or None
        Both ends, if both are numbers: an unbounded one is no number.
    """
    pair = quantity.get("interval") if isinstance(quantity, Mapping) else None
    if isinstance(pair, Sequence) and len(pair) == 2 and all(is_number(end) for end in pair):
        return float(pair[0]), float(pair[1])
    return None


def value_of(quantity: Any) -> float | None:
    """Read the value of an estimate, or a bare number.

    Parameters
    ----------
    quantity : object
        An estimate as plain values, a number, or anything else.

    Returns
    -------
    float or None
        None where there is no finite number.
    """
    value = quantity.get("value") if isinstance(quantity, Mapping) else quantity
    return float(value) if value is not None and is_number(value) else None


def quantity_text(quantity: Any) -> str:
    """Write an estimate with its interval, to the digits that the interval supports.

    Parameters
    ----------
    quantity : object
        An estimate or undefined quantity as plain values, or a bare number.

    Returns
    -------
    str
        Such as "1.68 [1.52, 1.84]", or "undefined".

    Examples
    --------
    >>> quantity_text({"value": 1.6789, "interval": [1.523, 1.841]})
    '1.68 [1.52, 1.84]'
    >>> quantity_text({"value": 1.6789, "interval": [1.523, None]})
    '1.68 [1.52, unbounded]'
    >>> quantity_text({"type": "Undefined", "reason": "one row", "remedy": "Test on more rows."})
    'undefined'
    """
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
    said = ", ".join(number(end, decimals) if is_number(end) else "unbounded" for end in pair)
    return f"{number(value, decimals)} [{said}]"


def _decimals(width: float) -> int | None:
    """Two significant digits of the half-width: more would be noise, fewer would hide it."""
    if width <= 0:
        return None
    return min(6, max(0, 1 - math.floor(math.log10(width / 2))))


def undefined_text(quantity: Any) -> str:
    """Say why a quantity is undefined and what would change that.

    Parameters
    ----------
    quantity : object
        An undefined quantity as plain values.

    Returns
    -------
    str
        "reason. remedy", or "" for anything else.
    """
    if not isinstance(quantity, Mapping) or "reason" not in quantity:
        return ""
    reason, remedy = visible(quantity["reason"]), visible(quantity.get("remedy", ""))
    return f"{reason}. {remedy}".strip()

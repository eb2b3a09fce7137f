"""Labels as people write them: what is missing, what looks like a number but is none, what is spelled twice.

A price taken for the name of a class makes as many classes as there are prices; so do percentages, dates and
decimal commas. Nothing is guessed: what a label looks like is said, and how it can be read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from outgrow.data.files import quoted
from outgrow.data.text_tables import is_number
from outgrow.errors import DataError
from outgrow.results import Check

MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
        *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "NAN"),
    )
)
"""Spellings of a missing value in text files: those of pandas, which hold what R and SQL write."""

USUAL = frozenset(("", "nan", "NaN", "NAN", "-NaN", "-nan"))
"""Of these, the ones that no class is ever called by."""

MAYBE_MISSING = frozenset(
    (
        *("?", "-", "--", "---", ".", "..", "*", "na", "n.a.", "n.a", "none", "nil", "missing", "unknown"),
        *("unlabelled", "unlabeled", "undefined", "not available", "not applicable", "(null)", "(none)"),
        *("\\n", "tbd", "todo", "-1"),
    )
)
"""Words, in small letters, that may stand for a missing label and are taken for a class."""

_NUMBER = r"[+\-\u2212]?\d+(?:[.,'\u2019 \u00a0\u202f_]\d+)*(?:[.,]\d*)?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CURRENCY = (
    r"(?:[$\u00a3\u00a5\u20ac\u20b9\u20a9\u20bd\u20ba]|(?:US|CA|AU|HK|R)\$"
    r"|USD|EUR|GBP|JPY|CNY|RMB|INR|CHF|kr\.?)"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:z|utc|[+\-]\d{2}:?\d{2})?"
_DAY = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\d{4}[-/.]\d{1,2}|\d{4}[- ]?[QW]\d{1,2}(?:-\d)?|Q[1-4][ /-]?\d{4}"
    rf"|\d{{1,2}}\.? {_MONTH},?(?: \d{{2,4}})?|{_MONTH}[ '-]+\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,?(?: \d{{2,4}})?|\d{{1,2}}-{_MONTH}-\d{{2,4}})"
)

LOOKS: tuple[tuple[str, str, str], ...] = (
    (
        "dates or times",
        rf"(?:{_DAY}(?:[T ,]+{_CLOCK})?|{_CLOCK})",
        "Write numbers, such as days since a date.",
    ),
    (
        "percentages",
        rf"{_NUMBER}\s*(?:%|\u2030|percent|pct\.?)",
        "Write plain numbers, such as 12.5 for 12.5 %.",
    ),
    (
        "amounts of money",
        rf"(?:[+\-\u2212(]?\s*{_CURRENCY}\s*[+\-\u2212]?{_NUMBER}\)?|{_NUMBER}\s*{_CURRENCY})[kKmM]?",
        "Write plain numbers, without the currency.",
    ),
    (
        "numbers with digits in groups",
        r"[+\-\u2212]?\d{1,3}(?:(?P<mark>[,.'\u2019 \u00a0\u202f_])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d*)?",
        "Say how they are written: --thousands ',' (and --decimal), or write plain numbers.",
    ),
    (
        "numbers with a decimal comma",
        r"[+\-\u2212]?\d*,\d+(?:[eE][+\-]?\d+)?",
        "Read them with --decimal ',' (and --thousands where digits are grouped), or write 1.5 for 1,5.",
    ),
    (
        "numbers written for people",
        rf"(?:\(\s*{_NUMBER}\s*\)|\u2212{_NUMBER}|~\s*{_NUMBER}|[<>\u2264\u2265]=?\s*{_NUMBER}|{_NUMBER}\s*[kKmMbB]n?"
        rf"|{_NUMBER}\s*(?:/|out of|of)\s*{_NUMBER}|{_NUMBER}[-+]|{_NUMBER}\s*\u00b1\s*{_NUMBER})",
        "Write plain numbers, such as -3 for (3) and 1500 for 1.5k.",
    ),
)
"""What text may look like, the pattern of it, and the remedy; the first that fits is meant."""

_UNIT = re.compile(rf"({_NUMBER})\s*[^\W\d_]+\.?(?: [^\W\d_]+)?", re.IGNORECASE)


def looks_like(text: str) -> tuple[str, str] | None:
    """Say what a text that is no plain number looks like, and the remedy; None where it is just a name."""
    for name, pattern, remedy in LOOKS:
        if re.fullmatch(pattern, text.strip(), re.IGNORECASE):
            return name, remedy
    return None


def refuse_written_numbers(labels: Sequence[str], many: int, where: str) -> None:
    """Refuse labels of which at least half are numbers or dates as people write them."""
    found = [(text, looks_like(text)) for text in labels]
    counts = Counter(look for _, look in found if look is not None)
    if counts and 2 * sum(counts.values()) >= len(found):
        (name, remedy), _ = counts.most_common(1)[0]
        shown = dict.fromkeys(text for text, look in found if look == (name, remedy))
        raise DataError(
            f"the labels look like {name}, which are text here: {quoted(shown, 3)}",
            where,
            f"{remedy} If they are names of classes: --task classification.",
        )
    units = dict.fromkeys(text for text in labels if _UNIT.fullmatch(text))
    if len(units) > many and sum(text in units for text in labels) >= len(labels) / 2:
        raise DataError(
            f"the labels look like numbers with a unit: {quoted(units, 3)}", where, "Write the numbers alone."
        )


def refuse_spellings(classes: Iterable[str], where: str) -> None:
    """Refuse two classes that differ in case, spaces, dashes or the writing of a number only."""
    seen: dict[str, str] = {}
    for name in classes:
        other = seen.setdefault(spelling(name), name)
        if other != name:
            raise DataError(
                f"{quoted([other])} and {quoted([name])} look like two spellings of one class",
                where,
                "Write them alike; give them names that differ if they are two classes.",
            )


def spelling(text: str) -> str:
    """Give what two spellings of one thing have in common."""
    common = unicodedata.normalize("NFKC", text)
    common = "".join(letter for letter in common if unicodedata.category(letter) != "Cf").casefold().strip()
    # "-1" is no spelling of "1": a mark before a digit belongs to the number.
    if is_number(common):
        return repr(float(common))
    return re.sub(r"[\s_\-\u2010-\u2015]+", " ", common).strip(" .!\"'") or common


def suspicious_marks(
    raw: Sequence[str | None], values: np.ndarray, missing: frozenset[str] = MISSING
) -> Check | None:
    """Name words read as missing that may be classes, and classes that may mean missing (OG110)."""
    if values.dtype != object:
        return _sentinel(values)
    known = [text for text in values if text is not None]
    taken = Counter(text.strip() for text in raw if text is not None and text.strip() in missing - USUAL)
    kept = Counter(text for text in known if text.lower() in MAYBE_MISSING or text in MISSING)
    said = []
    if taken and known:
        said.append(f"read as missing: {_counted(taken)}")
    if kept:
        said.append(f"taken for classes: {_counted(kept)}")
    return Check("OG110", "; ".join(said)) if said else None


def _sentinel(values: np.ndarray) -> Check | None:
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    if (
        set(distinct.tolist()) > {-1.0, 0.0}
        and distinct[0] == -1
        and distinct[-1] > 1
        and (distinct % 1 == 0).all()
    ):
        return Check("OG110", f"taken for a label: '-1' ({counts[0]})")
    if len(distinct) < 4:
        return None
    for at, inner in ((0, distinct[1:]), (-1, distinct[:-1])):
        gap = abs(distinct[at] - inner[at])
        # One repeated value farther from all others than these are from each other is no measurement.
        if counts[at] > 1 and gap > inner[-1] - inner[0] and float(distinct[at]).is_integer():
            return Check("OG110", f"taken for a label: '{distinct[at]:g}' ({counts[at]})")
    return None


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{quoted([text])} ({count})" for text, count in found.most_common(5))

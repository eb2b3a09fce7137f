"""Labels as people write them: what is missing, what looks like a number but is none, what is spelled twice.

A price taken for the name of a class makes as many classes as there are prices; so do percentages, dates and
decimal commas. Nothing is guessed: errors state what a label looks like, and how it can be read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from outgrow.data.files import missing_column, quoted
from outgrow.data.tables import Table
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
        *("\\n", "tbd", "todo", "-1", "-9", "-99", "-999", "999", "9999"),
        *("#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!"),
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

DECIMAL_COMMA = "numbers with a decimal comma"

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
        r"[+\-\u2212]?[1-9]\d{0,2}(?P<mark>[,.'\u2019 \u00a0\u202f_])\d{3}(?:(?P=mark)\d{3})*(?:[.,]\d*)?",
        "Say how they are written: --thousands ',' (and --decimal), or write plain numbers.",
    ),
    (
        DECIMAL_COMMA,
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
    looks = [(text, looks_like(text)) for text in labels]
    counts = Counter(look for _, look in looks if look is not None)
    if counts and 2 * sum(counts.values()) >= len(looks):
        # "1,250" beside "0,250" has a decimal comma too, though it looks like digits in groups.
        commas = next((look for look in counts if look[0] == DECIMAL_COMMA), None)
        (name, remedy) = commas or counts.most_common(1)[0][0]
        shown = dict.fromkeys(text for text, look in looks if look == (name, remedy))
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


def refuse_spellings(names: Iterable[str], where: str, of: str = "class") -> None:
    """Refuse two names that differ in case, spaces, dashes or the writing of a number only."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(spelling(name), name)
        if other != name:
            raise DataError(
                f"{quoted([other])} and {quoted([name])} look like two spellings of one {of}",
                where,
                "Write them alike, or give them names that differ if they are two.",
            )


def spelling(text: str) -> str:
    """Give what two spellings of one thing have in common."""
    common = unicodedata.normalize("NFKC", text)
    common = "".join(letter for letter in common if unicodedata.category(letter) != "Cf").casefold().strip()
    # "-1" is no spelling of "1": a mark before a digit belongs to the number.
    if is_number(common):
        return repr(float(common))
    # Between words alone: "A-" is another grade than "A".
    common = re.sub(r"(?<=\w)[\s_\-\u2010-\u2015]+(?=\w)|\s+", " ", common).strip(" .!\"'") or common
    return _SHORT.get(common, common)


_SHORT = {"y": "yes", "n": "no", "t": "true", "f": "false"}
# Spellings where the long word stands beside; alone they are classes like any other.


def column_called(names: Sequence[str], wanted: str, where: str) -> str | None:
    """Find a column by its name or another spelling of it; refuse to choose between two."""
    alike = [name for name in names if spelling(name) == spelling(wanted)]
    if len(alike) > 1:
        raise DataError(
            f"columns {quoted(alike)} look like two spellings of one name",
            where,
            "Rename those that are not meant.",
        )
    return alike[0] if alike else None


def id_in(table: Table, id_column: str) -> str | None:
    """Find the column of ids: of several names, as files call it differently, the first that is there."""
    if id_column == "id":
        return column_called(table.names, "id", table.where)
    column = next((name for name in (id_column, *id_column.split(",")) if name in table.names), None)
    if column is None:
        raise missing_column(table.where, id_column, table.names, "id")
    return column


def suspicious_marks(
    raw: Sequence[str | None], values: np.ndarray, missing: frozenset[str] = MISSING
) -> Check | None:
    """Name words read as missing that may be classes, and classes that may mean missing (OG110)."""
    if values.dtype != object:
        return _sentinel(values)
    known = [text for text in values if text is not None]
    taken = Counter(text.strip() for text in raw if text is not None and text.strip() in missing - USUAL)
    kept = Counter(text for text in known if text.lower() in MAYBE_MISSING or text in MISSING)
    parts = []
    if taken and known:
        parts.append(f"read as missing: {_counted(taken)}")
    if kept:
        parts.append(f"taken for classes: {_counted(kept)}")
    return Check("OG110", "; ".join(parts)) if parts else None


def _sentinel(values: np.ndarray) -> Check | None:
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    whole = bool((distinct % 1 == 0).all())
    for at, (value, count) in enumerate(zip(distinct, counts, strict=True)):
        mark, inner = f"{value:g}", np.delete(distinct, at)
        named = _MARK.fullmatch(mark) is not None
        # Below classes numbered from 0 up, of which -1 and 1 alone would be signs.
        below = whole and mark == "-1" and at == 0 and len(inner) > 1 and inner[0] == 0
        # Among measurements, which hardly repeat.
        spike = named and not whole and 10 * count > len(known)
        # One repeated value farther from all others than these are from each other is no measurement.
        apart = at in (0, len(inner)) and count > 1 and len(inner) > (1 if named else 2)
        if below or spike or (apart and value % 1 == 0 and np.abs(value - inner).min() > np.ptp(inner)):
            return Check("OG110", f"taken for a label: '{mark}' ({count})")
    return None


_MARK = re.compile(r"-1|-9|-?9{2,5}")
# Numbers that stand for "not known" in tables of surveys and of Hugging Face.


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{quoted([text])} ({count})" for text, count in counts.most_common(5))

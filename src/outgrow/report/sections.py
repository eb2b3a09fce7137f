"""The blocks that pages are made of: head, sections, checks, methods, words, configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from outgrow.report.findings import Plain, checks, part
from outgrow.report.listing import Column, Styled, listing
from outgrow.report.markup import Child, Safe, data_list, joined, tag
from outgrow.report.settings import settings
from outgrow.report.text import is_number, number, shortened, value_of
from outgrow.report.words import GLOSSARY

FACTS = (
    ("head", "Heads"),
    ("evaluation", "Measured on"),
    ("n", "Labelled rows, n"),
    ("N", "Unlabelled rows, N"),
    ("n_test", "Test rows"),
    ("m", "Labels used"),
    ("pool", "Unlabelled rows at hand"),
    ("d_s", "Directions of the strong head"),
    ("noise", "Noise variance"),
    ("note", "Remark on the features"),
    ("seconds", "Wall time"),
)
"""What the end of a page lists, where the findings say it: key, and title."""


def section(anchor: str, title: Child, *children: Child, class_: str | None = None) -> Safe:
    """Write a part of a page under its heading."""
    return tag("section", tag("h2", title, id=anchor), *children, aria_labelledby=anchor, class_=class_)


def header(
    outcome: Plain, kicker: str, title: str, sets: Mapping[str, str], sizes: str, *more: Child
) -> Safe:
    """Write what was asked, of which models and rows; serious checks stand beneath, above the answers."""
    lede = [tag("span", f"{name}:", tag("b", text)) for name, text in sets.items()]
    lede += [tag("span", sizes)] if sizes else []
    top = tag(
        "header",
        tag("p", kicker, class_="kicker"),
        tag("h1", title),
        tag("p", joined(lede, " · "), class_="lede") if lede else None,
        *more,
        note_of(outcome),
    )
    serious = [
        tag("p", tag("strong", f"{one.code} {one.title}:"), f"{one.detail}. {one.remedy}", class_="note")
        for one in checks(outcome)
        if one.serious
    ]
    return joined([top, *serious])


def note_of(outcome: Plain) -> Safe | None:
    """Write the remark that belongs to everything measured on the features; None without one."""
    note = outcome.get("note")
    return tag("p", tag("strong", "Measured"), f"{note}.".replace("..", "."), class_="note") if note else None


def contents(links: Iterable[tuple[str, str]]) -> Safe:
    """Write the links to a page's sections."""
    made = [tag("a", title, href=f"#{anchor}") for anchor, title in links]
    return tag("nav", joined(made), aria_label="Contents")


def notes(outcome: Plain) -> Safe | None:
    """Write what the reader should bear in mind; None without notes."""
    entries = [tag("li", str(note)) for note in outcome.get("notes") or ()]
    return section("notes", "To bear in mind", tag("ul", *entries, class_="plain")) if entries else None


def raised(outcome: Plain) -> Safe:
    """Write every check that was raised."""
    cards = [
        tag(
            "article",
            tag("h3", tag("code", check.code), check.title or "unknown to this version"),
            tag("p", check.detail, class_="detail"),
            data_list([("Why it matters", check.why), ("What to do", check.remedy)]) if check.why else None,
            class_="check",
        )
        for check in checks(outcome)
    ]
    return section("checks", "Checks", *(cards or [tag("p", "No check was raised.")]))


def obtained(rows: Sequence[tuple[Child, Child]]) -> Safe | None:
    """Write how the numbers were obtained, one line each; None without lines."""
    if not rows:
        return None
    return section("methods", "How every number was obtained", data_list(rows, "facts"), class_="wide")


def glossary(words: Iterable[tuple[str, str]] = GLOSSARY) -> Safe:
    """Write what the words mean."""
    listed = ((word, f"{text[:1].upper()}{text[1:]}") for word, text in words)
    return section("words", "Words", data_list(listed, "words"))


def configuration(outcome: Plain, closing: str = "") -> Safe:
    """Write what was asked for, on which features, and how long it took."""
    identities = [
        (name, identity if isinstance(identity, Mapping) else {})
        for name, identity in part(outcome, "identities").items()
    ]
    columns = [
        Column("Features", lambda one: shortened(one[0])),
        Column("Width", lambda one: one[1].get("width")),
        Column("File", lambda one: _file(one[1])),
        Column("Encoder", lambda one: Styled(shortened(one[1].get("encoder") or "not said", 200))),
        Column(
            "SHA-256", lambda one: tag("code", shortened(one[1].get("sha256") or "–", 80)), "of the values"
        ),
    ]
    return section(
        "configuration",
        "Configuration and identities" if identities else "Configuration",
        data_list(_facts(outcome), "facts"),
        listing("Identities of the feature sets", columns, identities).html(),
        settings(part(outcome, "config")),
        tag("p", closing) if closing else None,
        class_="wide",
    )


def _file(identity: Mapping[str, Any]) -> str:
    columns = identity.get("columns")
    details = [shortened(identity["dtype"])] if identity.get("dtype") else []
    details += [f"{len(columns):,} named columns"] if columns else []
    where = shortened(identity.get("source") or "in memory")
    return f"{where} ({', '.join(details)})" if details else where


def _facts(outcome: Plain) -> list[tuple[Child, Child]]:
    why, classes = outcome.get("why_task"), outcome.get("classes") or []
    task = f"{outcome.get('task')} ({why})" if why else str(outcome.get("task") or "")
    listed = ", ".join(shortened(label, 40) for label in classes)
    weak = ", ".join(f"{shortened(k, 40)}: {number(v)}" for k, v in part(outcome, "d_w").items())
    shown: list[tuple[Child, Child]] = [
        ("Task", task), ("Classes", listed), ("Directions of the weak heads", weak)
    ]  # fmt: skip
    for key, title in FACTS:
        fact = outcome.get(key)
        value = value_of(fact)
        text = fact if isinstance(fact, str) else number(fact if is_number(fact) else value)
        shown.append((title, f"{text} s" if key == "seconds" and value is not None else text))
    return [(name, text) for name, text in shown if text not in ("", "–")]

"""The end of the page: checks raised, how every number was obtained, words, configuration and identities."""

from __future__ import annotations

from outgrow.report.findings import Plain, checks, methods, part
from outgrow.report.markup import Child, Column, Safe, data_list, joined, table, tag, words_cell
from outgrow.report.text import is_number, number, shortened
from outgrow.report.words import GLOSSARY

PATHS = ("weak", "strong", "labels", "input", "tokenizer")
"""Settings that are not shown: whole paths would tell whoever sees the page about its author's machine."""

NAMES_SHOWN = 12
"""Names listed of numbers obtained alike: a table's rows already name them all."""


def raised(outcome: Plain) -> Safe:
    """Write every check that was raised."""
    found = checks(outcome)
    cards = [
        tag(
            "article",
            tag("h3", tag("code", check.code), check.title or "unknown to this version"),
            tag("p", check.detail, class_="detail"),
            data_list([("Why it matters", check.why), ("What to do", check.remedy)]) if check.why else None,
            class_="check",
        )
        for check in found
    ]
    none = tag("p", "No check was raised.")
    return tag("section", tag("h2", "Checks", id="checks"), *(cards or [none]), aria_labelledby="checks")


def obtained(outcome: Plain) -> Safe:
    """Write how every number was obtained."""
    rows: list[list[Child]] = []
    for place, names, estimate in methods(outcome):
        listed = ", ".join(shortened(name, 60) for name in names[:NAMES_SHOWN])
        if len(names) > NAMES_SHOWN:
            listed += f" and {len(names) - NAMES_SHOWN} more"
        level = estimate.get("level")
        # A number without an interval has no level, whatever its field says.
        shown = f"{level:.0%}" if estimate.get("interval") and is_number(level) else "–"
        n = number(estimate.get("n"))
        how = shortened(estimate.get("method"), 200)
        rows.append([place[:1].upper() + place[1:], words_cell(listed), words_cell(how), n, shown])
    columns = [Column("Part"), Column("Numbers"), Column("How"), Column("Rows"), Column("Level")]
    return tag(
        "section",
        tag("h2", "How every number was obtained", id="methods"),
        table(columns, rows, "Methods") if rows else tag("p", "This run's findings do not say."),
        aria_labelledby="methods",
        class_="wide",
    )


def glossary() -> Safe:
    """Write what the words mean."""
    return tag(
        "section",
        tag("h2", "Words", id="words"),
        data_list(((word, f"{text[:1].upper()}{text[1:]}") for word, text in GLOSSARY), "words"),
        aria_labelledby="words",
    )


def configuration(outcome: Plain) -> Safe:
    """Write what was run, and on which features."""
    d_w = part(outcome, "d_w")
    why = outcome.get("why_task")
    classes = outcome.get("classes") or []
    named: list[tuple[Child, object]] = [
        ("Task", f"{outcome.get('task')} ({why})" if why else outcome.get("task")),
        ("Classes", ", ".join(shortened(label, 40) for label in classes) or None),
        ("Heads", outcome.get("head")),
        ("Measured on", outcome.get("evaluation")),
        ("Labelled rows, n", outcome.get("n")),
        ("Unlabelled rows, N", outcome.get("N")),
        ("Test rows", outcome.get("n_test")),
        (
            "Directions of the weak heads",
            ", ".join(f"{shortened(k, 40)}: {number(v)}" for k, v in d_w.items()),
        ),
        ("Directions of the strong head", outcome.get("d_s")),
        ("Remark on the features", outcome.get("note")),
        ("Wall time", f"{number(outcome.get('seconds'))} s" if is_number(outcome.get("seconds")) else None),
    ]
    shown = [(name, number(v) if is_number(v) else str(v)) for name, v in named if v not in (None, "")]
    rows: list[list[Child]] = []
    for name, identity in part(outcome, "identities").items():
        columns = identity.get("columns") if isinstance(identity, dict) else None
        own = identity if isinstance(identity, dict) else {}
        from_table = f", {len(columns):,} named columns" if columns else ""
        rows.append(
            [
                shortened(name),
                number(own.get("width")),
                f"{shortened(own.get('source') or 'in memory')} ({shortened(own.get('dtype'))}{from_table})",
                shortened(own.get("encoder") or "not said", 200),
                tag("code", shortened(own.get("sha256") or "–", 80)),
            ]
        )
    config = [
        (name, shortened(", ".join(map(str, value)) if isinstance(value, list) else value, 200))
        for name, value in part(outcome, "config").items()
        if value not in (None, "", []) and name not in PATHS
    ]
    heads = [
        Column("Features"),
        Column("Width"),
        Column("File"),
        Column("Encoder"),
        Column("SHA-256", "of the values"),
    ]
    return tag(
        "section",
        tag("h2", "Configuration and identities", id="configuration"),
        data_list(shown, "facts"),
        joined([table(heads, rows, "Identities of the feature sets")]) if rows else None,
        joined([tag("h3", "As asked for"), data_list(config, "facts")]) if config else None,
        tag(
            "p",
            "The folder of the run holds config.toml and versions.json: outgrow replay FOLDER repeats it.",
        ),
        aria_labelledby="configuration",
        class_="wide",
    )

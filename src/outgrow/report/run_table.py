"""What a terminal shows of a run: the verdict in a few lines, risks and dimensions as tables.

Names are set as plain text, so brackets in them are never read as styles.
"""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from outgrow.features.inspect_model import Inspection
from outgrow.report.answer import answer, came_out, how_sure, outgrown, to_train
from outgrow.report.comparing import evaluated, sizes
from outgrow.report.findings import Plain, items, ordered_routes, part, scale_text, settings_text, teachers
from outgrow.report.geometry_charts import dimensions
from outgrow.report.page_geometry import (
    count,
    gap_in_words,
    label_gap_in_words,
    published_in_words,
    shared_in_words,
)
from outgrow.report.page_head import title_of
from outgrow.report.text import number, quantity_text, shortened, undefined_text, value_of, visible
from outgrow.report.words import PROMISES, kind_title

STYLES = {"do": "bold green", "dont": "bold red", "close": "bold yellow"}
"""Colour of each decision; its name stands beside it."""


def summary_lines(outcome: Plain) -> Group:
    """Write the verdict of a run, what it rests on and what came out."""
    verdict = part(outcome, "verdict")
    said, kind, meaning = answer(verdict)
    lines = [Text(title_of(outcome), style="bold"), Text(visible(sizes(outcome)), style="dim")]
    if outcome.get("note"):
        lines.append(Text(f"Measured {visible(outcome['note'])}", style="dim"))
    lines.append(Text.assemble((said, STYLES[kind]), f". {meaning}".rstrip()))
    lines += [Text(visible(outgrown(one, outcome))) for one in items(verdict, "outgrown")]
    if verdict.get("recommended"):
        lines += [Text(visible(to_train(outcome))), Text(visible(how_sure(outcome)))]
    lines += [Text(visible(sentence)) for sentence in came_out(outcome)]
    return Group(*lines)


def run_lines(outcome: Plain) -> Group:
    """Write a run for a terminal."""
    return Group(summary_lines(outcome), risk_table(outcome))


def risk_table(outcome: Plain) -> Group:
    """Write the risks of every route.

    A table, and what is undefined with its reason.
    """
    routes = ordered_routes(outcome)
    named = (
        ("expected", "Expected error"),
        ("risk", "Measured error"),
        ("expected_excess", "Expected excess"),
        ("excess_risk", "Measured excess"),
        ("accuracy", "Accuracy"),
    )
    shown = [
        (key, title) for key, title in named if any(value_of(route.get(key)) is not None for route in routes)
    ]
    several, best = len(teachers(outcome)) > 1, part(outcome, "verdict").get("recommended")
    table = Table(title=Text(f"Errors, 90 % intervals; measured: {visible(evaluated(outcome))}"))
    table.add_column("Route")
    if several:
        table.add_column("Teacher", overflow="fold")
    for _, title in shown:
        table.add_column(title)
    table.add_column("Settings")
    for route in routes:
        chosen = route.get("name") == best
        # The mark says it without the bold.
        cells = [f"{'* ' if chosen else '  '}{kind_title(route.get('kind'))}"]
        if several:
            weak = route.get("weak")
            cells.append("" if weak is None else shortened(weak, 40))
        cells += [_text(route.get(key)) for key, _ in shown]
        cells.append(settings_text(part(route, "settings")))
        table.add_row(*(Text(cell) for cell in cells), style="bold" if chosen else None)
    notes = [Text("* recommended", style="dim")] if best else []
    if value_of(outcome.get("majority_rate")) is not None:
        taken = next((route for route in routes if route.get("name") == best), {})
        notes.append(
            Text(
                f"Always naming the most frequent class is right on {_text(outcome['majority_rate'])};"
                f" recommended route: balanced accuracy {_text(taken.get('balanced_accuracy'))},"
                f" AUC {_text(taken.get('auc'))}"
            )
        )
    scales = (scale_text(route.get("weak"), part(route, "settings"), outcome.get("n")) for route in routes)
    notes += [Text(scale) for scale in scales if scale]
    for pair in items(outcome, "pairs"):
        ratios = [f"{title} {quantity_text(pair[key])}" for key, title in _ratios(outcome) if pair.get(key)]
        if ratios:
            notes.append(Text(f"{shortened(pair.get('weak'), 40)}: {', '.join(ratios)}"))
        notes += [Text(line, style="dim") for line in _misfit_lines(part(pair, "misfit"))]
        for key, title in _ratios(outcome):
            if undefined_text(pair.get(key)):
                notes.append(Text(f"  {title} is undefined: {undefined_text(pair[key])}", style="dim"))
    return Group(table, *notes)


def _misfit_lines(found: Plain) -> list[str]:
    if value_of(found.get("promised")) is None:
        return []
    lines = [
        f"  Gain over the teacher promised by their disagreement on {visible(found.get('rows'))}:"
        f" {quantity_text(found.get('promised'))}, if the strong features can express the target; not"
        " promised otherwise."
    ]
    if value_of(found.get("measured")) is not None:
        came = PROMISES.get(str(found.get("outcome")), "")
        lines.append(f"  Gain measured: {quantity_text(found.get('measured'))}{came and f': {came}'}.")
    return lines


def _ratios(outcome: Plain) -> list[tuple[str, str]]:
    ratios = [("pgr", "PGR"), ("opr", "OPR"), ("opr_raw_mse", "OPR of raw MSE")]
    if outcome.get("task") == "classification":
        ratios.append(("pgr_accuracy", "PGR of accuracy"))
    return ratios


def _text(quantity: Any) -> str:
    return "–" if quantity is None else quantity_text(quantity)


def geometry_table(weak: object, strong_name: object, geometry: Plain, note: object = "") -> Group:
    """Write the dimensions of two feature sets and what they share."""
    heading = f"{shortened(weak, 60)} (weak) and {shortened(strong_name, 60)} (strong)"
    rows = geometry.get("rows")
    table = Table(title=Text(heading), caption=Text(f"{number(rows)} rows") if rows else None)
    for title in ("Intrinsic dimension by", "d_w", "d_s"):
        table.add_column(title, justify="left" if title.startswith("I") else "right")
    undefined = []
    for label, both in dimensions(geometry):
        table.add_row(Text(visible(label)), *(Text(count(quantity)) for quantity in both))
        undefined += [f"{visible(label)}: {undefined_text(q)}" for q in both if undefined_text(q)]
    shared, published = part(geometry, "correlation"), part(geometry, "published")
    lines = [shared_in_words(geometry)]
    if value_of(shared.get("naive")) is not None:
        lines.append(
            f"Uncorrected {number(value_of(shared.get('naive')))}; unrelated sets would give"
            f" {number(value_of(shared.get('chance')))}."
        )
    gap, of_labels = part(geometry, "projector_gap"), part(geometry, "label_gap")
    if value_of(gap.get("gap")) is not None:
        lines.append(
            f"Projector gap {number(value_of(gap.get('gap')))}; unrelated sets would leave"
            f" {number(value_of(gap.get('gap_by_chance')))}: {gap_in_words(gap)}."
        )
    elif undefined_text(gap):
        lines.append(f"Projector gap: {undefined_text(gap)}")
    if value_of(of_labels.get("value")) is not None:
        lines.append(
            f"Left of the labels {number(value_of(of_labels.get('value')))}: {label_gap_in_words(of_labels)}."
        )
    value, chance = value_of(published.get("value")), value_of(published.get("chance"))
    if value is not None and chance is not None:
        spread = value_of(published.get("chance_sd"))
        level = f"{number(chance)} ± {number(spread)}" if spread else number(chance)
        words = published_in_words(published)
        lines.append(f"Published similarity {number(value)}, by chance {level}: {words}.")
    elif undefined_text(geometry.get("published")):
        lines.append(f"Published similarity: {undefined_text(geometry.get('published'))}")
    lines += dict.fromkeys(undefined)
    if note:
        lines.append(f"Measured {visible(note)}.")
    return Group(table, *(Text(line) for line in lines))


def measure_lines(found: Plain) -> Group:
    """Write the geometry of every pair, and what given teachers agree on, for a terminal."""
    lines = []
    for weak, geometry in part(found, "pairs").items():
        lines.append(geometry_table(weak, found.get("strong"), geometry, found.get("note")))
        if weak in part(found, "agreement"):
            lines.append(agreement_lines(weak, found["agreement"][weak]))
    return Group(*lines)


def agreement_lines(teacher: object, found: Plain) -> Group:
    """Say what a given teacher and its student tell without a label."""
    name, misfit = shortened(teacher, 60), part(part(found, "misfit"), "promised")
    lines = [
        f"A student of {name} repeats {quantity_text(found.get('repeated'))} of the variance of what it says,"
        " on rows left out of its training."
    ]
    if value_of(found.get("same")) is not None:
        lines.append(f"Both name the same column first on {quantity_text(found.get('same'))} of the rows.")
    lines.append(
        f"The rest, {quantity_text(misfit)} in squares of the teacher's own units, is what the student gains"
        " if the strong features can express the target and the teacher speaks in its units; nothing is"
        " promised otherwise."
    )
    # What cannot be said is said as plainly as what can.
    lines.append(f"Is the student better? Unknown: {undefined_text(found.get('better'))}")
    return Group(*(Text(line) for line in lines))


def inspection_lines(found: Inspection) -> list[str]:
    """Say what was found of a model."""
    identity = found.identity
    layers = "" if found.layers is None else f" of {found.layers} hidden layers"
    on = "made-up rows" if found.made_up else "rows"
    named = [
        (
            "Model",
            f"{identity.name} ({identity.kind}, revision {identity.revision.removeprefix('sha256:')[:12]})",
        ),
        ("Licence", identity.licence or "not said"),
        ("Width", number(identity.width)),
        ("Layer", f"{identity.layer}{layers}"),
        ("Pooling", identity.pooling),
        ("Computes in", identity.dtype),
        ("Transform", identity.transform),
        ("Speed", f"{number(found.rows_per_second)} rows a second ({found.tried:,} {on} tried)"),
        (
            f"{found.rows:,} rows",
            f"{_duration(found.seconds)}, {found.disk / 1e6:,.0f} MB on disk, {found.memory / 1e6:,.0f} MB of"
            " memory beside the model",
        ),
    ]
    if found.process is not None:
        named.append(("This process", f"{found.process / 1e6:,.0f} MB at its peak, model included"))
    wide = max(len(name) for name, _ in named)
    lines = [f"{name:{wide}}  {visible(text)}" for name, text in named]
    lines += [f"{check.code} {check.title}: {check.detail}. {check.remedy}" for check in found.checks]
    if not found.checks:
        lines.append("Probe: the same rows give the same features, whatever stands beside them.")
    return lines


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"

"""What a terminal shows of every verb's findings: the answer first, then its tables, as plain text.

Names of users are never read as styles: brackets in them are brackets.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from outgrow.report import forecast_page, forecast_words, plan_page, rank_page, reproduction_page, sweep_page
from outgrow.report.answer import answer, came_out, how_sure, outgrown, to_train
from outgrow.report.comparing import evaluated
from outgrow.report.comparing import sizes as run_sizes
from outgrow.report.findings import RATIOS, Plain, items, ordered_routes, part, risk_name, scale_text
from outgrow.report.forecast_words import anchor_sentence, given_sentences, identified, lost, sentence
from outgrow.report.listing import STAR, STYLES, TIED
from outgrow.report.markup import reasons
from outgrow.report.page_geometry import dimension_listing, dimensions, shared_in_words, shared_listing
from outgrow.report.page_head import headline
from outgrow.report.page_risks import risk_listing
from outgrow.report.sweep_cells import FILES, Cells
from outgrow.report.text import number, quantity_text, shortened, undefined_text, value_of, visible
from outgrow.report.words import PROMISES


def plain(lines: Iterable[object], style: str = "") -> list[Text]:
    """Make lines of text; what is empty needs none."""
    return [Text(visible(line), style=style) for line in lines if line]


def _opening(outcome: Plain, title: str, sizes: str) -> list[Text]:
    note = f"Measured {outcome['note']}" if outcome.get("note") else ""
    return [*plain([title], "bold"), *plain([sizes, note], "dim")]


def _decision(badge: str, kind: str, sentence: object) -> Text:
    return Text.assemble((visible(badge), STYLES[kind]), f". {visible(sentence)}".rstrip())


def _reasons(entries: Iterable[tuple[str, str]]) -> list[Text]:
    return plain((f"{names} {reason}" for names, reason in entries), "dim")


def _notes(outcome: Plain) -> list[Text]:
    return plain(outcome.get("notes") or (), "yellow")


def run_lines(outcome: Plain) -> Group:
    """Write a run for a terminal."""
    return Group(summary_lines(outcome), risk_table(outcome))


def summary_lines(outcome: Plain) -> Group:
    """Write the verdict of a run, what it rests on and what came out."""
    verdict = part(outcome, "verdict")
    badge, kind, meaning = answer(verdict)
    best = verdict.get("recommended")
    return Group(
        *_opening(outcome, headline(outcome), run_sizes(outcome)),
        _decision(badge, kind, meaning),
        *plain(outgrown(one, outcome) for one in items(verdict, "outgrown")),
        *plain([to_train(outcome), how_sure(outcome)] if best else []),
        *plain(came_out(outcome)),
    )


def risk_table(outcome: Plain) -> Group:
    """Write the risks of every route, the ratios, and what is undefined with its reason."""
    routes, best = ordered_routes(outcome), part(outcome, "verdict").get("recommended")
    notes = plain([f"{STAR} recommended"] if best else [], "dim")
    if value_of(outcome.get("majority_rate")) is not None:
        taken = next((route for route in routes if route.get("name") == best), {})
        rate, accuracy, auc = (
            "–" if quantity is None else quantity_text(quantity)
            for quantity in (outcome["majority_rate"], taken.get("balanced_accuracy"), taken.get("auc"))
        )
        notes += plain(
            [
                f"Always naming the most frequent class is right on {rate}; recommended route: balanced"
                f" accuracy {accuracy}, AUC {auc}"
            ]
        )
    notes += plain(scale_text(one.get("weak"), part(one, "settings"), outcome.get("n")) for one in routes)
    for pair in items(outcome, "pairs"):
        ratios = [
            (title, pair[key])
            for key, title in RATIOS
            if pair.get(key) and (key != "pgr_accuracy" or outcome.get("task") == "classification")
        ]
        listed = ", ".join(f"{title} {quantity_text(ratio)}" for title, ratio in ratios)
        notes += plain([f"{shortened(pair.get('weak'), 40)}: {listed}"] if ratios else [])
        notes += plain(_gain_lines(part(pair, "misfit")), "dim")
        notes += _reasons(reasons(ratios))
    return Group(
        *risk_listing(outcome).lines(f"Errors, 90 % intervals; measured: {evaluated(outcome)}"), *notes
    )


def _gain_lines(misfit: Plain) -> list[str]:
    if value_of(misfit.get("promised")) is None:
        return []
    lines = [
        f"Gain over the teacher promised by their disagreement on {visible(misfit.get('rows'))}:"
        f" {quantity_text(misfit.get('promised'))}, if the strong features can express the target; not"
        " promised otherwise."
    ]
    if value_of(misfit.get("measured")) is not None:
        came = PROMISES.get(str(misfit.get("outcome")), "")
        lines.append(f"Gain measured: {quantity_text(misfit.get('measured'))}{came and f': {came}'}.")
    return lines


def forecast_lines(outcome: Plain) -> Group:
    """Write a forecast for a terminal."""
    about = f"{forecast_words.kind_of(outcome)[0]}: {forecast_words.sizes(outcome)}"
    made: list[RenderableType] = [
        *_opening(outcome, forecast_words.headline(outcome), about),
        *plain(sentence(outcome, pair) for pair in items(outcome, "pairs")),
    ]
    for pair in items(outcome, "pairs"):
        weak = shortened(pair.get("weak"), 40)
        heading = f"{weak} to {shortened(pair.get('strong'), 40)}: {risk_name(outcome)}, 90 % intervals"
        made += [
            *forecast_page.risk_listing(pair).lines(heading),
            *forecast_page.part_listing(pair).lines(f"{weak}: the student's risk in parts"),
            *forecast_page.chance_listing(pair).lines(
                f"{weak}: the student's ratios, and how probably it wins"
            ),
            *forecast_page.accuracy_listing(pair).lines(f"{weak}: accuracy"),
            *_reasons(lost(pair)),
            *plain(given_sentences(outcome, pair)),
            *plain([anchor_sentence(outcome, pair)], "dim"),
        ]
    # What the labels do not tell is written here too; what they tell needs no line.
    unknown = [f"{name}: {text}" for name, text in identified(outcome) if text.startswith("not told")]
    return Group(*made, *plain(unknown, "dim"))


def ranking_lines(outcome: Plain) -> Group:
    """Write a ranking for a terminal."""
    about = f"Student: {shortened(outcome.get('strong'), 40)}, {rank_page.sizes(outcome)}"
    marks = f"{STAR} the best teacher, {TIED} may be the best; intervals behind the best hold for all at once"
    badge = rank_page.decided(outcome)
    return Group(
        *_opening(outcome, rank_page.headline(outcome), about),
        _decision(badge.text, badge.kind, outcome.get("sentence") or ""),
        *rank_page.ranking(outcome).lines(f"Forecast {risk_name(outcome)} of the student, 90 % intervals"),
        *plain([marks], "dim"),
        *rank_page.parts(outcome).lines("What the student's risk is made of", without=["Penalties"]),
        *_reasons(rank_page.undefined(outcome)),
    )


def plan_lines(outcome: Plain) -> Group:
    """Write a plan for a terminal."""
    heading = f"Every route, forecast {risk_name(outcome)}, 90 % intervals"
    return Group(
        *_opening(outcome, plan_page.headline(outcome), plan_page.sizes(outcome)),
        Text.assemble((f"{plan_page.verb(outcome)} ", "bold green"), plan_page.advice(outcome)),
        *plain(plan_page.sentences(outcome)),
        *plan_page.routes(outcome).lines(heading, without=["Penalties"]),
        *plain([f"{STAR} the plan, {TIED} cannot be told from it"], "dim"),
        *_reasons((name, f"has no design: {reason}") for name, reason in plan_page.missing(outcome)),
        *_notes(outcome),
    )


def sweep_lines(outcome: Plain, *, written: bool = True) -> Group:
    """Write a sweep for a terminal."""
    cells = Cells(outcome)
    shown, remarks = cells.shown(), []
    heading = ""
    if shown:
        name = sweep_page.measured_name(outcome)
        heading = f"Mean {name} and ratios at N = {number(shown[0].N)}, 90 % intervals"
        where = f"all are in {FILES[0]}, every seed in {FILES[1]}" if written else "--out DIR writes them all"
        remarks = [f"Shown are {number(len(shown))} of {number(len(cells.places))} cells; {where}."]
    pairs = ((shortened(pair.get("weak"), 40), pair.get("d_sw")) for pair in items(outcome, "pairs"))
    return Group(
        *_opening(outcome, sweep_page.headline(outcome), sweep_page.sizes(outcome)),
        *plain(cells.tally()),
        *sweep_page.dimension_listing(outcome).lines(),
        *_reasons((f"d_sw of {name}", reason) for name, reason in reasons(pairs)),
        *sweep_page.cell_listing(outcome, cells).lines(heading),
        *plain(remarks, "dim"),
        *_reasons(sweep_page.undefined(cells)),
        *plain([sweep_page.fits_text(part(outcome, "fits"))], "dim"),
        *_notes(outcome),
    )


def reproduction_lines(outcome: Plain) -> Group:
    """Write a reproduction for a terminal."""
    badge, compared = reproduction_page.verdict_of(outcome), reproduction_page.comparison_listing(outcome)
    # Why a number matches is on the page; why it does not belongs here too.
    differing = [
        f"{shortened(one.get('what'), 80)}: {one['reason']}"
        for one in items(outcome, "comparisons")
        if reproduction_page.matches(one) is not True and one.get("reason")
    ]
    return Group(
        *_opening(outcome, reproduction_page.headline(outcome), reproduction_page.source_of(outcome)),
        *plain([f"Here: {outcome['setting']}"] if outcome.get("setting") else [], "dim"),
        _decision(badge.text, badge.kind, reproduction_page.sentence(outcome.get("because"))),
        *plain([reproduction_page.tally(outcome)]),
        *compared.lines(f"{compared.title}, 90 % intervals", without=["Why"]),
        *plain(differing, "dim"),
        *_notes(outcome),
    )


def measure_lines(outcome: Plain) -> Group:
    """Write the geometry of every pair, and what given teachers agree on, for a terminal."""
    lines: list[RenderableType] = []
    for weak, geometry in part(outcome, "pairs").items():
        lines.append(geometry_table(weak, outcome.get("strong"), geometry, outcome.get("note")))
        if weak in part(outcome, "agreement"):
            lines.append(agreement_lines(weak, outcome["agreement"][weak]))
    return Group(*lines)


def geometry_table(weak: object, strong: object, geometry: Plain, note: object = "") -> Group:
    """Write the dimensions of two feature sets and what they share."""
    heading = f"{shortened(weak, 60)} (weak) and {shortened(strong, 60)} (strong)"
    rows = f", {number(geometry['rows'])} rows" if geometry.get("rows") else ""
    undefined = reasons((label, one) for label, both in dimensions(geometry) for one in both)
    shared = [
        f"{name}: {meaning.text}"
        if value_of(quantity) is None and not isinstance(quantity, str)
        else f"{name} {quantity if isinstance(quantity, str) else quantity_text(quantity)}: {meaning.text}"
        for name, quantity, meaning in shared_listing(geometry).rows
    ]
    return Group(
        *dimension_listing(geometry, weak, strong).lines(heading + rows),
        *plain([shared_in_words(geometry), *shared[1:]]),
        *_reasons(undefined),
        *plain([f"Measured {note}."] if note else []),
    )


def agreement_lines(teacher: object, agreement: Plain) -> Group:
    """Say what a given teacher and its student tell without a label."""
    name, misfit = shortened(teacher, 60), part(part(agreement, "misfit"), "promised")
    lines = [
        f"A student of {name} repeats {quantity_text(agreement.get('repeated'))} of the variance of what it"
        " says, on rows left out of its training."
    ]
    if value_of(agreement.get("same")) is not None:
        lines.append(
            f"Both name the same column first on {quantity_text(agreement.get('same'))} of the rows."
        )
    lines.append(
        f"The rest, {quantity_text(misfit)} in squares of the teacher's own units, is what the student gains"
        " if the strong features can express the target and the teacher speaks in its units; nothing is"
        " promised otherwise."
    )
    # What is unknown stands as plainly as what is known.
    lines.append(f"Is the student better? Unknown: {undefined_text(agreement.get('better'))}")
    return Group(*plain(lines))

"""The first screen of a run: what was asked, the verdict, its numbers and what came out of it."""

from __future__ import annotations

from outgrow.report.answer import ANSWERS, UNKNOWN, answer, came_out, how_sure, outgrown, to_train
from outgrow.report.comparing import evaluated, measured_order, route_title, scale, sizes
from outgrow.report.findings import Plain, by_name, items, part, sets_of, teachers, title_of
from outgrow.report.listing import STAR, Badge, Column, Listing, Marked, listing
from outgrow.report.markup import Safe, joined, tag
from outgrow.report.sections import header, section
from outgrow.report.text import shortened, value_of


def headline(outcome: Plain) -> str:
    """Give the page's title."""
    return title_of(outcome, "Will the student outgrow its teacher?")


def head(outcome: Plain) -> Safe:
    """Write the first screen."""
    strong = next((pair["strong"] for pair in items(outcome, "pairs") if pair.get("strong")), None)
    sets = sets_of(teachers(outcome), strong)
    top = header(outcome, "Weak-to-strong report", headline(outcome), sets, sizes(outcome))
    return joined([top, _verdict(outcome)])


def _verdict(outcome: Plain) -> Safe:
    verdict = part(outcome, "verdict")
    badge, kind, meaning = answer(verdict)
    answers = items(verdict, "outgrown")
    best = verdict.get("recommended")
    return section(
        "verdict",
        joined([Badge(badge, kind).html(), tag("span", meaning)], " "),
        tag("p", to_train(outcome), class_="take") if best else None,
        *(tag("p", outgrown(one, outcome), class_="sentence") for one in answers[:1]),
        tag("p", how_sure(outcome), class_="sentence") if best else None,
        expected_and_measured(outcome).titled(),
        tag("p", " ".join(came_out(outcome))),
        _by_teacher(outcome).titled() if len(answers) > 1 else None,
        class_=f"verdict {kind}",
    )


def expected_and_measured(outcome: Plain) -> Listing:
    """List every route to choose from, on one scale, in the order that the labels give."""
    expected, measured, what = scale(outcome)
    verdict = part(outcome, "verdict")
    best, known = verdict.get("recommended"), by_name(outcome)
    routes = [known[name] for name in part(verdict, "risks") if name in known]
    routes.sort(key=lambda route: value_of(route.get(expected)) or 0.0)
    on_labels, on_test = (
        {str(one.get("route")): one.get("difference") for one in items(where, key)}
        for where, key in ((verdict, "comparisons"), (outcome, "on_test"))
    )
    against = "less the recommended; positive is worse"
    columns = [
        Column("Route", lambda one: recommended(route_title(one["name"], outcome), one["name"] == best)),
        Column(f"Expected {what}", expected, "from the labels, 90 % interval"),
        Column(f"Measured {what}", measured, f"{evaluated(outcome)}, 90 % interval"),
        Column("Expected difference", lambda one: on_labels.get(one["name"]), against),
        Column("Measured difference", lambda one: on_test.get(one["name"]), against),
    ]
    if not measured_order(outcome):
        columns = [columns[0], columns[1], columns[3]]
    return listing(f"Expected and measured {what}", columns, routes)


def recommended(title: str, whether: bool) -> Marked:
    """Name a route, with a star where it is recommended."""
    return Marked(shortened(title), "recommended", STAR) if whether else Marked(shortened(title))


def _by_teacher(outcome: Plain) -> Listing:
    pairs = {str(pair.get("weak")): pair for pair in items(outcome, "pairs")}

    def pair(one: Plain) -> Plain:
        return pairs.get(str(one.get("weak")), {})

    columns = [
        Column("Teacher", lambda one: shortened(one.get("weak"))),
        Column("Outgrown?", lambda one: Badge(*ANSWERS.get(str(one.get("answer")), UNKNOWN)[:2])),
        Column("Student less teacher", "difference", "expected error; negative is better"),
        Column("PGR", lambda one: pair(one).get("pgr"), "share of the gap recovered"),
        Column(
            "Shared directions",
            lambda one: part(part(pair(one), "geometry"), "correlation").get("estimate"),
            "d_sw",
        ),
    ]
    return listing("Teacher by teacher", columns, items(part(outcome, "verdict"), "outgrown"))

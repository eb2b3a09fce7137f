"""The page of a ranking: the answer first, every chart drawn, no text of users let through."""

from __future__ import annotations

import io
import itertools
import json
from html.parser import HTMLParser

import pytest

from outgrow.forecasts.rank import LabelsAlone, RankedTeacher, RankOutcome
from outgrow.report import rank_charts as charts
from outgrow.report.page import write_report
from outgrow.report.rank_page import page, percent, summary_html
from outgrow.report.rank_table import ranking_lines
from outgrow.results import Check, Estimate, Undefined, as_plain

HOSTILE = (
    '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">',
    "\"'><svg/onload=window.pwned=1> <!-- [bold red]pwned[/bold red] ${window.pwned=1} datum.pwned",
    "pwned\x00\x1b[31m‮txt.exe\r\nnext",
)

DRAWN = (
    """() => [...document.querySelectorAll("[data-spec]")].every((place) => place.dataset.drawn === "yes")"""
)

CUT = """() => {
  const faults = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const frame = svg.getBoundingClientRect();
    const boxes = [];
    for (const text of svg.querySelectorAll("text")) {
      if (!text.textContent || text.getAttribute("opacity") === "0") continue;
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1) faults.push(`cut: ${text.textContent}`);
      for (const [other, said] of boxes) {
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 4) faults.push(`${said} lies on ${text.textContent}`);
      }
      boxes.push([box, text.textContent]);
    }
  }
  return faults;
}"""
"""Texts of charts that leave their drawing or lie on one another."""


def made(names=("good", "twin", "bad"), *, undefined=False, decision="tied", **changes):
    """A ranking as it is read back from its JSON."""
    teachers = []
    for place, name in enumerate(names):
        value = 0.3 + 0.07 * place
        gone = undefined and place == len(names) - 1
        missing = Undefined("the expected risk is infinite: 26 rows", "Take a positive penalty.")
        method = "prospective forecast from 400 labels and 7600 unlabelled rows"

        def near(x, reach=0.05, method=method):
            return Estimate(x, (x - reach, x + reach), n=400, method=method)

        teachers.append(
            RankedTeacher(
                weak=name,
                place=None if gone else place + 1,
                student=missing if gone else near(value),
                bias=missing if gone else near(value - 0.12),
                inherited=missing if gone else near(0.1, 0.01),
                fresh=missing if gone else near(0.02, 0.005),
                behind=None if gone else Estimate(0.07 * place, (max(0.0, 0.07 * place - 0.1), 0.2)),
                beyond_labels=None if gone else near(value - 0.35),
                alone=near(value + 0.2),
                probability=None if gone else 0.7 if place == 0 else 0.3 / (len(names) - 1),
                tied=not gone and place < 2,
                worth=False,
                d_w=None if gone else 60.0 + place,
                d_s=None if gone else 55.0,
                d_sw=None if gone else 12.0 + place,
                alpha_w=None if gone else 0.01,
                alpha_s=None if gone else 0.002,
            )
        )
    outcome = RankOutcome(
        title="",
        note="",
        strong="large",
        task="regression",
        n=400,
        N=7600,
        m=400,
        pool=7600,
        kind="prospective",
        excess=True,
        decision=decision,
        recommended=names[0],
        sentence="good and twin are tied.",
        tied=tuple(names[:2]),
        baseline=Estimate(0.35, (0.3, 0.4), n=400),
        labels_alone=LabelsAlone("baseline", None, Estimate(0.35, (0.3, 0.4), n=400)),
        teachers=tuple(teachers),
        checks=(Check("OG214", "bad: student 1.2, leave-one-out 2.4"),),
        config={"weak": ["/home/someone/good.npy"], "seed": 0},
        identities={"good": {"width": 384, "source": "good.npy", "sha256": "ab12"}},
        seconds=3.2,
    )
    return {**json.loads(json.dumps(as_plain(outcome))), **changes}


def tags(html):
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, name, attributes):
            found.append(name)

    Reader().feed(html)
    return found


def shown(outcome):
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    console.print(ranking_lines(outcome))
    return console.export_text()


def test_the_answer_stands_before_charts_and_tables():
    html = page(made())
    places = [html.index(word) for word in ("good and twin are tied.", "chart-1", "The ranking", "OG214")]
    assert places == sorted(places)
    assert "A tie at the top" in html
    assert "someone" not in html


def test_every_teacher_stands_in_every_chart():
    outcome = made()
    for chart in (charts.parts_chart, charts.behind_chart, charts.beyond_chart, charts.shared_chart):
        drawing = chart(outcome)
        text = json.dumps(drawing.spec, ensure_ascii=False)
        for name in ("good", "twin", "bad"):
            assert name in drawing.alt
            assert name in text


def test_parts_are_stacked_to_the_whole():
    spec = charts.parts_chart(made()).spec
    data = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "bar")["data"]
    bars = data["values"] if "values" in data else spec["datasets"][data["name"]]
    good = [bar for bar in bars if bar["row"] == "good"]
    assert [bar["part"] for bar in good] == ["bias", "inherited", "fresh"]
    for left, right in itertools.pairwise(good):
        assert left["end"] == pytest.approx(right["start"])
    assert (good[0]["start"], good[-1]["end"]) == (0, pytest.approx(0.3))


def test_ties_are_marked_without_colour():
    outcome = made()
    labels = [charts.label(teacher, outcome) for teacher in outcome["teachers"]]
    assert labels == ["≈ good", "≈ twin", "bad"]
    outcome["tied"], outcome["teachers"][1]["tied"] = ["good"], False
    assert charts.label(outcome["teachers"][0], outcome) == "★ good"


def test_one_teacher_is_behind_nobody():
    outcome = made(("good",))
    assert charts.behind_chart(outcome) is None
    assert "1 teacher" in page(outcome)


def test_an_undefined_risk_has_its_reason_and_no_bar():
    outcome = made(undefined=True)
    html = page(outcome)
    assert "the expected risk is infinite: 26 rows" in html
    assert "Take a positive penalty." in html
    assert "bad" not in charts.parts_chart(outcome).alt
    assert "bad is undefined" in shown(outcome)


@pytest.mark.parametrize("outcome", [{}, {"teachers": [{}]}, {"teachers": None, "decision": 3}])
def test_ranking_of_another_version_is_drawn_as_far_as_it_goes(outcome):
    assert "<h1>" in page(outcome)
    assert shown(outcome)


def test_names_stay_text():
    outcome = made(HOSTILE, strong=HOSTILE[0], title=HOSTILE[1], note=HOSTILE[2], sentence=HOSTILE[0])
    html = page(outcome)
    assert {"img", "svg"}.isdisjoint(tags(html))
    assert tags(html).count("script") == tags(page(made())).count("script")
    assert tags(summary_html(outcome)).count("script") == 0
    assert "[bold red]pwned[/bold red]" in shown(outcome)
    assert "\x1b" not in shown(outcome)


def test_label_noise_is_named_where_it_is_in_the_bias():
    html = page(made(excess=False))
    assert "with the label noise" in html
    assert "error on new labels" in html
    assert "with the label noise" not in page(made())


def test_probabilities_claim_no_certainty():
    assert [percent(value) for value in (0.0, 0.004, 0.25, 0.996, 1.0)] == [
        "under 1 %",
        "under 1 %",
        "25 %",
        "over 99 %",
        "over 99 %",
    ]


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("kind", ["ordinary", "many", "hostile"])
def test_the_page_in_a_browser(browser, tmp_path, kind, width):
    many = tuple(f"a long name of teacher number {number:02d}" for number in range(20))
    outcome = {
        "ordinary": made(),
        "many": made(many),
        "hostile": made(HOSTILE, strong=HOSTILE[0], title=HOSTILE[1]),
    }[kind]
    path = write_report(tmp_path, page(outcome))
    view = browser()
    view.set_viewport_size({"width": width, "height": 800})
    told = []
    view.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
    view.on("pageerror", lambda error: told.append(f"error: {error}"))
    view.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    view.goto(path.as_uri())
    view.wait_for_function(DRAWN, timeout=30_000)
    assert told == []
    assert view.locator(".chart svg").count() == 4
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    assert view.evaluate("window.pwned") is None
    assert view.evaluate(CUT) == []
    view.close()

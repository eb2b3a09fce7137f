"""The figure as files: what a paper can print, the same curves as on the page, and never half a file."""

from __future__ import annotations

import json
import re
import struct

import pytest

from outgrow.report import drawing_process, figure_files
from outgrow.report.curve_charts import chart
from outgrow.report.curve_looks import looks_of
from outgrow.report.curve_scene import scenes
from outgrow.report.figure_files import specification, write_figures

from .conftest import HOSTILE, make_reproduction, make_sweep


def lines_of(spec):
    """Every dataset of a drawing that holds values of curves, in any order."""
    found = set()

    def walk(value):
        if isinstance(value, dict):
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            if value and all(isinstance(row, dict) and {"curve", "y"} <= set(row) for row in value):
                found.add(json.dumps(value, sort_keys=True))
            else:
                for inner in value:
                    walk(inner)

    walk(spec)
    return found


def named(spec, key):
    return re.findall(rf'"{key}": "([^"]*)"', json.dumps(spec, ensure_ascii=False))


def test_both_files_hold_the_figure_and_its_letters(tmp_path):
    outcome = make_reproduction()
    png, pdf = write_figures(tmp_path, outcome)
    assert (
        sorted(tmp_path.iterdir()) == sorted([png, pdf]) == [tmp_path / "figure.pdf", tmp_path / "figure.png"]
    )
    picture, document = png.read_bytes(), pdf.read_bytes()
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    # Three panels across, twice as many pixels as the drawing has, and the resolution says so.
    assert 2 * 3 * figure_files.WIDTH < width < 2 * 1.4 * 3 * figure_files.WIDTH
    assert height < width
    at = picture.index(b"pHYs")
    assert struct.unpack(">I", picture[at + 4 : at + 8])[0] == pytest.approx(144 / 0.0254, rel=0.01)
    assert document.startswith(b"%PDF")
    fonts = set(re.findall(rb"/BaseFont\s*/([^\s/]+)", document))
    assert fonts
    assert all(b"LiberationSans" in font for font in fonts)
    assert document.count(b"/FontFile") == len({font.split(b"+")[0] for font in fonts})
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", document)
    assert box is not None
    assert float(box.group(1)) == pytest.approx(width / 2, abs=2)


def _whole(scene, looks):
    data = {}
    return {**chart(scene, looks, data).to_dict(), "datasets": data}


def test_the_files_show_what_the_page_shows():
    outcome = make_sweep(wild=True)
    looks = looks_of(outcome["panels"])
    on_page = set()
    for group in ("Against the labelled rows", "Against the pool"):
        members = [panel for panel in outcome["panels"] if panel["group"] == group]
        for scene in scenes(members, looks):
            on_page |= lines_of(_whole(scene, looks))
    assert len(on_page) == 6 + 2
    assert lines_of(specification(outcome)) == on_page


def test_every_panel_group_and_series_is_named():
    outcome = make_sweep(wild=True)
    text = json.dumps(specification(outcome), ensure_ascii=False)
    for panel in outcome["panels"]:
        title = panel["title"].replace(" = ", "\u00a0=\u00a0")
        assert title in text
        assert panel["group"] in text
        assert all(curve["series"] in text for curve in panel["curves"])
    assert "Points: measured, 90 % interval." in text
    assert "1 of 49 points outside" in text


def test_paper_is_white_and_knows_no_page():
    spec = specification(make_reproduction())
    text = json.dumps(spec)
    assert spec["background"] == "white"
    assert "currentColor" not in text
    assert "container" not in text
    assert "system-ui" not in json.dumps(
        {key: spec[key] for key in ("config",) if key in spec}["config"]["font"]
    )


def test_series_of_different_figures_have_legends_of_their_own():
    outcome = make_sweep()
    outcome["panels"] += [
        {**panel, "group": f"other {panel['group']}"} for panel in make_sweep(("x",))["panels"]
    ]
    spec = specification(outcome)
    assert [len(family["vconcat"]) for family in spec["vconcat"]] == [2, 2]
    assert spec["resolve"]["scale"] == {"color": "independent", "shape": "independent"}
    assert all(
        family["resolve"]["scale"] == {"color": "shared", "shape": "shared"} for family in spec["vconcat"]
    )


@pytest.mark.parametrize("outcome", [{}, {"panels": []}, {"panels": [{"curves": [{"x": [1], "y": [None]}]}]}])
def test_nothing_to_draw_writes_nothing(outcome, tmp_path):
    assert write_figures(tmp_path, outcome) == ()
    assert list(tmp_path.iterdir()) == []


def test_names_of_any_kind_are_drawn(tmp_path):
    paths = write_figures(
        tmp_path, make_sweep((*HOSTILE, "y" * 300), strong=HOSTILE[0], title=HOSTILE[1]), "other"
    )
    assert [path.name for path in paths] == ["other.png", "other.pdf"]


def test_earlier_files_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch, caplog):
    (tmp_path / "figure.png").write_bytes(b"earlier")
    (tmp_path / "figure.pdf").write_bytes(b"earlier")

    # As the drawing library does where memory is limited: the pages so far are there, and its process is not.
    ending = "import os, signal, sys; os.kill(os.getpid(), signal.SIGABRT)"
    monkeypatch.setattr(drawing_process, "CHILD", ending)
    assert write_figures(tmp_path, make_reproduction()) == ()
    assert "the figure could not be drawn (the drawing library was ended by SIGABRT)" in caplog.text
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "figure.png": b"earlier",
        "figure.pdf": b"earlier",
    }
    monkeypatch.undo()
    write_figures(tmp_path, make_reproduction())
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2

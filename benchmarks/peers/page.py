"""The tables of docs/peers.md, written from results.json between two marks; the words around them stay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

PAGE = HERE.parents[1] / "docs" / "peers.md"

BEGIN, END = "<!-- written by benchmarks/peers/page.py -->", "<!-- end -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequence of str
        Cells.

    Returns
    -------
    str
        Markdown.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def comparison(found: dict[str, Any]) -> str:
    """Lay out one comparison.

    Parameters
    ----------
    found : dict
        As `run.py` writes it.

    Returns
    -------
    str
        Markdown.
    """
    title = f"### {found['title'][0].upper()}{found['title'][1:]}"
    if "error" in found:
        return f"{title}\n\nNot measured: {found['error']}."
    rows = []
    for side, values in found["sides"].items():
        if "best_s" in values:
            times = [seconds(values[key]) for key in ("best_s", "median_s", "cpu_s")]
            peak = values.get("peak_mb")
            cells = [*times, "unknown" if peak is None else f"{peak:.0f}", distance(values.get("distance"))]
        else:
            cells = [f"failed: {values['error']}", "", "", "", ""]
        rows.append([side, *cells])
    head = ["side", "best s", "median s", "cpu s", "peak MB", f"off by ({found['unit']})"]
    load = f"Load average before: {found['load_average']:.2f}."
    parts = [title, load, table(head, rows)]
    for aim in found["aims"]:
        got = "not measured" if aim["times"] is None else f"{aim['times']:.1f} times faster by best time"
        word = "reached" if aim["reached"] else "missed in this run"
        parts.append(f"{aim['side']} against {aim['over']}: {got}; the aim of {aim['aim']:g} is {word}.")
    return "\n\n".join(parts)


def seconds(value: float) -> str:
    """Show a time to about three digits.

    Parameters
    ----------
    value : float
        Seconds.

    Returns
    -------
    str
        Such as "0.337" or "12.4".
    """
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"[:6]


def distance(value: float | str | None) -> str:
    """Show how far two quantities differ.

    Parameters
    ----------
    value : float, str or None
        The difference, an error, or nothing where no number came out.

    Returns
    -------
    str
        Such as "3e-12".
    """
    if value is None:
        return "no number"
    if isinstance(value, str):
        return f"failed: {value}"
    return "0" if value == 0 else f"{value:.0e}"


def conditioning(found: dict[str, Any]) -> str:
    """Lay out what becomes of d_sw as the weak set gets worse conditioned.

    Parameters
    ----------
    found : dict
        As `run.py` writes it.

    Returns
    -------
    str
        Markdown.
    """
    if "error" in found:
        return f"Not measured: {found['error']}."
    rows = [
        [
            f"{row['condition']:.0e}",
            *(distance(row[key]) for key in ("outgrow", "gram", "cca-zoo")),
            "rows" if "whitened" in row["method"] else "moments",
        ]
        for row in found["rows"]
    ]
    return table(["condition number", "outgrow", "Gram matrices", "cca-zoo", "outgrow's way"], rows)


def tables(results: dict[str, Any]) -> str:
    """Lay everything out.

    Parameters
    ----------
    results : dict
        As `run.py` writes it.

    Returns
    -------
    str
        Markdown.
    """
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, BLAS {', '.join(machine['blas'])}; Python"
        f" {machine['python']}; {versions}.",
        *(comparison(found) for found in results["comparisons"].values()),
        "### How exact d_sw is for ill-conditioned weak features",
        conditioning(results["conditioning"]),
        "### Not compared",
        "\n".join(f"- **{name}**: {why}." for name, why in results["not_compared"].items()),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Write the tables into the page."""
    results = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables(results)}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Two ways of training at the sizes held, each with means of ratios and ratios of means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from outgrow.reproductions.experiment import Measurements
from outgrow.reproductions.reproduction import Table, columns_of, with_ends
from outgrow.sweeps.summary import Ends, mean_and_ends, ratios


def means_of_ratios(risks: Mapping[str, np.ndarray]) -> dict[str, Ends]:
    """Give PGR and OPR as they are published: means over trials of each trial's ratio."""
    teacher, student = risks["teacher"], risks["student"]
    # A trial whose ceiling equals its teacher to the last digit makes such a mean infinite, as it is.
    with np.errstate(divide="ignore", invalid="ignore"):
        pgr, opr = (teacher - student) / (teacher - risks["ceiling"]), risks["baseline"] / student
        return {"pgr": mean_and_ends(pgr), "opr": mean_and_ends(opr)}


def ways_table(found: Measurements) -> Table:
    """Put both ways side by side; the floor is what the last of them cannot get below."""
    tuned = found.ways[-1].risks(found.rows.pairs[0])
    floor = float(np.min(mean_and_ends(tuned["ceiling"])[0]))
    rows = []
    for pair in found.rows.pairs:
        for noise in found.grid.noise:
            for each in found.ways:
                place, risks = each.place(noise, found.at), each.risks(pair)
                less = {model: values - floor for model, values in risks.items()}
                row: dict[str, Any] = {
                    "teacher": pair[0], "student": pair[1], "noise_sd": noise, "way": each.name,
                    "n": found.at[0], "N": found.at[1],
                }  # fmt: skip
                row |= {f"mse_{model}": float(values[place].mean()) for model, values in risks.items()}
                for name, ends in means_of_ratios(risks).items():
                    row |= with_ends(f"{name}_mean_of_ratios", ends, place)
                for name, ends in ratios(risks, excess=False).items():
                    row |= with_ends(f"{name}_ratio_of_means", ends, place)
                row |= with_ends("opr_less_floor", ratios(less, excess=True)["opr"], place)
                rows.append(row)
    return Table(
        "ways",
        "The published way and ours, at the sizes held",
        columns_of(rows),
        "Published ratios are means over trials of each trial's ratio, of raw test errors; ours are ratios"
        f" of means with Fieller's interval. The floor, {floor:.4g}, is the least mean test error of a tuned"
        " ceiling here: what no picture tells of an age, and a little more, so that ratios less the floor lie"
        " farther from 1 than those of excess risks. PGR is a ratio of differences and needs none. Ratios are"
        " missing where the trials do not resolve their denominator from zero.",
    )

"""One typed configuration per verb: everything that decides what it finds."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from pydantic import Field, PositiveInt

from outgrow.config.options import (
    MOST_ROWS,
    DataConfig,
    Finite,
    LabelConfig,
    RawConfig,
    Rows,
    Strict,
    TargetConfig,
    shared,
)


class EncodeConfig(RawConfig):
    """Everything that decides an encoding.

    Parameters
    ----------
    input : str
        Table of texts or of paths, folder of pictures, idx files, or the name of a dataset on the hub.
    model : tuple of str
        Models, each "[NAME=][KIND:]MODEL[@LAYER]".
    """

    input: str
    model: tuple[str, ...] = Field(min_length=1)


class RunConfig(LabelConfig):
    """Everything that decides a run.

    Parameters
    ----------
    n : int or None
        Labelled rows to keep labels for; by default all that have one.
    head : "ridge" or "ridgeless"
        Tuned ridge, or minimum norm on leading principal components.
    tolerance : float
        Relative error given up for a cheaper route: .05 takes the cheapest within 5 % of the least.
    """

    n: PositiveInt | None = None
    head: Literal["ridge", "ridgeless"] = "ridge"
    tolerance: Finite = 0.0


class ForesightConfig(LabelConfig):
    """What every forecast, ranking and plan is made of.

    Parameters
    ----------
    m : int or None
        Labels to use; by default all that there are.
    repeat_column : str or None
        Column with a second label of some rows, by someone else: gives the noise variance.
    retrospective : bool
        Use the test labels too (and the truth, where it is named): how good theory is, not how good the
        labels at hand are.
    alpha_w, alpha_s : float or None
        Penalties of teacher and student; those of least forecast risk by default.
    """

    m: PositiveInt | None = None
    repeat_column: str | None = None
    retrospective: bool = False
    alpha_w: Finite | None = None
    alpha_s: Finite | None = None

    def rows(self) -> RunConfig:
        """Give the run whose rows are those of the forecast, with m labelled ones."""
        return shared(self, RunConfig, n=self.m, head="ridge")


class ForecastConfig(ForesightConfig):
    """Everything that decides a forecast.

    Parameters
    ----------
    strong : str
        The strong feature file or model; that of the run where a run's folder is given.
    head : "ridge" or "ridgeless"
        Tuned ridge, or no penalty for any route but the union: minimum norm.
    n : tuple of int
        Labelled rows to forecast for; a few around those at hand by default.
    N : tuple of int
        Unlabelled rows to forecast for; a few up to the pool at hand by default.
    """

    strong: str = ""
    head: Literal["ridge", "ridgeless"] = "ridge"
    n: tuple[Rows, ...] = ()
    N: Annotated[tuple[Rows, ...], Parameter(name="--N")] = ()


class RankConfig(ForesightConfig):
    """Everything that decides a ranking of teachers.

    Parameters
    ----------
    n : int or None
        Labelled rows to rank at; those at hand by default.
    N : int or None
        Unlabelled rows to rank at; the pool at hand by default.
    """

    n: Rows | None = None
    N: Annotated[Rows | None, Parameter(name="--N")] = None


class PlanConfig(ForesightConfig):
    """Everything that decides a plan: a budget to spend, or a risk to reach.

    Parameters
    ----------
    budget : float or None
        What may be spent.
    target_risk : float or None
        Risk to reach, an excess risk where the noise variance is known, else an error on new labels.
    label_cost, unlabelled_cost : float
        Cost of one labelled and of one unlabelled row. Every row of a design is paid for, those at hand too
        unless they are named by the next two.
    have_labels, have_unlabelled : int
        Rows that are paid for already.
    most_labels, most_unlabelled : int or None
        Rows that can be had at all, those at hand among them; by default as many as one pays for.
    """

    budget: float | None = None
    target_risk: float | None = None
    label_cost: float = 1.0
    unlabelled_cost: float
    have_labels: int = Field(default=0, ge=0, le=MOST_ROWS)
    have_unlabelled: int = Field(default=0, ge=0, le=MOST_ROWS)
    most_labels: Rows | None = None
    most_unlabelled: Rows | None = None


class SweepConfig(TargetConfig):
    """Everything that decides a sweep.

    Parameters
    ----------
    weak : tuple of str
        Teachers: feature files, each "path" or "name=path"; models where raw rows are the input.
    pseudo_labels : tuple of str
        Teachers of whom only pseudo-labels are known, as for a run.
    strong : tuple of str
        Students, likewise; every teacher meets every student.
    rank : tuple of int
        Leading principal components to keep, of all rows trained on: one number for every set, or one for
        teachers and one for students.
    labels : str or None
        Table of labels, those of the raw rows by default; rows without are unused.
    truth_column : str or None
        Column of less noisy targets, which test rows are scored against.
    truth_variance : float
        Error variance of the truth column; subtracted from risks.
    test : float
        Test rows to draw: a share below 1, or a number. A sweep needs some, or a split column.
    n : tuple of int
        Labelled rows; by default up to five sizes from 50 on, each twice the one before.
    N : tuple of int
        Unlabelled rows; by default four sizes, each twice the one before, up to what is there.
    noise : tuple of float
        Noise added to the labels trained on: standard deviations, or shares of classes swapped.
    alpha_w : tuple of float
        Penalties of the teacher.
    alpha_s : tuple of float
        Penalties of student, joint student, baseline and ceiling. By default both are a decade below, at and
        above one mean variance per column: what text encoders wanted lay there (docs/decisions.md).
    unit : "variance", "absolute" or "total"
        Penalties are numbers of mean variances per column, of themselves, or scikit-learn's (m times that).
    seeds : int
        Draws of rows and labels; 10, as published.
    intercept : bool
        Whether intercepts are fitted; published experiments went without.
    joint : bool
        Whether to measure the joint student too.
    head : "squared" or "logistic"
        The loss.
    """

    strong: tuple[str, ...] = Field(min_length=1)
    n: tuple[Rows, ...] = ()
    N: Annotated[tuple[Rows, ...], Parameter(name="--N")] = ()
    noise: tuple[Finite, ...] = (0.0,)
    alpha_w: tuple[Finite, ...] = (0.1, 1.0, 10.0)
    alpha_s: tuple[Finite, ...] = (0.1, 1.0, 10.0)
    unit: Literal["variance", "absolute", "total"] = "variance"
    seeds: PositiveInt = 10
    intercept: bool = True
    joint: bool = True
    head: Literal["squared", "logistic"] = "squared"

    def rows(self) -> RunConfig:
        """Give the run whose rows are those of the sweep: its student is the first, all other sets teach."""
        sets = dict.fromkeys((*self.weak, *self.strong[1:]))
        sets.pop(self.strong[0], None)
        # A set that teaches itself is read as both.
        alone = self.strong[:1] if self.weak else ()
        # Neither ranks nor sizes nor the loss: they are the grid's.
        return shared(
            self, RunConfig, weak=tuple(sets) or alone, strong=self.strong[0], n=4, rank=(), head="ridge"
        )


class ReproduceConfig(LabelConfig):
    """Everything that decides how a published experiment is done again; what is left open is as published.

    Parameters
    ----------
    weak : tuple of str
        Teachers: feature sets or models, as for a run.
    strong : str
        The student.
    n, N : tuple of int
        Labelled and unlabelled rows.
    noise : tuple of float
        Levels of the noise added to the labels trained on: standard deviations (utkface), shares swapped
        (coloredmnist, sst2), variances (synthetic).
    alphas : tuple of float
        Penalties tried, in mean variances per column.
    seeds : int or None
        Draws of rows and labels.
    head : "squared", "logistic" or None
        The loss.
    pictures : int or None
        How many pictures to use.
    """

    strong: str = ""
    n: tuple[Rows, ...] = ()
    N: Annotated[tuple[Rows, ...], Parameter(name="--N")] = ()
    noise: tuple[Finite, ...] = ()
    alphas: tuple[Finite, ...] = ()
    seeds: PositiveInt | None = None
    head: Literal["squared", "logistic"] | None = None
    pictures: PositiveInt | None = None

    def rows(self) -> LabelConfig | None:
        """Give where the rows are; None where no feature set, model or table is named."""
        return shared(self, LabelConfig) if self.weak or self.strong or self.input or self.labels else None


class MeasureConfig(DataConfig):
    """Everything that decides a measurement of representations; no labels are needed.

    Parameters
    ----------
    pseudo_labels : tuple of str
        Teachers of whom only pseudo-labels are known, as for a run.
    labels : str or None
        The table of these columns; none is needed where they are files of their own.
    """

    pseudo_labels: tuple[str, ...] = ()
    labels: str | None = None


class DemoConfig(Strict):
    """Everything that decides the demo.

    Parameters
    ----------
    seed : int
        Seed of the raters drawn and of the splits.
    """

    seed: int = Field(default=0, ge=0)

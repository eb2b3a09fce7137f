"""One typed configuration per command, read from the command line or TOML, written back resolved.

A configuration says everything that decides the result. It is checked before any work starts, and a run
folder keeps the resolved one, so that `outgrow replay` can do the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from outgrow.errors import ConfigError, FileError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


MOST_ROWS = 10**12
"""Rows that may be asked about: more than anyone has, and far from where whole numbers overflow."""

Rows = Annotated[int, Field(ge=2, le=MOST_ROWS)]
"""A number of rows to forecast for; fewer than two fit nothing."""

Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A variance, share or penalty: an infinite one would make every number beside it NaN."""


RawLayout = Literal["auto", "text", "folder", "classes", "utkface", "table", "idx", "sst2", "coloured-mnist"]
"""How raw rows lie: texts in a table; pictures in a folder, a folder per class, UTKFace's names, a table of
paths, or idx files; SST-2 with its sentences as groups; idx digits coloured as published."""


class RawConfig(_Strict):
    """How raw rows are read and encoded.

    Parameters
    ----------
    layout : str
        How the rows lie; "auto" looks.
    text_column : tuple of str
        Column of texts, or two for pairs; the usual one by default.
    image_column : str or None
        Column of paths of pictures.
    id_column : str
        Column of row ids in tables, or several names of which the first that is there is taken ("id,doc_id");
        raw rows without one are known by their content.
    label_column : str or None
        Column of labels; by default "label", or the only column beside the ids.
    group_column : str or None
        Column whose equal values stay on one side of every split.
    split_column : str or None
        Column that says labelled, unlabelled or test, where empty cells are drawn; by default "split", where
        there is one, and "none" for none.
    delimiter : str or None
        What separates columns of text files ("tab" for a tab); by default commas in .csv, tabs in .tsv.
    decimal : str
        Mark before the decimals of numbers in text.
    thousands : str or None
        Mark between groups of three digits of numbers in text.
    on_error : "fail" or "skip"
        What is done about raw rows that cannot be read.
    dtype : "float32" or "float16"
        What features are stored as; half the room costs three digits.
    pooling : str
        How tokens become one vector; "auto" is as the model says.
    max_length : int or None
        Tokens after which texts are cut; the model's own limit by default.
    tokenizer : str or None
        Folder or file of the tokenizer of ONNX models, where it is not beside them.
    precision : "float32", "bfloat16" or "auto"
        What models compute in; "auto" is as their weights are stored.
    device : str
        What models run on: "auto", "cpu", "cuda", ...
    workers : int or None
        Processes that decode pictures; one per core by default.
    seed : int
        Seed of every draw.
    """

    layout: RawLayout = "auto"
    text_column: tuple[str, ...] = Field(default=(), max_length=2)
    image_column: str | None = None
    id_column: str = "id"
    label_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    on_error: Literal["fail", "skip"] = "fail"
    dtype: Literal["float32", "float16"] = "float32"
    pooling: Literal["auto", "mean", "cls", "last", "max"] = "auto"
    max_length: PositiveInt | None = None
    tokenizer: str | None = None
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    device: str = "auto"
    workers: int | None = Field(default=None, ge=0)
    seed: int = Field(default=0, ge=0)


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


class DataConfig(RawConfig):
    """Where features are, or what they are made of and by which models.

    Parameters
    ----------
    weak : tuple of str
        Weak feature files, each "path" or "name=path"; models where raw rows are the input.
    strong : str
        The strong feature file or model, likewise.
    input : str or None
        Raw rows, as for `EncodeConfig`.
    feature_columns : str or None
        Pattern of the feature columns in wide tables, such as "x*".
    rank : tuple of int
        Leading principal components to keep: one number for every set, or one for weak and one for strong.
    note : str
        A remark on the features, shown beside everything measured on them.
    """

    weak: tuple[str, ...] = ()
    strong: str
    input: str | None = None
    feature_columns: str | None = None
    rank: tuple[PositiveInt, ...] = Field(default=(), max_length=2)
    note: str = ""


class LabelConfig(DataConfig):
    """What is known of the rows: labels, truth, noise, and which rows are for what.

    Parameters
    ----------
    labels : str or None
        Table of labels (CSV, TSV, JSON lines, Parquet, Arrow, a folder of them); by default those of the raw
        rows.
    pseudo_labels : tuple of str
        Teachers of whom only pseudo-labels are known, one for every row, beside or instead of weak models:
        each "[NAME=]COLUMN[,COLUMN...]" of the labels' table, or "[NAME=]FILE", a table of its own. Scores,
        probabilities, lists of them or words; what they are worth is fitted to the labels.
    truth_column : str or None
        Column of less noisy targets, for reporting only.
    truth_variance : float
        Error variance of the truth column; subtracted from risks measured against it.
    noise_variance : float or None
        Label noise variance where it is known; turns test errors into excess risks.
    unlabelled : int or None
        Unlabelled rows to use; by default all.
    test : float
        Test rows to draw: a share below 1, or a number.
    task : "auto", "regression" or "classification"
        What the labels are.
    title : str
        Heading of the report.
    """

    labels: str | None = None
    pseudo_labels: tuple[str, ...] = ()
    truth_column: str | None = None
    truth_variance: Finite = 0.0
    noise_variance: Finite | None = None
    unlabelled: PositiveInt | None = None
    test: Finite = 0.0
    task: Literal["auto", "regression", "classification"] = "auto"
    title: str = ""


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
        """Give the run whose rows are those of the forecast.

        Returns
        -------
        RunConfig
            With m labelled rows.
        """
        own = set(LabelConfig.model_fields)
        return RunConfig(n=self.m, **{key: value for key, value in dict(self).items() if key in own})


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


class SweepConfig(RawConfig):
    """Everything that decides a sweep.

    Parameters
    ----------
    weak : tuple of str
        Teachers: feature files, each "path" or "name=path"; models where raw rows are the input.
    pseudo_labels : tuple of str
        Teachers of whom only pseudo-labels are known, as for a run.
    strong : tuple of str
        Students, likewise; every teacher meets every student.
    input : str or None
        Raw rows, as for `outgrow encode`.
    feature_columns : str or None
        Pattern of the feature columns in wide tables, such as "x*".
    rank : tuple of int
        Leading principal components to keep, of all rows trained on: one number for every set, or one for
        teachers and one for students.
    note : str
        A remark on the features, shown beside everything measured on them.
    labels : str or None
        Table of labels, those of the raw rows by default; rows without are unused.
    truth_column : str or None
        Column of less noisy targets, which test rows are scored against.
    truth_variance : float
        Error variance of the truth column; subtracted from risks.
    noise_variance : float or None
        Label noise variance where it is known; turns test errors into excess risks.
    test : float
        Test rows to draw: a share below 1, or a number. A sweep needs some, or a split column.
    task : "auto", "regression" or "classification"
        What the labels are.
    title : str
        Heading of the report.
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

    weak: tuple[str, ...] = ()
    pseudo_labels: tuple[str, ...] = ()
    strong: tuple[str, ...] = Field(min_length=1)
    input: str | None = None
    feature_columns: str | None = None
    rank: tuple[PositiveInt, ...] = Field(default=(), max_length=2)
    note: str = ""
    labels: str | None = None
    truth_column: str | None = None
    truth_variance: Finite = 0.0
    noise_variance: Finite | None = None
    test: Finite = 0.0
    task: Literal["auto", "regression", "classification"] = "auto"
    title: str = ""
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
        """Give the run whose rows are those of the sweep: its student is the first one.

        Returns
        -------
        RunConfig
            With every other feature set as a teacher's.
        """
        own = set(RunConfig.model_fields) - {"n", "head", "strong", "weak", "rank"}
        sets = dict.fromkeys((*self.weak, *self.strong[1:]))
        sets.pop(self.strong[0], None)
        shared = {key: value for key, value in dict(self).items() if key in own}
        # A set that teaches itself is read as both.
        alone = self.strong[:1] if self.weak else ()
        return RunConfig(weak=tuple(sets) or alone, strong=self.strong[0], n=4, **shared)


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
        """Give where the rows are.

        Returns
        -------
        LabelConfig or None
            None where no feature set, model or table is named.
        """
        own = {key: value for key, value in dict(self).items() if key in LabelConfig.model_fields}
        return LabelConfig(**own) if self.weak or self.strong or self.input or self.labels else None


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


class DemoConfig(_Strict):
    """Everything that decides the demo.

    Parameters
    ----------
    seed : int
        Seed of the raters drawn and of the splits.
    """

    seed: int = Field(default=0, ge=0)


def named_path(entry: str) -> tuple[str, Path]:
    """Split "name=path" or "path" into a name and a path.

    Parameters
    ----------
    entry : str
        As given by the user.

    Returns
    -------
    str
        The name; the file's stem where none is given.
    Path
        The path.

    Examples
    --------
    >>> named_path("small=features/minilm.parquet")[0], named_path("features/minilm.parquet")[0]
    ('small', 'minilm')
    """
    # A name may hold "=" too, as the stem of a file may: an absolute path then says where it ends.
    name, equals, path = entry.partition("=/")
    if equals and "/" not in name and name:
        return name, Path("/" + path)
    name, equals, path = entry.partition("=")
    # A path may hold "=" itself: then the part before it has a separator, or the whole names a file.
    if equals and not Path(entry).exists() and "/" not in name and name:
        return name, Path(path)
    return Path(entry).stem, Path(entry)


Labelled = TypeVar("Labelled", bound=LabelConfig)


def absolute(config: Labelled) -> Labelled:
    """Make every path absolute, so that the run can be replayed from anywhere.

    Parameters
    ----------
    config : LabelConfig
        As given.

    Returns
    -------
    LabelConfig
        The same with absolute paths; names are kept.
    """

    return config.model_copy(
        update={
            "weak": tuple(whole(entry) for entry in config.weak),
            "strong": whole(config.strong),
            "labels": config.labels and str(Path(config.labels).absolute()),
            "pseudo_labels": whole_columns(config.pseudo_labels),
        }
    )


def whole_columns(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Make the paths among given teachers absolute; columns stay as they are.

    Parameters
    ----------
    entries : tuple of str
        As `LabelConfig.pseudo_labels` takes them.

    Returns
    -------
    tuple of str
        The same teachers.
    """
    return tuple(
        whole(entry) if named_path(entry)[1].suffix and named_path(entry)[1].is_file() else entry
        for entry in entries
    )


def whole(entry: str) -> str:
    """Make the path in "name=path" or "path" absolute.

    Parameters
    ----------
    entry : str
        As given by the user.

    Returns
    -------
    str
        "name=path", the name being kept.
    """
    name, path = named_path(entry)
    return f"{name}={path.absolute()}"


def to_toml(config: BaseModel) -> str:
    """Write a configuration as TOML.

    Parameters
    ----------
    config : pydantic model
        Flat: numbers, strings and tuples of them.

    Returns
    -------
    str
        TOML; keys whose value is None are left out.
    """
    # JSON's strings, numbers and arrays of them are TOML's too, so no writer is needed for a flat table.
    import json

    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in config.model_dump(mode="json").items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"


COMMAND_ALONE = ("allow_code", "out", "overwrite", "jobs", "json", "config")
"""Options that are no settings: a file that came from elsewhere must not grant itself code or places."""


def toml_values(text: str, kind: type[BaseModel], where: str) -> dict[str, Any]:
    """Read the fields of a configuration that a file sets, each as the configuration wants it.

    Only fields: what may be run, and where things are written, is the command line's alone to say.

    Parameters
    ----------
    text : str
        TOML.
    kind : type
        The configuration class.
    where : str
        Name of the file, for messages.

    Returns
    -------
    dict of str to object
        By field.
    """
    import tomllib
    from difflib import get_close_matches

    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise FileError(f"is not valid TOML ({reason})", where, "Mend the line named.") from None
    for name, value in found.items():
        if isinstance(value, dict):
            raise ConfigError(f"holds the table [{name}]", where, "Write options without a table.")
        if name not in kind.model_fields:
            if name in COMMAND_ALONE:
                remedy = f"Give --{name.replace('_', '-')} on the command line, and there alone."
                raise ConfigError(f"a file may not set {name!r}", where, remedy)
            near = get_close_matches(name, kind.model_fields, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else "--help lists the options."
            raise ConfigError(f"there is no option {name!r}", where, remedy)
    return {name: _field_value(kind, name, value, where) for name, value in found.items()}


def _field_value(kind: type[BaseModel], name: str, value: Any, where: str) -> Any:
    field = kind.model_fields[name]
    if get_origin(field.annotation) is tuple:
        value = tuple(value) if isinstance(value, list) else (value,)
    hint: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
    try:
        # Strictly: a file has types, so a number in quotes, or true for 1, is a mistake.
        return TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError as error:
        raise ConfigError(f"{name}: {explain(error).removeprefix('the options: ')}", where) from None


def from_toml(text: str, kind: type[BaseModel], where: str) -> Any:
    """Read a whole configuration back.

    Parameters
    ----------
    text : str
        TOML.
    kind : type
        The configuration class.
    where : str
        Name of the file, for messages.

    Returns
    -------
    pydantic model
        Checked.
    """
    try:
        return kind(**toml_values(text, kind, where))
    except ValidationError as error:
        raise ConfigError(explain(error), where) from None


def explain(error: BaseException, option: Callable[[str], str] = str) -> str:
    """Say in one line which options are wrong and why.

    Parameters
    ----------
    error : exception
        A validation error, or another one.
    option : callable
        How the user names an option, from its name here; as in TOML by default.

    Returns
    -------
    str
        One line without a full stop.
    """
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    parts = []
    for item in error.errors():
        # Which of several values it was stands in the message's own words, or is plain to see.
        named = [option(part) for part in item["loc"] if isinstance(part, str)]
        said = f": {item['msg'][0].lower()}{item['msg'][1:]}"
        parts.append(
            (".".join(named) or "the options") + (" is missing" if item["type"] == "missing" else said)
        )
    return "; ".join(parts)

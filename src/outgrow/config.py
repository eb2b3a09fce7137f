"""One typed configuration per command, read from the command line or TOML, written back resolved.

A configuration says everything that decides the result. It is checked before any work starts, and a run
folder keeps the resolved one, so that `outgrow replay` can do the same again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, ValidationError

from outgrow.errors import ConfigError, FileError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Strict):
    """Where features are, and how they are read.

    Parameters
    ----------
    weak : tuple of str
        Weak feature files, each "path" or "name=path".
    strong : str
        The strong feature file, likewise.
    id_column : str
        Column of row ids in tables.
    feature_columns : str or None
        Pattern of the feature columns in wide tables, such as "x*".
    rank : tuple of int
        Leading principal components to keep: one number for every set, or one for weak and one for strong.
    group_column : str or None
        Column of the labels file whose equal values stay on one side of every split.
    seed : int
        Seed of every draw.
    note : str
        A remark on the features, shown beside everything measured on them.
    """

    weak: tuple[str, ...] = Field(min_length=1)
    strong: str
    id_column: str = "id"
    feature_columns: str | None = None
    rank: tuple[PositiveInt, ...] = Field(default=(), max_length=2)
    group_column: str | None = None
    seed: int = Field(default=0, ge=0)
    note: str = ""


class RunConfig(DataConfig):
    """Everything that decides a run.

    Parameters
    ----------
    labels : str
        Table of labels (CSV, TSV, Parquet, Arrow).
    label_column : str or None
        Column of labels; by default "label", or the only column beside the ids.
    split_column : str or None
        Column that says labelled, unlabelled or test; empty cells are drawn.
    truth_column : str or None
        Column of less noisy targets, for reporting only.
    truth_variance : float
        Error variance of the truth column; subtracted from risks measured against it.
    noise_variance : float or None
        Label noise variance where it is known; turns test errors into excess risks.
    n : int or None
        Labelled rows to keep labels for; by default all that have one.
    unlabelled : int or None
        Unlabelled rows to use; by default all.
    test : float
        Test rows to draw: a share below 1, or a number.
    task : "auto", "regression" or "classification"
        What the labels are.
    head : "ridge" or "ridgeless"
        Tuned ridge, or minimum norm on leading principal components.
    title : str
        Heading of the report.
    """

    labels: str
    label_column: str | None = None
    split_column: str | None = None
    truth_column: str | None = None
    truth_variance: NonNegativeFloat = 0.0
    noise_variance: NonNegativeFloat | None = None
    n: PositiveInt | None = None
    unlabelled: PositiveInt | None = None
    test: NonNegativeFloat = 0.0
    task: Literal["auto", "regression", "classification"] = "auto"
    head: Literal["ridge", "ridgeless"] = "ridge"
    title: str = ""


class MeasureConfig(DataConfig):
    """Everything that decides a measurement of representations; no labels are needed."""


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
    name, equals, path = entry.partition("=")
    # A path may hold "=" itself: then the part before it has a separator, or the whole names a file.
    if equals and not Path(entry).exists() and "/" not in name and name:
        return name, Path(path)
    return Path(entry).stem, Path(entry)


def absolute(config: RunConfig) -> RunConfig:
    """Make every path absolute, so that the run can be replayed from anywhere.

    Parameters
    ----------
    config : RunConfig
        As given.

    Returns
    -------
    RunConfig
        The same with absolute paths; names are kept.
    """

    def whole(entry: str) -> str:
        name, path = named_path(entry)
        return f"{name}={path.absolute()}"

    labels = str(Path(config.labels).absolute())
    return config.model_copy(
        update={
            "weak": tuple(whole(entry) for entry in config.weak),
            "strong": whole(config.strong),
            "labels": labels,
        }
    )


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


def from_toml(text: str, kind: type[BaseModel], where: str) -> Any:
    """Read a configuration back.

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
    import tomllib

    try:
        return kind(**tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not valid TOML ({error})", where, "Mend the line named.") from None
    except (ValidationError, TypeError) as error:
        raise ConfigError(explain(error), where) from None


def explain(error: BaseException) -> str:
    """Say in one line which options are wrong and why.

    Parameters
    ----------
    error : exception
        A validation error, or another one.

    Returns
    -------
    str
        One line without a full stop.
    """
    if not isinstance(error, ValidationError):
        return str(error).splitlines()[0]
    parts = []
    for item in error.errors():
        option = ".".join(str(part) for part in item["loc"]) or "the options"
        parts.append(f"{option}: {item['msg'][0].lower()}{item['msg'][1:]}")
    return "; ".join(parts)

"""What configurations share: how rows are read, where features are, and what is known of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class Strict(BaseModel):
    """Options that are checked when they are given, and stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Config = TypeVar("Config", bound=Strict)


def shared(config: Strict, kind: type[Config], **more: Any) -> Config:
    """Give a configuration of another kind that has the options which both kinds have."""
    both = kind.model_fields.keys() & type(config).model_fields.keys()
    return kind(**{name: getattr(config, name) for name in both} | more)


MOST_ROWS = 10**12
"""Rows that may be asked about: more than anyone has, and far from where whole numbers overflow."""

Rows = Annotated[int, Field(ge=2, le=MOST_ROWS)]
"""A number of rows to forecast for; fewer than two fit nothing."""

Finite = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A variance, share or penalty: an infinite one would make every number beside it NaN."""


RawLayout = Literal["auto", "text", "folder", "classes", "utkface", "table", "idx", "sst2", "coloured-mnist"]
"""How raw rows lie: texts in a table; pictures in a folder, a folder per class, UTKFace's names, a table of
paths, or idx files; SST-2 with its sentences as groups; idx digits coloured as published."""


class RawConfig(Strict):
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


class FeatureConfig(RawConfig):
    """Features of the teachers, and how features are read.

    Parameters
    ----------
    weak : tuple of str
        Weak feature files, each "path" or "name=path"; models where raw rows are the input.
    input : str or None
        Raw rows, as for `outgrow encode`.
    feature_columns : str or None
        Pattern of the feature columns in wide tables, such as "x*".
    rank : tuple of int
        Leading principal components to keep: one number for every set, or one for weak and one for strong.
    note : str
        A remark on the features, shown beside everything measured on them.
    """

    weak: tuple[str, ...] = ()
    input: str | None = None
    feature_columns: str | None = None
    rank: tuple[PositiveInt, ...] = Field(default=(), max_length=2)
    note: str = ""


class TargetConfig(FeatureConfig):
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
    test: Finite = 0.0
    task: Literal["auto", "regression", "classification"] = "auto"
    title: str = ""


class DataConfig(FeatureConfig):
    """Where features are, or what they are made of and by which models.

    Parameters
    ----------
    strong : str
        The strong feature file or model, likewise.
    """

    strong: str


class LabelConfig(TargetConfig, DataConfig):
    """Features of teachers and one student, with labels.

    Parameters
    ----------
    unlabelled : int or None
        Unlabelled rows to use; by default all.
    """

    unlabelled: PositiveInt | None = None


def named_path(entry: str) -> tuple[str, Path]:
    """Split "name=path" or "path" into a name, the file's stem where none is given, and a path.

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

"""What a model reads of X: some of its columns, or what a transformer makes of its rows.

Teacher and student are given one X and see it through a view each. A choice of columns is settled once, in
fit, and found again by name in later data frames; a transformer is cloned and fitted on labelled and
unlabelled rows alike, never on labels. Either way out come dense, finite float64 features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.validation import check_array

from outgrow.errors import ConfigError, DataError

SHOWN = 5
"""Wrong names shown in an error: enough to see the pattern."""

_KINDS = (
    "Give a slice, column numbers, a boolean mask, column names, a callable that returns one of these, a"
    " transformer, or None for all columns."
)


def is_transformer(choice: Any) -> bool:
    """Tell a transformer from a choice of columns."""
    return hasattr(choice, "fit") and hasattr(choice, "transform") and not isinstance(choice, type)


def as_rows(X: Any) -> Any:
    """Let arrays, sparse matrices and data frames through as they are, and make an array of the rest."""
    if hasattr(X, "shape"):
        return X
    try:
        return np.asarray(X)
    except ValueError as error:
        raise DataError(
            "the rows are not of equal length", "X", "Give every row the same number of columns."
        ) from error


def _names(X: Any) -> list[Any] | None:
    """Column names of a data frame (pandas and polars: columns, Arrow: column_names)."""
    for attribute in ("column_names", "columns"):
        if hasattr(X, attribute):
            return list(getattr(X, attribute))
    return None


@dataclass(frozen=True, eq=False)
class View:
    """A fitted view."""

    name: str
    """ "weak" or "strong"."""
    transformer: Any = None
    """The fitted transformer, if it is one."""
    columns: tuple[int, ...] = ()
    """Numbers of the chosen columns, if it is a choice of columns."""
    names: tuple[Any, ...] | None = None
    """Their names, where X had names."""
    seen: int = 0
    """Columns that X had, for a choice of columns."""

    @classmethod
    def fit(cls, choice: Any, X: Any, name: str) -> tuple[View, Float[np.ndarray, "m d"]]:
        """Settle a choice on the rows of X, and look at them through it."""
        if is_transformer(choice):
            transformer = clone(choice)
            if hasattr(transformer, "fit_transform"):
                features = transformer.fit_transform(X)
            else:
                features = transformer.fit(X).transform(X)
            view = cls(name, transformer)
            return view, view._checked(features, len_of(X))
        if isinstance(choice, type) or hasattr(choice, "fit"):
            what = "a class" if isinstance(choice, type) else "an estimator without transform"
            raise ConfigError(f"{what} makes no features", name, _KINDS)
        if np.ndim(X) != 2 or not np.shape(X)[1]:
            check_array(X, input_name="X")  # says what is wrong, in scikit-learn's words
        names = _names(X)
        if callable(choice):
            choice = choice(X)
        columns = _settle(choice, np.shape(X)[1], names, name)
        named = None if names is None else tuple(names[place] for place in columns)
        view = cls(name, None, columns, named, np.shape(X)[1])
        return view, view.features(X)

    def features(self, X: Any) -> Float[np.ndarray, "m d"]:
        """Look at rows through the view."""
        X = as_rows(X)
        if self.transformer is not None:
            return self._checked(self.transformer.transform(X), len_of(X))
        names, places = _names(X), list(self.columns)
        if names is not None and self.names is not None:
            missing = [repr(column) for column in self.names if column not in names]
            if missing:
                raise DataError(f"X lacks {_some(missing)}", f"{self.name} features")
            places = [names.index(column) for column in self.names]
        elif np.ndim(X) == 2 and np.shape(X)[1] != self.seen:
            raise DataError(
                f"X has {np.shape(X)[1]} columns, and had {self.seen} in fit", f"{self.name} features"
            )
        if hasattr(X, "iloc"):
            X = X.iloc[:, places]
        elif names is not None:
            X = X.select([names[place] for place in places])
        elif isinstance(X, np.ndarray) and X.ndim == 2:
            X = X[:, places]
        return self._checked(X, len_of(X))

    def _checked(self, features: Any, rows: int) -> Float[np.ndarray, "m d"]:
        if sparse.issparse(features):
            raise DataError(
                "the features are sparse, and dense ones are needed",
                self.name,
                "Let a transformer reduce them (TruncatedSVD), or pass X.toarray().",
            )
        label = f"X ({self.name} features)"
        values: np.ndarray = check_array(features, dtype=np.float64, input_name=label)
        if len(values) != rows:
            raise DataError(f"{rows} rows became {len(values)}", self.name, "A view keeps every row.")
        return values


def len_of(X: Any) -> int:
    """Count rows."""
    return int(X.shape[0]) if X.shape else 0


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def _settle(choice: Any, width: int, names: list[Any] | None, name: str) -> tuple[int, ...]:
    """Turn a choice of columns into their numbers."""
    everything = np.arange(width)
    if choice is None:
        return tuple(range(width))
    if isinstance(choice, slice):
        if isinstance(choice.start, str) or isinstance(choice.stop, str):
            if not all(end is None or isinstance(end, str) for end in (choice.start, choice.stop)):
                raise ConfigError(f"{choice} has one end that is a name and one that is not", name, _KINDS)
            # As in scikit-learn and pandas, a slice of names holds both of its ends.
            first = 0 if choice.start is None else _by_name([choice.start], names, name)[0]
            last = width - 1 if choice.stop is None else _by_name([choice.stop], names, name)[0]
            choice = slice(first, last + 1, choice.step)
        places = everything[choice]
    else:
        if isinstance(choice, (str, bytes)) or np.ndim(choice) != 1:
            given = f"{choice!r}" if np.ndim(choice) == 0 else f"an array of shape {np.shape(choice)}"
            raise ConfigError(f"{given} chooses no columns", name, _KINDS)
        wanted = np.asarray(choice)
        if wanted.dtype.kind == "b":
            if len(wanted) != width:
                raise ConfigError(
                    f"the mask has {len(wanted)} entries for {width} columns", name, "Give one per column."
                )
            places = everything[wanted]
        elif wanted.dtype.kind in "iu":
            wrong = [str(place) for place in wanted if not -width <= place < width]
            if wrong:
                raise ConfigError(
                    f"X has {width} columns, and no column {_some(wrong)}", name, "They count from 0."
                )
            places = everything[wanted]
        elif wanted.dtype.kind in "OU" and all(isinstance(item, str) for item in wanted):
            places = np.asarray(_by_name(wanted.tolist(), names, name), dtype=np.int64)
        elif len(wanted):
            raise ConfigError(f"{wanted.dtype} is no type of column numbers or names", name, _KINDS)
        else:
            places = everything[:0]
    if not len(places):
        raise ConfigError(f"no column is left of the {width} of X", name, _KINDS)
    return tuple(int(place) for place in places)


def _by_name(wanted: list[str], names: list[Any] | None, name: str) -> list[int]:
    if names is None:
        raise ConfigError("columns are chosen by name, and X has no names", name, "Give X as a data frame.")
    missing = [repr(column) for column in wanted if column not in names]
    if missing:
        raise ConfigError(f"X has no column {_some(missing)}", name)
    return [names.index(column) for column in wanted]

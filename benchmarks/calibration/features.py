"""The corpora and feature sets of the calibration benchmark, made once and kept as plain arrays.

benchmarks/calibration.toml names them. Texts are encoded with outgrow's own encoders, all layers of a model
in one pass, and rounded to float16 as the embedded sets are. `corpus` and `matrix` read what ``features.py``
has written to the cache: one folder per corpus with ids.npy (the order of all rows), the labels, and SET.npy
(rows, width) in float32. Data comes from $OUTGROW_DATA, else data/ (``make data FEATURES=--features``).
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float, Float32

from outgrow.data.features_file import read_features
from outgrow.runs import new_file
from outgrow.worlds.rated_movies import draw_rater
from outgrow.worlds.sst2_phrases import read_sst2

HERE = Path(__file__).resolve().parent
PLAN = tomllib.loads(
    Path(os.environ.get("OUTGROW_CALIBRATION_PLAN", HERE.parent / "calibration.toml")).read_text(
        encoding="utf-8"
    )
)
"""calibration.toml, or another file like it: corpus -> labelled, pool, seeds, alphas, noise, sets, pairs."""

CACHE = Path(os.environ.get("OUTGROW_CALIBRATION", HERE / "cache"))
"""Where arrays and measurements are kept."""

DEAD = 1e-8
"""Variance, relative to the mean over columns, below which a column is dead and left out. Of the movies' sets
minilm-l6 has three such columns and mpnet four (0 to 4e-11; the next is .1): a constant of the last
normalisation, and the jitter of float16 about it. A minimum-norm fit would count each as a direction, or not,
by its rounding (a change of 1 % of the risk); no forecast could be held against that."""

MODELS = {"minilm-l3": "onnx:{}/minilm-l3/model.onnx", "minilm-l6": "{}/minilm-l6", "mpnet": "{}/mpnet"}
"""Models by the names of calibration.toml, below the folder of models."""


@dataclass(frozen=True)
class Corpus:
    """The rows of a corpus, and what is known of their labels.

    Parameters
    ----------
    name : str
        As in calibration.toml.
    ids : ndarray of str, shape (rows,)
        The order of every array of this corpus.
    truth : ndarray, shape (rows,)
        What predictions are compared with: the mean of a row's raters, or its published label.
    raters : tuple of ndarray, or None
        Each rater's value by row, where labels are drawn from raters.
    truth_variance : ndarray, shape (rows,)
        Error variance of `truth` as a measurement of the row's true mean, s^2 / k; 0 without raters.
    label_variance : float or None
        Noise variance of one rater's label, the mean of s^2 over all rows; None where it is not known.
    """

    name: str
    ids: np.ndarray
    truth: Float[np.ndarray, " rows"]
    raters: tuple[np.ndarray, ...] | None
    truth_variance: Float[np.ndarray, " rows"]
    label_variance: float | None

    def noise_variance(self, noise: str) -> float | None:
        """Give sigma2 of the labels at one noise level.

        Parameters
        ----------
        noise : str
            A level of calibration.toml.

        Returns
        -------
        float or None
            sigma2; None where it is not known.
        """
        return None if self.label_variance is None else self.label_variance + PLAN[self.name]["noise"][noise]

    def labels(self, noise: str, seed: int) -> Float[np.ndarray, " rows"]:
        """Draw a label for every row.

        One seed draws the same raters, and the same noise up to its size, at every level.

        Parameters
        ----------
        noise : str
            A level of calibration.toml.
        seed : int
            Of the draw.

        Returns
        -------
        ndarray, shape (rows,)
            Labels.
        """
        if self.raters is None:
            drawn = self.truth
        else:
            pairs = zip(self.ids.tolist(), self.raters, strict=True)
            drawn = np.array([values[draw_rater(seed, row, len(values))] for row, values in pairs], float)
        # The second word of the seed keeps this noise apart from the partition of the same seed.
        extra = np.random.default_rng([seed, 1]).standard_normal(len(self.ids))
        return drawn + np.sqrt(PLAN[self.name]["noise"][noise]) * extra


@cache
def corpus(name: str) -> Corpus:
    """Read a corpus from the cache.

    Parameters
    ----------
    name : str
        As in calibration.toml.

    Returns
    -------
    Corpus
        Its rows.
    """
    folder = CACHE / name
    ids = np.load(folder / "ids.npy")
    with np.load(folder / "labels.npz") as kept:
        truth, ends = kept["truth"], kept["ends"]
        raters = tuple(np.split(kept["raters"], ends[:-1])) if len(ends) else None
    if raters is None:
        return Corpus(name, ids, truth, None, np.zeros(len(ids)), None)
    spread = np.array([values.var(ddof=1) for values in raters])
    sizes = np.array([len(values) for values in raters])
    return Corpus(name, ids, truth, raters, spread / sizes, float(spread.mean()))


def set_file(name: str, which: str) -> Path:
    """Say where a feature set is kept, all its columns.

    Parameters
    ----------
    name : str
        The corpus.
    which : str
        The set; one of its own columns, not a choice of another's.

    Returns
    -------
    Path
        An .npy file.
    """
    return CACHE / name / f"{which}.npy"


@cache
def matrix(name: str, which: str) -> Float32[np.ndarray, "rows d"]:
    """Read a feature set from the cache, without its dead columns.

    Parameters
    ----------
    name : str
        The corpus.
    which : str
        The set, as in calibration.toml.

    Returns
    -------
    ndarray of float32, shape (rows, d)
        In the order of the corpus' ids.
    """
    entry = PLAN[name]["sets"][which]
    if "of" in entry:
        whole = matrix(name, entry["of"])
        order = np.random.default_rng(entry["seed"]).permutation(whole.shape[1])
        return np.ascontiguousarray(whole[:, order[: entry["columns"]]])
    whole = np.load(set_file(name, which))
    # About the first row: the mean of a constant column is rounded, and would give it a variance.
    spread = np.var(whole - whole[0], axis=0, dtype=np.float64)
    return np.ascontiguousarray(whole[:, spread > DEAD * spread.mean()])


def penalties(name: str, which: str) -> Float[np.ndarray, " a"]:
    """Give the grid of penalties of a feature set.

    Parameters
    ----------
    name : str
        The corpus.
    which : str
        The set.

    Returns
    -------
    ndarray, shape (a,)
        This project's alpha, ascending from 0.
    """
    X = matrix(name, which)
    return float(np.var(X, axis=0, dtype=np.float64).mean()) * np.array(PLAN[name]["alphas"])


def save(path: Path, values: np.ndarray) -> None:
    """Write an array in one step.

    Parameters
    ----------
    path : Path
        Where to.
    values : ndarray
        The array.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as whole, whole.open("wb") as file:
        np.save(file, values)


def make_movies(data: Path) -> Path:
    """Write the ids and raters of the movie reviews.

    Parameters
    ----------
    data : Path
        Folder of data.

    Returns
    -------
    Path
        The table of texts.
    """
    source, folder = data / "movies" / "reviews.parquet", CACHE / "movies"
    table = pq.read_table(source, columns=["id", "rating", "raters"])
    raters = table["raters"].combine_chunks()
    save_labels(
        folder,
        table["id"].to_pylist(),
        table["rating"].to_numpy(),
        np.split(raters.flatten().to_numpy(), raters.offsets.to_numpy()[1:-1]),
    )
    return source


def make_sst2(data: Path) -> Path:
    """Write ids, labels and texts of one phrase per sentence.

    Parameters
    ----------
    data : Path
        Folder of data.

    Returns
    -------
    Path
        The table of texts.
    """
    rows, folder = read_sst2(data / "sst2" / "train.tsv"), CACHE / "sst2"
    assert rows.labels is not None and rows.groups is not None
    # A group's name is its longest phrase.
    whole = [i for i, text in enumerate(rows.items) if " ".join(text.split()) == rows.groups[i]]
    if len({rows.groups[i] for i in whole}) != len(whole):
        sys.exit("sst2/train.tsv has two rows of one sentence: it is another file than GLUE's")
    save_labels(
        folder,
        [rows.ids[i] for i in whole],
        2.0 * rows.labels[whole].astype(float) - 1.0,
        [],
    )
    target = folder / "sentences.csv"
    with new_file(target) as made, made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "text"))
        writer.writerows((rows.ids[i], rows.items[i]) for i in whole)
    return target


def save_labels(folder: Path, ids: list[str], truth: np.ndarray, raters: list[np.ndarray]) -> None:
    """Write ids.npy and labels.npz in one order, whatever order the source has.

    Parameters
    ----------
    folder : Path
        Of the corpus.
    ids : list of str
        As in the source.
    truth : ndarray, shape (rows,)
        Mean ratings or labels.
    raters : list of ndarray
        Each row's raters; empty without raters.
    """
    # Partitions go by position. An order that is there is kept, since arrays and measurements stand in it.
    known = folder / "ids.npy"
    ordered = np.load(known).tolist() if known.exists() else sorted(ids)
    place = {row: i for i, row in enumerate(ids)}
    if set(ordered) != set(ids):
        sys.exit(f"{known} has other rows than the data at hand: remove its folder and begin anew")
    order = [place[row] for row in ordered]
    sorted_raters = [raters[i] for i in order] if raters else []
    save(known, np.array(ordered))
    with new_file(folder / "labels.npz") as whole, whole.open("wb") as file:
        np.savez(
            file,
            truth=truth[order],
            raters=np.concatenate(sorted_raters) if raters else np.array([]),
            ends=np.cumsum([len(values) for values in sorted_raters], dtype=int),
        )


def make_set(name: str, which: str, found: Any) -> None:
    """Write one feature set in the order of the corpus.

    Parameters
    ----------
    name : str
        The corpus.
    which : str
        The set.
    found : path
        Feature file or store.
    """
    table = read_features(found)
    place = {row: i for i, row in enumerate(table.ids.tolist())}
    values = table.values[[place[row] for row in np.load(CACHE / name / "ids.npy").tolist()]]
    # Layers end in a normalisation that ties their columns by one linear equation. In float32 its direction
    # has a variance of rounding, 1e-14 of the largest, and whether a minimum-norm fit counts it would be
    # chance; in float16, as the embedded sets are, it has 1e-9 and is counted by all.
    save(set_file(name, which), values.astype(np.float16).astype(np.float32))


def make(name: str, data: Path) -> None:
    """Make what is missing of a corpus.

    Parameters
    ----------
    name : str
        As in calibration.toml.
    data : Path
        Folder of data: movies/, sst2/ and models/ as scripts/make_data.py lays them out.
    """
    # Here, since whoever only reads what was made needs neither.
    from outgrow.api import encode
    from outgrow.config import EncodeConfig

    texts = {"movies": make_movies, "sst2": make_sst2}[name](data)
    wanted: dict[str, dict[str, str]] = {}
    for which, entry in PLAN[name]["sets"].items():
        if "of" in entry or set_file(name, which).exists():
            continue
        if "file" in entry:
            make_set(name, which, data / entry["file"])
            continue
        layer = f"@{entry['layer']}" if "layer" in entry else ""
        where = MODELS[entry["model"]].format(models_folder(data))
        wanted.setdefault(entry["model"], {})[which] = f"{which}={where}{layer}"
    for models in wanted.values():
        config = EncodeConfig(input=str(texts), model=tuple(models.values()))
        for which, found in zip(models, encode(config, progress=tell), strict=True):
            make_set(name, which, found.folder)
            print(f"{name}: {which}", flush=True)


def models_folder(data: Path) -> Path:
    """Find the models: with the data, else in data/.

    Parameters
    ----------
    data : Path
        Folder of data.

    Returns
    -------
    Path
        The folder of models.
    """
    own = data / "models"
    return own if own.is_dir() else HERE.parents[1] / "data" / "models"


_told = [""]


def tell(what: str, _share: float) -> None:
    """Print what is being done, once.

    Parameters
    ----------
    what : str
        In words.
    """
    if what != _told[0]:
        _told[0] = what
        print(what, flush=True)


def data_folder(inside: str) -> Path:
    """Find the data that holds a file.

    Parameters
    ----------
    inside : str
        The file, below the folder of data.

    Returns
    -------
    Path
        $OUTGROW_DATA if it has the file, else data/.
    """
    places = [Path(os.environ["OUTGROW_DATA"])] if "OUTGROW_DATA" in os.environ else []
    for place in (*places, HERE.parents[1] / "data"):
        if (place / inside).exists():
            return place
    sys.exit(f"{inside} is neither in $OUTGROW_DATA nor in data/: make data FEATURES=--features")


def main() -> None:
    """Make all feature sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="*", default=list(PLAN), help="movies, sst2 (default: both)")
    for name in parser.parse_args().corpus:
        (CACHE / name).mkdir(parents=True, exist_ok=True)
        make(name, data_folder({"movies": "movies/mpnet.parquet", "sst2": "sst2/train.tsv"}[name]))
        for which in PLAN[name]["sets"]:
            rows, width = matrix(name, which).shape
            print(f"{name:8}{which:20}{rows:8,} x {width}")


if __name__ == "__main__":
    main()

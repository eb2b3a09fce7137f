"""The embedded real data: 10,605 movie-review snippets, each rated by 15 or more people, four encoders, and a
teacher that is no model.

The features are reduced to leading principal components fitted outside the test split; the whole
spectra stand beside them. One rater drawn at random is a real noisy label of known noise variance, and
the mean of the raters is a truth of known error variance. VADER, a lexicon with rules of 2014, scored every
text. `scripts/make_movies.py` made the files;
`_movies/DATA_CARD.md` says where they come from.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from outgrow.errors import FileError

if TYPE_CHECKING:
    import pyarrow as pa

ENCODERS = ("minilm-l3", "minilm-l6", "mpnet-layer8", "mpnet")
"""The embedded encoders, weakest first."""

_FOLDER = Path(__file__).parent / "_movies"
_REMEDY = "The embedded data is damaged: install outgrow again."


@dataclass(frozen=True)
class Spectrum:
    """The principal spectrum of one encoder's full features on the rows outside the test split."""

    model: str
    """The pretrained model and layer."""
    width: int
    """Dimension D of the full features."""
    kept: int
    """How many leading components are embedded."""
    rows: int
    """How many rows the covariance was taken over (and divided by)."""
    total_variance: float
    """Sum of all eigenvalues."""
    eigenvalues: Float[np.ndarray, " D"]
    """Every eigenvalue of the covariance, largest first, in squared feature units."""


@dataclass(frozen=True, eq=False)
class Raters:
    """Ratings of texts by several people each."""

    ids: tuple[str, ...]
    """Of the texts."""
    values: Float[np.ndarray, " ratings"]
    """All ratings, text by text."""
    starts: Int[np.ndarray, " n"]
    """Where each text's begin."""
    sizes: Int[np.ndarray, " n"]
    """How many each text has."""

    @classmethod
    def of(cls, ids: Sequence[str], lists: Sequence[np.ndarray]) -> Raters:
        """Lay lists of ratings end to end."""
        sizes = np.array([len(values) for values in lists], dtype=np.int64)
        values = np.concatenate(lists).astype(np.float64)
        return cls(tuple(ids), values, np.cumsum(sizes) - sizes, sizes)

    def rows(self, rows: Int[np.ndarray, " r"]) -> Raters:
        """Take some of the texts."""
        ids = tuple(self.ids[row] for row in rows.tolist())
        return Raters(ids, self.values, self.starts[rows], self.sizes[rows])

    def each(self) -> list[Float[np.ndarray, " _"]]:
        """Give each text's own ratings."""
        ends = self.starts + self.sizes
        return [self.values[start:end] for start, end in zip(self.starts, ends, strict=True)]

    @property
    def mean(self) -> Float[np.ndarray, " n"]:
        """Mean rating of every text."""
        return self._sums(self.values) / self.sizes

    @property
    def variance(self) -> Float[np.ndarray, " n"]:
        """Variance of a single rating around the text's true mean: s^2 with ddof = 1.

        The target is the mean opinion of all people who might have rated the text, of whom the k raters are
        a sample. Around the mean of the same k raters it is smaller, by exactly s^2 / k.
        """
        # Ratings are small whole numbers: their squares hold all digits.
        squares = self._sums(self.values**2)
        return (squares - self.sizes * self.mean**2) / (self.sizes - 1)

    @property
    def noise_variance(self) -> float:
        """Variance of a single rating around the text's true mean, averaged over texts."""
        return float(self.variance.mean())

    @property
    def mean_error(self) -> float:
        """Error variance of `mean` as a measurement of the true mean, averaged over texts: of s^2 / k.

        The excess risk of a model not trained on these texts is its MSE against `mean` less this.
        """
        return float(np.mean(self.variance / self.sizes))

    def draw(self, seed: int) -> Float[np.ndarray, "n 1"]:
        """Draw one rater per text, by the seed and the text's id only: other texts change nothing."""
        pairs = zip(self.ids, self.sizes.tolist(), strict=True)
        drawn = np.fromiter((draw_rater(seed, row, size) for row, size in pairs), np.int64, len(self.ids))
        return self.values[self.starts + drawn][:, None]

    def _sums(self, values: Float[np.ndarray, " ratings"]) -> Float[np.ndarray, " n"]:
        ends = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(ends[self.starts + self.sizes] - ends[self.starts])


@dataclass(frozen=True, eq=False)
class Movies:
    """Ids, ratings, raters, reduced features and the fixed split of the movie reviews."""

    ids: tuple[str, ...]
    """One id per text; arrays below are in this order."""
    rating: Float[np.ndarray, " n"]
    """Mean of the text's raters, from -4 (worst) to 4 (best)."""
    raters: Raters
    """Each rater's own value, 15 to 29 per text: one drawn at random is a real noisy label."""
    vader: Float[np.ndarray, " n"]
    """VADER's compound score, from -1 to 1; 0 where no word of the text is in its lexicon."""
    is_test: Bool[np.ndarray, " n"]
    """The 3,000 test rows; no component was fitted on them."""
    features: Mapping[str, Float32[np.ndarray, "n _"]]
    """Leading principal components by encoder, centred on the rows outside the test split."""
    spectra: Mapping[str, Spectrum]
    """The full spectrum and total variance by encoder."""


def draw_rater(seed: int, row: str, size: int) -> int:
    """Choose one of a text's raters."""
    # A hash, not a generator: a generator's draws would depend on the order of the rows. With 64 bits
    # the remainder's bias is below 2^-59.
    digest = hashlib.blake2b(f"{seed}:{row}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % size


def load_movies() -> Movies:
    """Load the embedded movie reviews, after comparing every file with its checksum."""
    _verify(_FOLDER)
    table = _read(_FOLDER / "reviews.parquet")
    ids = tuple(table["id"].to_pylist())
    raters = table["raters"].combine_chunks()
    ends = raters.offsets.to_numpy().astype(np.int64)
    features = {}
    for name in ENCODERS:
        block = _read(_FOLDER / f"{name}.parquet")
        column = block["features"].combine_chunks()
        values = column.flatten().to_numpy(zero_copy_only=True).reshape(len(column), -1)
        if tuple(block["id"].to_pylist()) != ids:
            raise FileError("its ids differ from those of reviews.parquet", f"{name}.parquet", _REMEDY)
        features[name] = values.astype(np.float32)
    spectra = json.loads((_FOLDER / "spectra.json").read_text(encoding="utf-8"))
    return Movies(
        ids=ids,
        rating=table["rating"].to_numpy(),
        raters=Raters(ids, raters.flatten().to_numpy().astype(np.float64), ends[:-1], np.diff(ends)),
        vader=table["vader"].to_numpy(),
        is_test=table["is_test"].to_numpy(),
        features=features,
        spectra={
            name: Spectrum(**{**spectra[name], "eigenvalues": np.array(spectra[name]["eigenvalues"])})
            for name in ENCODERS
        },
    )


def write_demo_inputs(folder: str | Path, seed: int) -> dict[str, Path]:
    """Write the data as a user would have it: one Parquet file per encoder, and labels.csv."""
    movies = load_movies()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in ENCODERS:
        paths[name] = folder / f"{name}.parquet"
        paths[name].write_bytes((_FOLDER / f"{name}.parquet").read_bytes())
    paths["labels"] = folder / "labels.csv"
    columns: Sequence[Sequence[Any]] = (
        movies.ids,
        movies.raters.draw(seed)[:, 0].astype(int).tolist(),
        movies.rating.tolist(),
        movies.vader.tolist(),
        np.where(movies.is_test, "test", "").tolist(),
    )
    with paths["labels"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "label", "rating", "vader", "split"))
        writer.writerows(zip(*columns, strict=True))
    return paths


def _verify(folder: Path) -> None:
    # 12 MB of sha256 take about 20 ms; Parquet's own page checksums do not cover the footer.
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for name, entry in manifest["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != entry["sha256"]:
                raise FileError("its contents differ from the manifest's checksum", name, _REMEDY)
    except FileNotFoundError as error:
        raise FileError("the file is missing", Path(error.filename).name, _REMEDY) from error


def _read(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)

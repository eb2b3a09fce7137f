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
from jaxtyping import Bool, Float, Float32, Int8

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
class Movies:
    """Ids, ratings, raters, reduced features and the fixed split of the movie reviews."""

    ids: tuple[str, ...]
    """One id per text; arrays below are in this order."""
    rating: Float[np.ndarray, " n"]
    """Mean of the text's raters, from -4 (worst) to 4 (best)."""
    raters: tuple[Int8[np.ndarray, " _"], ...]
    """Each rater's own value, 15 to 29 per text."""
    vader: Float[np.ndarray, " n"]
    """VADER's compound score, from -1 to 1; 0 where no word of the text is in its lexicon."""
    is_test: Bool[np.ndarray, " n"]
    """The 3,000 test rows; no component was fitted on them."""
    features: Mapping[str, Float32[np.ndarray, "n _"]]
    """Leading principal components by encoder, centred on the rows outside the test split."""
    spectra: Mapping[str, Spectrum]
    """The full spectrum and total variance by encoder."""

    def noisy_labels(self, seed: int) -> Float[np.ndarray, " n"]:
        """Draw one random rater per text.

        Each draw depends on the seed and the text's id only, so neither the order of the rows nor the
        presence of others changes it.
        """
        drawn = (
            values[draw_rater(seed, row, len(values))]
            for row, values in zip(self.ids, self.raters, strict=True)
        )
        return np.fromiter(drawn, dtype=np.float64, count=len(self.ids))

    @property
    def noise_variance(self) -> float:
        """Variance of a single rater's value around the text's true mean, averaged over texts.

        It is the mean over texts of the raters' sample variance s^2 with ddof = 1: the target is the
        mean opinion of all people who might have rated the text, of whom the k raters are a sample.
        Around the mean of the same k raters (ddof = 0) it is smaller, by exactly
        `truth_error_variance`, since the drawn rater is one of the k.
        """
        return float(np.mean([values.var(ddof=1) for values in self.raters]))

    @property
    def truth_error_variance(self) -> float:
        """Error variance of `rating` as a measurement of the true mean: the mean over texts of s^2 / k.

        The excess risk of a model not trained on these texts is its MSE against `rating` less this.
        """
        return float(np.mean([values.var(ddof=1) / len(values) for values in self.raters]))


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
    ends = raters.offsets.to_numpy()[1:-1]
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
        raters=tuple(np.split(raters.flatten().to_numpy(), ends)),
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
        movies.noisy_labels(seed).astype(int).tolist(),
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

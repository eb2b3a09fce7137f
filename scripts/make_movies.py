"""Make the movie data embedded in outgrow from the full features: ``make_movies.py SOURCE [DESTINATION]``.

SOURCE holds reviews.parquet (id, text, rating, raters) and one Parquet file of features per encoder. VADER
scores every text, which itself is left out. Each encoder is reduced to its leading principal components,
fitted on rows outside the test split only; its whole spectrum is kept beside them. The same source gives the
same bytes (with the pyarrow of constraints.txt; see the data card), and manifest.json names the sha256 of
each file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

DESTINATION = Path(__file__).resolve().parents[1] / "src" / "outgrow" / "worlds" / "_movies"

# The strongest encoder keeps twice as many: its risk is what the demo's ceiling is about, and all four
# together stay under 14 MB.
KEPT = {"minilm-l3": 128, "minilm-l6": 128, "mpnet-layer8": 128, "mpnet": 256}
MODELS = {
    "minilm-l3": "sentence-transformers/paraphrase-MiniLM-L3-v2, mean-pooled last layer",
    "minilm-l6": "sentence-transformers/all-MiniLM-L6-v2, mean-pooled last layer",
    "mpnet-layer8": "sentence-transformers/all-mpnet-base-v2, mean-pooled layer 8",
    "mpnet": "sentence-transformers/all-mpnet-base-v2, mean-pooled last layer",
}
TEST_ROWS = 3_000
SPLIT_SEED = 20250713


def draw_test(ids: list[str]) -> np.ndarray:
    """Draw the test rows over the sorted ids, so that the order of the source does not matter.

    Parameters
    ----------
    ids : list of str
        All ids, in any order.

    Returns
    -------
    ndarray of bool, shape (n,)
        Which of `ids` are test rows.
    """
    ordered = sorted(ids)
    chosen = np.random.default_rng(SPLIT_SEED).choice(len(ids), TEST_ROWS, replace=False)
    test = {ordered[position] for position in chosen}
    return np.array([row in test for row in ids])


def reduce(features: np.ndarray, is_test: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Project all rows on the leading principal components of the rows outside the test split.

    Parameters
    ----------
    features : ndarray, shape (n, D)
        The full features.
    is_test : ndarray of bool, shape (n,)
        The rows that may not be looked at.
    kept : int
        How many components to keep.

    Returns
    -------
    scores : ndarray, shape (n, kept)
        Centred on the mean of the rows outside the test split.
    eigenvalues : ndarray, shape (D,)
        All eigenvalues of their covariance (divided by their number), largest first.
    """
    rows = features[~is_test]
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / len(rows)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    vectors = vectors[:, ::-1][:, :kept]
    # An eigenvector's sign is free: the largest loading is made positive so that it is always the same.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(kept)])
    # Two encoders have constant columns; below rounding error an eigenvalue is zero, not noise.
    rounding = len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]
    return (features - mean) @ vectors, np.where(eigenvalues > rounding, eigenvalues, 0.0)[::-1]


def read_features(path: Path, ids: list[str]) -> np.ndarray:
    """Read one encoder's features in the order of `ids`, as float64.

    Parameters
    ----------
    path : Path
        A Parquet file with columns id and features (fixed-size list).
    ids : list of str
        The order wanted.

    Returns
    -------
    ndarray, shape (n, D)
        The features.
    """
    table = pq.read_table(path)
    column = table["features"].combine_chunks()
    features = column.flatten().to_numpy().reshape(len(column), -1).astype(np.float64)
    position = {row: i for i, row in enumerate(table["id"].to_pylist())}
    return features[[position[row] for row in ids]]


def vader_scores(texts: list[str]) -> list[float]:
    """Score texts with VADER's lexicon and rules.

    Parameters
    ----------
    texts : list of str
        The texts.

    Returns
    -------
    list of float
        Its compound scores, from -1 (bad) to 1 (good), in four decimals as it rounds them.
    """
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    judge = SentimentIntensityAnalyzer()
    return [float(judge.polarity_scores(text)["compound"]) for text in texts]


def write(table: pa.Table, path: Path) -> None:
    """Write a table with page checksums, and without anything that changes from run to run.

    Parameters
    ----------
    table : pyarrow.Table
        What to write.
    path : Path
        Where to.
    """
    halves = "features" in table.column_names
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        # Splitting the bytes of float16 gathers signs and exponents, which zstd can shorten (by 15 %).
        use_dictionary=[] if halves else ["raters.list.element", "vader"],
        column_encoding={"features.list.element": "BYTE_STREAM_SPLIT"} if halves else None,
        write_statistics=False,
        write_page_checksum=True,
    )


def make(source: Path, destination: Path) -> None:
    """Write reviews, features, spectra and the manifest.

    Parameters
    ----------
    source : Path
        The folder of full features.
    destination : Path
        The folder to write to.
    """
    destination.mkdir(parents=True, exist_ok=True)
    reviews = pq.read_table(source / "reviews.parquet", columns=["id", "text", "rating", "raters"])
    ids = reviews["id"].to_pylist()
    is_test = draw_test(ids)
    scores = pa.array(vader_scores(reviews["text"].to_pylist()))
    reviews = reviews.drop_columns("text").append_column("is_test", pa.array(is_test))
    write(reviews.append_column("vader", scores), destination / "reviews.parquet")
    spectra = {}
    for name, kept in KEPT.items():
        full = read_features(source / f"{name}.parquet", ids)
        # One thread: the order of additions, and so the last bits, do not depend on the number of cores.
        with threadpool_limits(limits=1):
            components, eigenvalues = reduce(full, is_test, kept)
        values = pa.array(components.astype(np.float16).ravel())
        features = pa.FixedSizeListArray.from_arrays(values, kept)
        # The encoder's name travels with the numbers: models trained on one refuse those of another.
        encoder = f"{MODELS[name]}, {kept} leading principal components on movie reviews"
        table = pa.table({"id": pa.array(ids), "features": features})
        table = table.replace_schema_metadata({"encoder": encoder})
        write(table, destination / f"{name}.parquet")
        spectra[name] = {
            "model": MODELS[name],
            "width": full.shape[1],
            "kept": kept,
            "rows": int((~is_test).sum()),
            # Seven digits: more than any use of a spectrum needs, and the same on every machine.
            "total_variance": float(f"{eigenvalues.sum():.7g}"),
            "eigenvalues": [float(f"{value:.7g}") for value in eigenvalues],
        }
    (destination / "spectra.json").write_text(json.dumps(spectra, indent=1) + "\n", encoding="utf-8")
    names = ["reviews.parquet", *(f"{name}.parquet" for name in KEPT), "spectra.json"]
    manifest = {
        "format": 1,
        "split": {"test_rows": TEST_ROWS, "seed": SPLIT_SEED, "drawn_over": "sorted ids"},
        "files": {
            name: {
                "bytes": (destination / name).stat().st_size,
                "sha256": hashlib.sha256((destination / name).read_bytes()).hexdigest(),
            }
            for name in names
        },
    }
    (destination / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and make the data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with reviews.parquet and the encoders' features")
    parser.add_argument("destination", type=Path, nargs="?", default=DESTINATION)
    arguments = parser.parse_args()
    make(arguments.source, arguments.destination)
    for path in sorted(arguments.destination.glob("*.*")):
        print(f"{path.stat().st_size:>10,}  {path.name}")


if __name__ == "__main__":
    main()

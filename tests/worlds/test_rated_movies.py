"""The embedded movie data: size, checksums, split, components, noise, cost of the reduction, making."""

from __future__ import annotations

import csv
import hashlib
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from outgrow.errors import FileError
from outgrow.worlds import rated_movies as module
from outgrow.worlds.rated_movies import ENCODERS, Movies, Raters, load_movies, write_demo_inputs

FOLDER = Path(module.__file__).parent / "_movies"
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_movies.py"

WIDTHS = {"minilm-l3": 384, "minilm-l6": 384, "mpnet-layer8": 768, "mpnet": 768}

# R2 on the test rows' `rating`, trained on all other rows: ridge on the full features (alpha by
# leave-one-out), and least squares on the embedded components.
FULL_R2 = {"minilm-l3": 0.396, "minilm-l6": 0.411, "mpnet-layer8": 0.705, "mpnet": 0.671}
EMBEDDED_R2 = {"minilm-l3": 0.365, "minilm-l6": 0.401, "mpnet-layer8": 0.685, "mpnet": 0.653}


@pytest.fixture(scope="module")
def movies() -> Movies:
    return load_movies()


@pytest.fixture(scope="module")
def make_movies() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def r2(features: np.ndarray, movies: Movies) -> float:
    rows, test = ~movies.is_test, movies.is_test
    design = np.column_stack([np.ones(len(features)), features.astype(np.float64)])
    beta = np.linalg.lstsq(design[rows], movies.rating[rows])[0]
    error = movies.rating[test] - design[test] @ beta
    return 1.0 - float(np.mean(error**2)) / float(movies.rating[test].var())


def test_shapes(movies: Movies) -> None:
    n, widths = 10_605, {"minilm-l3": 128, "minilm-l6": 128, "mpnet-layer8": 128, "mpnet": 256}
    assert len(movies.ids) == len(set(movies.ids)) == len(movies.raters.sizes) == n
    assert {name: values.shape for name, values in movies.features.items()} == {
        name: (n, width) for name, width in widths.items()
    }
    for values in movies.features.values():
        assert values.dtype == np.float32 and np.isfinite(values).all()
    np.testing.assert_allclose(movies.rating, movies.raters.mean, atol=1e-12)
    assert movies.raters.sizes.min() >= 15 and movies.raters.ids == movies.ids
    assert np.abs(movies.raters.values).max() == 4
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12.5e6


def test_vader_is_another_judge_of_the_same_texts(movies: Movies) -> None:
    """Squared correlations as the data card states them; scores out of order would correlate with nothing."""
    assert np.abs(movies.vader).max() < 1
    np.testing.assert_array_equal(movies.vader, np.round(movies.vader, 4))
    assert np.mean(movies.vader == 0) == pytest.approx(0.134, abs=5e-4)
    for rows, share in ((slice(None), 0.183), (movies.is_test, 0.162)):
        found = np.corrcoef(movies.vader[rows], movies.rating[rows])[0, 1] ** 2
        assert found == pytest.approx(share, abs=5e-4)


def test_split_is_the_stated_draw_in_any_order(
    movies: Movies, make_movies: dict[str, Any], rng: np.random.Generator
) -> None:
    # Written out again, not imported: the split may never change, whatever happens to the script.
    ordered = sorted(movies.ids)
    drawn = np.random.default_rng(20250713).choice(len(ordered), 3_000, replace=False)
    assert {ordered[i] for i in drawn} == set(np.array(movies.ids)[movies.is_test])
    assert movies.is_test.sum() == 3_000
    order = rng.permutation(len(movies.ids))
    drawn = make_movies["draw_test"]([movies.ids[i] for i in order])
    np.testing.assert_array_equal(drawn, movies.is_test[order])


@pytest.mark.parametrize("name", ENCODERS)
def test_components_are_those_of_the_rows_outside_the_test_split(movies: Movies, name: str) -> None:
    rows = movies.features[name][~movies.is_test].astype(np.float64)
    spectrum = movies.spectra[name]
    assert (spectrum.kept, spectrum.rows) == (rows.shape[1], len(rows))
    covariance = rows.T @ rows / len(rows)
    scale = np.sqrt(spectrum.eigenvalues[: spectrum.kept])
    # float16 has a relative error of at most 2^-11 = 5e-4; over 7,605 rows it averages to a few 1e-5.
    assert np.abs(rows.mean(axis=0) / scale).max() < 5e-5
    np.testing.assert_allclose(covariance / np.outer(scale, scale), np.eye(spectrum.kept), atol=5e-5)
    on_all_rows = np.cov(movies.features[name], rowvar=False) / np.outer(scale, scale)
    assert np.abs(on_all_rows - np.eye(spectrum.kept)).max() > 0.01


@pytest.mark.parametrize("name", ENCODERS)
def test_spectra_are_whole(movies: Movies, name: str) -> None:
    spectrum = movies.spectra[name]
    assert spectrum.eigenvalues.shape == (spectrum.width,) == (WIDTHS[name],)
    assert (np.diff(spectrum.eigenvalues) <= 0).all()
    assert spectrum.eigenvalues.min() >= 0
    assert spectrum.eigenvalues.sum() == pytest.approx(spectrum.total_variance, rel=1e-6)


def test_noise_and_truth_error(movies: Movies) -> None:
    raters, own = movies.raters, movies.raters.each()
    assert raters.noise_variance == pytest.approx(np.mean([values.var(ddof=1) for values in own]), rel=1e-12)
    assert raters.noise_variance == pytest.approx(0.945, abs=0.001)
    assert raters.mean_error == pytest.approx(0.053, abs=0.001)
    around_own_mean = np.mean([values.var() for values in own])
    assert raters.noise_variance - raters.mean_error == pytest.approx(around_own_mean, rel=1e-12)


def test_one_rater_has_the_stated_noise(movies: Movies) -> None:
    # Mean square of label - rating over 8 seeds: ddof = 0, since the rater is one of those averaged.
    # Its standard error is below .006, so the band of .02 holds more than three of them.
    squares = [np.mean((movies.raters.draw(seed)[:, 0] - movies.rating) ** 2) for seed in range(8)]
    assert np.mean(squares) == pytest.approx(0.892, abs=0.02)
    for label, values in zip(movies.raters.draw(0)[:200, 0], movies.raters.each(), strict=False):
        assert label in values


def test_labels_depend_on_seed_and_id_only(movies: Movies, rng: np.random.Generator) -> None:
    chosen, raters = rng.permutation(len(movies.ids))[:500], movies.raters
    part = raters.rows(chosen)
    np.testing.assert_array_equal(part.draw(3), raters.draw(3)[chosen])
    np.testing.assert_array_equal(part.variance, raters.variance[chosen])
    again = Raters.of(part.ids, part.each())
    np.testing.assert_array_equal(again.draw(3), part.draw(3))
    assert (raters.draw(3) != raters.draw(4)).mean() > 0.3


@pytest.mark.parametrize("name", ENCODERS)
def test_reduction_costs_little(movies: Movies, name: str) -> None:
    reduced = r2(movies.features[name], movies)
    assert reduced == pytest.approx(EMBEDDED_R2[name], abs=0.005)
    assert FULL_R2[name] - reduced < 0.035


def test_demo_inputs_are_ordinary_files(movies: Movies, tmp_path: Path) -> None:
    paths = write_demo_inputs(tmp_path / "new" / "inputs", seed=1)
    assert set(paths) == {*ENCODERS, "labels"}
    for name in ENCODERS:
        table = pq.read_table(paths[name])
        assert table.column_names == ["id", "features"]
        values = table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        order = {row: i for i, row in enumerate(table["id"].to_pylist())}
        there = [order[row] for row in movies.ids]
        np.testing.assert_array_equal(values[there].astype(np.float32), movies.features[name])
    with paths["labels"].open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "label", "rating", "vader", "split"]
    np.testing.assert_array_equal([float(row["vader"]) for row in rows], movies.vader)
    assert [row["id"] for row in rows] == list(movies.ids)
    np.testing.assert_array_equal([float(row["label"]) for row in rows], movies.raters.draw(1)[:, 0])
    np.testing.assert_array_equal([float(row["rating"]) for row in rows], movies.rating)
    assert [row["split"] for row in rows] == ["test" if test else "" for test in movies.is_test]


def test_damage_is_found_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "_movies"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(module, "_FOLDER", copy)
    data = bytearray((copy / "mpnet.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "mpnet.parquet").write_bytes(data)
    with pytest.raises(FileError) as caught:
        load_movies()
    assert str(caught.value) == (
        "mpnet.parquet: its contents differ from the manifest's checksum."
        " The embedded data is damaged: install outgrow again."
    )
    (copy / "minilm-l3.parquet").unlink()
    with pytest.raises(FileError, match=r"minilm-l3\.parquet: the file is missing\. The embedded data"):
        load_movies()


def test_manifest_covers_every_data_file() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    assert {*manifest["files"], "manifest.json", "DATA_CARD.md"} == {path.name for path in FOLDER.iterdir()}


SOURCE = "ea050a06b1ed3b0a0f1ea08e6799388a6dcf9bcf851f5688f035085d84b348d7"
"""Of the full features of mpnet that the embedded ones were made of."""


def test_the_script_makes_the_same_bytes(
    shared_data: Path, make_movies: dict[str, Any], tmp_path: Path
) -> None:
    if hashlib.sha256((shared_data / "movies" / "mpnet.parquet").read_bytes()).hexdigest() != SOURCE:
        pytest.skip(
            "features encoded anew differ in their last digits and order of rows, and so do the bytes"
        )
    make_movies["make"](shared_data / "movies", tmp_path)
    if (
        pq.read_metadata(tmp_path / "mpnet.parquet").created_by
        != pq.read_metadata(FOLDER / "mpnet.parquet").created_by
    ):
        pytest.skip("another pyarrow than that of constraints.txt writes other bytes")
    for path in FOLDER.glob("*.[pj]*"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("name", ENCODERS)
def test_float16_does_not_matter(
    movies: Movies, shared_data: Path, make_movies: dict[str, Any], name: str
) -> None:
    full = make_movies["read_features"](shared_data / "movies" / f"{name}.parquet", movies.ids)
    exact, _ = make_movies["reduce"](full, movies.is_test, movies.spectra[name].kept)
    rounded = movies.features[name].astype(np.float64)
    rows = ~movies.is_test
    gram, gram_rounded = exact[rows].T @ exact[rows], rounded[rows].T @ rounded[rows]
    assert np.linalg.norm(gram_rounded - gram) < 5e-5 * np.linalg.norm(gram)
    assert abs(r2(exact, movies) - r2(rounded, movies)) < 1e-4

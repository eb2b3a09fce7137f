"""A folder of small sound inputs in every format, and command lines over them that end well."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from outgrow.cli import main

ROWS = 60
CODE = "fuzzing.sound:letters"
PIXELS = "fuzzing.sound:pixels"


def letters(texts: list[Any]) -> np.ndarray:
    """An encoder of texts."""
    return np.array([[str(text).count(letter) for letter in "aeio"] for text in texts], dtype=np.float32)


def pixels(pictures: list[Any]) -> np.ndarray:
    """An encoder of pictures, which idx files give as arrays."""
    return np.array([np.asarray(one, dtype=np.float32).reshape(16)[:5] for one in pictures])


def make(folder: Path) -> None:
    """Write the inputs, and what verbs make of them."""
    os.chdir(folder)
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(ROWS, 4))
    y = latent.sum(axis=1) + rng.normal(size=ROWS)
    sets = {"w": latent[:, :2], "v": latent[:, 1:3], "s": latent @ rng.normal(size=(4, 5))}
    ids = [f"r{row}" for row in range(ROWS)]
    for name, values in sets.items():
        _features(name, values, ids)
    labels = _labels(y, ids, rng)
    plain = {key: [str(v) for v in labels[key]] for key in ("label", "truth", "again")}
    _csv(Path("plain.csv"), plain)
    words = ["fine", "dull", "a", "film", "oiio"]
    texts = [" ".join(rng.choice(words, size=6)) for _ in ids]
    _csv(Path("texts.csv"), {"id": ids, "text": texts, "label": labels["label"]})
    Path("texts.jsonl").write_text(
        "".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in zip(ids, texts, strict=True))
    )
    _idx(rng)
    _static_model(rng)
    for line in (
        ["run", *PLAIN, "--labels", "plain.csv", "--n", "30", "--test", ".3", "--out", "made"],
        ["run", *WITH_IDS, "--labels", "classes.csv", "--n", "30", "--test", ".3", "--out", "made-classes"],
        [
            "encode",
            "--input",
            "texts.csv",
            "--model",
            f"callable:{CODE}",
            "--allow-code",
            CODE,
            "--out",
            "stores",
        ],
        ["run", *RAW, "--n", "30", "--test", ".3", "--out", "made-raw"],
    ):
        main(line)
    Path("store").symlink_to(next(Path("stores").glob("*/")))


def _features(name: str, values: np.ndarray, ids: list[str]) -> None:
    np.save(f"{name}.npy", values)
    np.savez(f"{name}.npz", features=values)
    save_file({"features": values.astype("f4")}, f"{name}.safetensors")
    table = pa.table({"id": ids, "embedding": pa.array(values.tolist(), pa.list_(pa.float32()))})
    pq.write_table(table, f"{name}.parquet")
    wide = {"id": ids} | {f"{name}{k}": values[:, k] for k in range(values.shape[1])}
    _csv(Path(f"{name}.csv"), wide)
    lines = (json.dumps({"id": i, "embedding": row}) for i, row in zip(ids, values.tolist(), strict=True))
    Path(f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    parts = Path(f"{name}-parts")
    parts.mkdir()
    (parts / "_SUCCESS").touch()
    for part in range(2):
        pq.write_table(table.slice(part * ROWS // 2, ROWS // 2), parts / f"part-{part}.parquet")
    _dataset(Path(f"{name}-set"), table)


def _dataset(folder: Path, table: Any) -> None:
    """As `datasets` saves one."""
    folder.mkdir()
    with (
        (folder / "data-00000-of-00001.arrow").open("wb") as out,
        pa.ipc.new_stream(out, table.schema) as writer,
    ):
        writer.write_table(table)
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})
    )
    (folder / "dataset_info.json").write_text(
        json.dumps({"features": {"id": {"_type": "Value", "dtype": "string"}}})
    )


def _labels(y: np.ndarray, ids: list[str], rng: np.random.Generator) -> dict[str, list[Any]]:
    held = {
        "id": ids,
        "label": [f"{v:.4f}" for v in y],
        "truth": [f"{v + 0.1:.4f}" for v in y],
        "again": [f"{v + 0.5 * e:.4f}" for v, e in zip(y, rng.normal(size=ROWS), strict=True)],
        "group": [f"g{row // 5}" for row in range(ROWS)],
        "split": ["labelled"] * 25 + ["unlabelled"] * 20 + ["test"] * 15,
        "rated": [f"{v / 2:.3f}" for v in y],
    }
    classes = held | {
        "label": ["good" if v > 0 else "bad" for v in y],
        "rated": [f"{1 / (1 + np.exp(-v)):.3f}" for v in y],
    }
    del classes["truth"], classes["again"], classes["split"]
    _csv(Path("labels.csv"), held)
    _csv(Path("labels.tsv"), held, "\t")
    _csv(Path("classes.csv"), classes)
    Path("labels.csv.gz").write_bytes(gzip.compress(Path("labels.csv").read_bytes(), mtime=0))
    numbers = held | {key: [float(v) for v in held[key]] for key in ("label", "truth", "again", "rated")}
    pq.write_table(pa.table(numbers), "labels.parquet")
    rows = [dict(zip(numbers, row, strict=True)) for row in zip(*numbers.values(), strict=True)]
    Path("labels.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return held


def _csv(path: Path, columns: dict[str, Any], mark: str = ",") -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=mark, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _idx(rng: np.random.Generator) -> None:
    Path("digits").mkdir()
    for part, rows in (("train", 40), ("t10k", 20)):
        body = rng.integers(0, 256, size=(rows, 4, 4), dtype=np.uint8)
        head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in body.shape)
        Path(f"digits/{part}-images-idx3-ubyte").write_bytes(head + body.tobytes())
        labels = rng.integers(0, 2, size=rows, dtype=np.uint8)
        Path(f"digits/{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + rows.to_bytes(4, "big") + labels.tobytes()
        )


def _static_model(rng: np.random.Generator) -> None:
    Path("static").mkdir()
    words = {word: place for place, word in enumerate(["[UNK]", "a", "fine", "film", "dull"])}
    said = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }  # fmt: skip
    Path("static/tokenizer.json").write_text(json.dumps(said))
    save_file({"embeddings": rng.normal(size=(len(words), 6)).astype(np.float32)}, "static/model.safetensors")
    Path("static/config.json").write_text(json.dumps({"normalize": False}))
    Path("static/README.md").write_text("---\nlicense: mit\n---\n")


PLAIN = ["--weak", "w.npy", "--strong", "s.npy"]
WITH_IDS = ["--weak", "w.csv", "--strong", "s.parquet"]
RAW = [
    "--input",
    "texts.csv",
    "--weak",
    f"callable:{CODE}",
    "--strong",
    f"big=callable:{CODE}",
    "--allow-code",
    CODE,
]
STATIC = find_spec("model2vec") is not None


def _sets(rng: random.Random, labelled: str = "", several: bool = False) -> tuple[list[str], list[str]]:
    """Features, and labels that fit them."""
    if rng.random() < 0.3:
        kinds, labels = [".npy", ".npz", ".safetensors"], ["plain.csv"]
    else:
        kinds = [".parquet", ".csv", ".jsonl", "-parts", "-set"]
        labels = [
            "labels.csv",
            "labels.tsv",
            "labels.csv.gz",
            "labels.parquet",
            "labels.jsonl",
            "classes.csv",
        ]
    weak = [f"w{rng.choice(kinds)}", *([f"v{rng.choice(kinds)}"] if several or rng.random() < 0.1 else [])]
    named = [f"one={weak[0]}", *weak[1:]] if rng.random() < 0.2 else weak
    table = rng.choice(labels)
    words = ["--labels", table]
    if table != "plain.csv" and rng.random() < 0.2:
        words += ["--pseudo-labels", "rated"]
    if table == "classes.csv" or table == "plain.csv":
        words += ["--test", rng.choice([".3", "20"]), *([labelled, "25"] if labelled else [])]
    if table != "classes.csv" and rng.random() < 0.3:
        words += ["--truth-column", "truth"]
    elif table != "plain.csv" and rng.random() < 0.2:
        words += ["--group-column", "group"]
        words += [] if "--test" in words else ["--split-column", "split"]
    return ["--weak", *named, "--strong", f"s{rng.choice(kinds)}"], words


def _run(rng: random.Random) -> list[str]:
    if rng.random() < 0.15:
        return ["run", *RAW, "--n", "30", "--test", ".3"]
    features, labels = _sets(rng, "--n")
    return ["run", *features, *labels, "--head", rng.choice(["ridge", "ridgeless"])]


def _measure(rng: random.Random) -> list[str]:
    features, labels = _sets(rng)
    rated = ["--pseudo-labels", "rated"] if "--pseudo-labels" in labels else []
    return ["measure", *features, *(labels[:2] + rated if rated else [])]


def _forecast(rng: random.Random) -> list[str]:
    if rng.random() < 0.2:
        return ["forecast", rng.choice(["made", "made-classes"]), "--n", "20", "--N", "40"]
    features, labels = _sets(rng, "--m")
    return ["forecast", *features, *labels, "--n", "20", "--N", "40"]


def _rank(rng: random.Random) -> list[str]:
    features, labels = _sets(rng, "--m", several=True)
    return ["rank", *features, *labels, "--alpha-w", "1", "--alpha-s", "1"]


def _plan(rng: random.Random) -> list[str]:
    features, labels = _sets(rng, "--m")
    wish = rng.choice([["--budget", "100"], ["--target-risk", "2"]])
    most = ["--most-labels", "60", "--most-unlabelled", "100"]
    return ["plan", *features, *labels, *wish, "--unlabelled-cost", ".1", *most]


def _sweep(rng: random.Random) -> list[str]:
    features, labels = _sets(rng)
    axes = ["--n", "10", "--N", "8", "--seeds", "2", "--alpha-w", "1", "--alpha-s", "1", "--jobs", "1"]
    return ["sweep", *features, *labels, *axes]


def _reproduce(rng: random.Random) -> list[str]:
    axes = ["--seeds", "2", "--n", "210", "--N", "300", "--jobs", "1"]
    features, labels = _sets(rng)
    name = rng.choice(["synthetic", "utkface", "coloredmnist", "sst2", "movies", "ceiling-table"])
    if name in ("coloredmnist", "sst2"):
        features, labels = WITH_IDS, ["--labels", "classes.csv", "--test", ".3"]
    if name != "synthetic":
        axes[3], axes[5] = "10", "12"
    given = [] if name in ("synthetic", "movies", "ceiling-table") else [*features, *labels]
    return ["reproduce", name, *given, *([] if name in ("movies", "ceiling-table") else axes)]


def _encoder(rng: random.Random) -> list[str]:
    if STATIC and rng.random() < 0.5:
        return ["static:static"]
    return [f"callable:{CODE}", "--allow-code", CODE]


def _encode(rng: random.Random) -> list[str]:
    if rng.random() < 0.3:
        return ["encode", "--input", "digits", "--model", f"callable:{PIXELS}", "--allow-code", PIXELS]
    return ["encode", "--input", rng.choice(["texts.csv", "texts.jsonl"]), "--model", *_encoder(rng)]


def _inspect(rng: random.Random) -> list[str]:
    return ["inspect", *_encoder(rng), *rng.choice([[], ["--input", "texts.csv"]])]


def _predict(rng: random.Random) -> list[str]:
    run, inputs, models = rng.choice(
        [
            ("made", ["s.npy"], ["student", "baseline"]),
            ("made", ["w.npy"], ["teacher"]),
            ("made", ["w.npy", "s.npy"], ["union"]),
            ("made-classes", ["s.parquet"], ["student"]),
            ("made-raw", ["texts.csv"], ["student", "recommended"]),
        ]
    )
    words = ["predict", run, "--input", *inputs, "--model", rng.choice(models)]
    return [*words, *(["--with-text", "--allow-code", CODE] if run == "made-raw" else [])]


def _reads(verb: str, *folders: str) -> Any:
    return lambda rng: [verb, rng.choice(folders)]


COMMANDS: dict[str, tuple[float, Any]] = {
    "run": (14, _run),
    "measure": (14, _measure),
    "forecast": (7, _forecast),
    "rank": (6, _rank),
    "plan": (5, _plan),
    "sweep": (6, _sweep),
    "reproduce": (2, _reproduce),
    "encode": (9, _encode),
    "inspect": (5, _inspect),
    "predict": (14, _predict),
    "verify": (6, _reads("verify", "made", "made-raw", "store")),
    "replay": (5, _reads("replay", "made", "made-classes")),
    "report": (5, _reads("report", "made", "made-classes")),
    "explain": (1, _reads("explain", "OG106", "og301")),
    "demo": (0.1, lambda rng: ["demo", "--out", "mine"]),
}
"""By verb: how often it is tried, and a command line that ends well; a demo takes as long as 200 others."""

WRITES = ("run", "forecast", "rank", "plan", "sweep", "reproduce", "encode", "predict")
"""Verbs with --out."""


def command(rng: random.Random) -> list[str]:
    verb = rng.choices(list(COMMANDS), [often for often, _ in COMMANDS.values()])[0]
    words: list[str] = COMMANDS[verb][1](rng)
    if verb not in WRITES:
        return words
    ending = ".csv" if verb == "predict" else ""
    out = rng.choice(
        [
            ["--out", f"out{ending}"],
            ["--out", f"out{ending}"],
            ["--out", f"made{ending}", "--overwrite"],
            ["--out", f"mine{ending}", "--overwrite"],
            ["--out", f"notes{ending}", "--overwrite"],
            ["--out", f"nowhere/out{ending}"],
            ["--out", "made"],
        ]
    )
    if verb not in ("run",) and rng.random() < 0.6:
        out = ["--json"] if verb not in ("encode", "predict") else []
    return [*words, *out]

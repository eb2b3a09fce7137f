"""Spoil a file or a folder in one place, by its kind, with its checksums made right again."""

from __future__ import annotations

import contextlib
import copy
import csv
import gzip
import hashlib
import io
import json
import random
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from outgrow.data.feature_manifest import FORMAT, _digest

STRANGE: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("strange.toml").read_text())
VALUES = [
    None,
    True,
    -1,
    0,
    2**70,
    1e308,
    1e400,
    float("nan"),
    "\ud800",
    "a\0b",
    [],
    {},
    [[1]],
    {"value": "x"},
]
BODIES = [
    b"",
    b"\n",
    b"[" * 200_000,
    b'{"a": ' * 9_000,
    b"\xff\xfe",
    b"null",
    b"\0" * 64,
    b"PK\3\4" + b"x" * 99,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, inner in items for one in places(inner, (*path, key)))]


def mutated(value: Any, rng: random.Random) -> Any:
    """One place taken out, or holding something else."""
    value = copy.deepcopy(value)
    place = rng.choice(places(value))
    if not place:
        return rng.choice(VALUES)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    if rng.random() < 0.4:
        del inner[place[-1]]
    else:
        inner[place[-1]] = rng.choice(VALUES + STRANGE["paths"])
    return value


def mangled(data: bytes, rng: random.Random) -> bytes:
    """Bytes cut, flipped, doubled, put in, or others altogether."""
    at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    flipped = bytearray(data)
    for _ in range(rng.choice([1, 1, 8])):
        if data:
            flipped[rng.choice([rng.randrange(len(data)), rng.randrange(min(len(data), 128))])] ^= (
                1 << rng.randrange(8)
            )
    return rng.choice(
        [
            data[:at],
            data[:at] + data[end:],
            bytes(flipped),
            bytes(flipped),
            data[:end] + data[at:],
            data[:at] + rng.randbytes(rng.choice([1, 4, 64])) + data[at:],
            data[:at] + b"\0" * (end - at) + data[end:],
            data + data,
            rng.choice(BODIES),
        ]
    )  # fmt: skip


def array(values: np.ndarray, rng: random.Random) -> np.ndarray:
    """Other numbers, another shape or another type."""
    some = np.array(values)
    if some.size and some.dtype.kind == "f":
        with np.errstate(all="ignore"):
            some.flat[rng.randrange(some.size)] = rng.choice([np.nan, np.inf, 1e300, -1e300, 1e-320, 1e30])
    ways: list[Callable[[], Any]] = [
        lambda: some,
        lambda: some,
        lambda: values * 0,
        lambda: values * 1e200,
        lambda: values * 1e-200,
        lambda: values[:0],
        lambda: values[:1],
        lambda: values[..., :0],
        lambda: values[..., :1],
        lambda: values[..., :-1],
        lambda: values[:-3],
        lambda: np.concatenate([values, values]),
        lambda: np.concatenate([values, values], axis=-1),
        lambda: values[None],
        lambda: values.ravel(),
        lambda: np.array(1.5),
        lambda: np.repeat(values[:1], len(values), axis=0),
        lambda: values.astype(rng.choice(["f2", "f4", ">f8", "i1", "u8", "i4", "?"])),
        lambda: np.round(values),
    ]
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(rng.choice(ways)())


def stranger_array(values: np.ndarray, rng: random.Random) -> np.ndarray:
    """Types that npy has and tensors have not."""
    kind: Any = rng.choice(["c16", "U8", "S4", "O", "M8[s]", "g", [("a", "f8")]])
    return values.astype("i8").astype(kind) if kind == "M8[s]" else values.astype(kind)


def spoil_npy(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    values = np.load(path)
    if rng.random() < 0.3:
        shape = str(values.shape).encode()
        other = rng.choice(STRANGE["shapes"]).encode()
        kind = rng.choice(STRANGE["types"]).encode()
        data = data.replace(shape, other, 1) if rng.random() < 0.5 else data.replace(b"'<f8'", kind)
        path.write_bytes(data)
    else:
        np.save(path, array(values, rng) if rng.random() < 0.7 else stranger_array(values, rng))


def spoil_npz(path: Path, rng: random.Random) -> None:
    held = dict(np.load(path))
    key = rng.choice(sorted(held))
    held[rng.choice([key, key, "other", ""])] = array(held[key], rng)
    np.savez(path, **held)


def spoil_safetensors(path: Path, rng: random.Random) -> None:
    if rng.random() < 0.25:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.dumps(mutated(json.loads(data[8 : 8 + length]), rng)).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
        return
    tensors = load_file(path)
    key = rng.choice(sorted(tensors))
    old = tensors.pop(key)
    if rng.random() < 0.8:
        tensors[key] = array(old, rng)
    save_file(tensors, path)


def column(values: list[Any], rng: random.Random) -> Any:
    """A column of a table, of another type or with something else in a cell."""
    at = rng.randrange(len(values)) if values else 0
    ways: list[Callable[[], Any]] = [
        lambda: pa.array([None if place == at else one for place, one in enumerate(values)]),
        lambda: pa.array([None] * len(values)),
        lambda: pa.array([values[at]] * len(values)),
        lambda: pa.array([str(one) for one in values]),
        lambda: pa.array([str(one).encode() + b"\xff" for one in values]),
        lambda: pa.array([[one] for one in values]),
        lambda: pa.array([{"a": one} for one in values]),
        lambda: pa.array([rng.choice(STRANGE["cells"]) for _ in values]),
        lambda: pa.array([rng.choice([1e308, -1e308, float("nan"), float("inf"), 0.0]) for _ in values]),
        lambda: pa.array([rng.random() < 0.5 for _ in values]),
        lambda: pa.array(range(len(values)), type=pa.timestamp("s")),
        lambda: pa.array([str(one) for one in values]).dictionary_encode(),
        lambda: pa.array([one[: rng.randrange(3)] if isinstance(one, list) else one for one in values]),
        lambda: pa.array([one * 2 if isinstance(one, list) else one for one in values]),
        lambda: pa.nulls(len(values)),
        lambda: pa.array([f"{place}" for place in range(len(values))], type=pa.large_string()),
    ]
    return rng.choice(ways)()


def spoil_table(path: Path, rng: random.Random) -> None:
    arrow = path.suffix == ".arrow"
    table = _arrow(path) if arrow else pq.read_table(path)
    at = rng.randrange(table.num_columns)
    name = table.column_names[at]
    ways: list[Callable[[], Any]] = [
        *[lambda: table.set_column(at, name, column(table.column(at).to_pylist(), rng))] * 5,
        lambda: table.drop_columns([name]),
        lambda: table.rename_columns(
            [rng.choice(["", "id", "label", "x\x1b[31m", one]) for one in table.column_names]
        ),
        lambda: table.append_column(
            rng.choice([name, "split", "id", "label"]), column(table.column(at).to_pylist(), rng)
        ),
        lambda: table.slice(0, rng.choice([0, 1, 5])),
        lambda: pa.concat_tables([table, table]),
        lambda: table.take(rng.sample(range(len(table)), len(table))),
    ]
    made = rng.choice(ways)()
    if not arrow:
        pq.write_table(made, path)
        return
    with path.open("wb") as stream, pa.ipc.new_stream(stream, made.schema) as writer:
        writer.write_table(made)


def _arrow(path: Path) -> Any:
    with path.open("rb") as stream:
        return pa.ipc.open_stream(stream).read_all()


def spoil_csv(path: Path, rng: random.Random) -> None:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    mark = "\t" if ".tsv" in path.name else ","
    rows = list(csv.reader(io.StringIO(raw.decode()), delimiter=mark))
    row = rng.choice([0, *range(len(rows)), *range(len(rows))])
    at = rng.randrange(len(rows[row]))
    way = rng.randrange(10)
    ending, encoding = "\n", "utf-8"
    if way < 4:
        rows[row][at] = rng.choice(STRANGE["cells"])
    elif way == 4:
        said = rng.choice([[rng.choice(STRANGE["cells"])], STRANGE["cells"]])
        for one in rows[1:]:
            one[min(at, len(one) - 1)] = rng.choice(said)
    elif way == 5:
        rows[row] = rng.choice([[], rows[row] * 2, rows[row][:-1]])
    elif way == 6:
        rows = rng.choice([rows[1:], rows[:1], rows[:2], rows * 2, [rows[0], *rows], [*rows, rows[-1]]])
    elif way == 7:
        ending = rng.choice(["\r\n", "\r", "\n\n", " \n"])
    elif way == 8:
        encoding = rng.choice(["utf-16", "utf-8-sig", "utf-32"])
    else:
        mark = rng.choice([";", "\t", "|", " ", ", "])
    data = ending.join(mark.join(one) for one in rows).encode(encoding) + b"\n"
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def spoil_json_lines(path: Path, rng: random.Random) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rng.choice([[rng.randrange(len(rows))], range(len(rows))]):
        rows[row] = mutated(rows[row], rng)
    path.write_text(rng.choice(["\n", "\n", "\n", "\n\n", ","]).join(json.dumps(row) for row in rows) + "\n")


def spoil_json(path: Path, rng: random.Random) -> None:
    path.write_text(json.dumps(mutated(json.loads(path.read_text()), rng)))


KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    ".npy": spoil_npy,
    ".npz": spoil_npz,
    ".safetensors": spoil_safetensors,
    ".parquet": spoil_table,
    ".arrow": spoil_table,
    ".csv": spoil_csv,
    ".tsv": spoil_csv,
    ".gz": spoil_csv,
    ".jsonl": spoil_json_lines,
    ".json": spoil_json,
}


def spoil_file(path: Path, rng: random.Random) -> None:
    _unlinked(path)
    way = KINDS.get(path.suffix)
    if way is not None and rng.random() < 0.7:
        # What cannot be read any more, since it was spoilt before, is spoilt as bytes.
        with contextlib.suppress(Exception):
            return way(path, rng)
    path.write_bytes(mangled(path.read_bytes(), rng))
    return None


def _unlinked(path: Path) -> None:
    """Cases share the sound files by links: what is written to is copied first."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def spoil_folder(folder: Path, rng: random.Random) -> str:
    """One file in it: spoilt, gone, a stranger, or a folder; the manifest mostly agrees."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    known = [path for path in files if path.suffix in (".json", ".safetensors")]
    path = rng.choice(rng.choice([files, known or files]))
    way = rng.random()
    if way < 0.75:
        spoil_file(path, rng)
    elif way < 0.85:
        path.unlink()
    elif way < 0.92:
        shutil.copy(path, path.with_name("stranger" + path.suffix))
    else:
        path.unlink()
        path.mkdir()
    if path.name != "manifest.json" and rng.random() < 0.9:
        seal(folder)
    return path.relative_to(folder).as_posix()


def seal(folder: Path) -> None:
    """Make the checksums right again, as whoever changes a file on purpose would."""
    manifest = folder / "manifest.json"
    # Where the manifest was spoilt before, there is nothing to make right.
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        _seal(folder, manifest, dict(json.loads(manifest.read_text())))


def _seal(folder: Path, manifest: Path, said: dict[str, Any]) -> None:
    _unlinked(manifest)
    if said.get("format") == FORMAT:
        for shard in said["shards"]:
            if (folder / shard["name"]).is_file():
                shard["sha256"] = _sum(folder / shard["name"])
        said.pop("sha256")
        manifest.write_text(json.dumps(said | {"sha256": _digest(said)}))
        return
    files = [path for path in folder.rglob("*") if path.is_file() and path != manifest]
    manifest.write_text(
        json.dumps({"sha256": {path.relative_to(folder).as_posix(): _sum(path) for path in files}})
    )


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

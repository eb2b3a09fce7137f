"""A run folder may hold anything, with its checksums made right: one line and status 2, or what is right."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from outgrow import RunConfig, api
from outgrow.cli import main

CASES = 120
"""Of the fast part; `python tests/test_read_back.py 20000` tries as many as wanted."""

STRANGE = [
    None,
    True,
    -1,
    1e400,
    float("nan"),
    "",
    "../../etc/passwd",
    [],
    {},
    [[1]],
    {"value": "x"},
    "\x1b[31m",
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, and features to predict."""
    return make(tmp_path_factory.mktemp("sound"))


def make(place: Path) -> Path:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(120, 6))
    np.save(place / "weak.npy", latent[:, :3])
    np.save(place / "strong.npy", latent @ rng.normal(size=(6, 8)))
    y = latent.sum(axis=1) + rng.normal(size=120)
    (place / "labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")
    config = RunConfig(
        weak=(str(place / "weak.npy"),),
        strong=str(place / "strong.npy"),
        labels=str(place / "labels.csv"),
        n=50,
        test=0.3,
    )
    api.run(config, place / "run")
    return place


def seal(run: Path) -> None:
    """Make the checksums right again, as whoever changes a file on purpose would."""
    sums = {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    (run / "manifest.json").write_text(json.dumps({"sha256": sums}))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, inner in items for one in places(inner, (*path, key)))]


def mutated(value: Any, rng: random.Random) -> Any:
    """One place taken out, or holding something else."""
    value = copy.deepcopy(value)
    place = rng.choice(places(value))
    if not place:
        return rng.choice(STRANGE)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    if rng.random() < 0.4:
        del inner[place[-1]]
    else:
        inner[place[-1]] = rng.choice(STRANGE)
    return value


def spoil(run: Path, rng: random.Random) -> str:
    name = rng.choice(["run.json", "models/models.json", "models/models.json", "manifest.json", "tensors"])
    if name == "tensors":
        path = rng.choice(sorted(run.glob("models/*.safetensors")))
        tensors = load_file(path)
        key = rng.choice(sorted(tensors))
        old = tensors.pop(key)
        new = rng.choice([None, old * np.nan, old[..., :-1], old[None], old.astype(np.int32), old[:0]])
        if new is not None:
            tensors[key] = np.ascontiguousarray(new)
        save_file(tensors, path)
    elif rng.random() < 0.1:
        (run / name).write_bytes(rng.choice([b"", b"[" * 200_000, b'{"a": ' * 9_000, b"\xff\xfe", b"null"]))
    else:
        (run / name).write_text(json.dumps(mutated(json.loads((run / name).read_text()), rng)))
    if name != "manifest.json":
        seal(run)
    return name


def outcome(words: list[str]) -> int:
    try:
        main(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def attempt(place: Path, work: Path, seed: int) -> list[str]:
    """Spoil a copy of the run, and give the commands that a user may follow up with."""
    rng = random.Random(seed)
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(place / "run", run)
    name = spoil(run, rng)
    model = rng.choice(["student", "recommended", "union", "teacher"])
    words = rng.choice(
        [
            ["predict", str(run), "--input", str(place / "strong.npy"), "--model", model],
            ["report", str(run)],
            ["verify", str(run)],
            ["forecast", str(run), "--weak", "none.npy"],
        ]
    )
    return [name, *words]


@pytest.mark.parametrize("seed", range(CASES))
def test_a_spoilt_run_is_one_line(sound, tmp_path, capsys, seed):
    name, *words = attempt(sound, tmp_path, seed)
    status = outcome(words)
    out, err = capsys.readouterr()
    assert status in (0, 2), (name, words, err)
    assert err.count("\n") == (status == 2), err
    assert "\x1b" not in err + out
    if status == 0 and words[0] == "predict" and words[-1] != "recommended":
        words[1] = str(sound / "run")
        assert outcome(words) == 0
        assert capsys.readouterr().out == out
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_replay_asks_for_what_it_compares(sound, tmp_path, capsys):
    for spoilt in (
        "[]",
        "{}",
        '{"routes": [{"name": 3}]}',
        '{"routes": [{"name": "a", "risk": {"value": NaN}}]}',
    ):
        shutil.copytree(sound / "run", tmp_path / "run", dirs_exist_ok=True)
        (tmp_path / "run" / "run.json").write_text(spoilt)
        seal(tmp_path / "run")
        assert outcome(["replay", str(tmp_path / "run")]) == 2
        assert "run.json: is damaged, or not what it should be" in capsys.readouterr().err


if __name__ == "__main__":
    import contextlib
    import io
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        (made / "work").mkdir()
        for case in range(int(sys.argv[1])):
            said = attempt(made, made / "work", case)
            silence = io.StringIO()
            with contextlib.redirect_stderr(io.StringIO()) as lines, contextlib.redirect_stdout(silence):
                ended = outcome(said[1:])
            if ended not in (0, 2):
                print(case, said, ended, lines.getvalue())

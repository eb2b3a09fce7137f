"""A user's function runs only where its very name was allowed, and what it gives is checked."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from outgrow.errors import ConfigError, DataError
from outgrow.features.callable_model import BATCH_SIZE, CallableEncoder
from outgrow.features.protocols import Encoder

CODE = """
import numpy as np
from pathlib import Path
Path({mark!r}).write_text("imported")

def lengths(items):
    return [[len(item), item.count("a")] for item in items]

def wide(items):
    return np.zeros((len(items), len(items)))

def gaps(items):
    return np.where(np.array([[item == "bad"] for item in items]), np.nan, 1.0)

def huge(items):
    return np.full((len(items), 1), 1e300)

def fails(items):
    raise RuntimeError("no such thing")

def ragged(items):
    return [[1.0], [1.0, 2.0]][: len(items)] if len(items) > 1 else [[1.0]]

def words(items):
    return [["a"] for _ in items]

def picky(items):
    return [[len(item), 1 / item.count("a")] for item in items]

def short(items):
    return np.zeros((len(items) + 1, 2))

def flat(items):
    return np.zeros(len(items))

short.width = flat.width = words.width = 2
known = 3
"""


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the user's module writes when it is imported."""
    found = tmp_path / "mark"
    (tmp_path / "users_own.py").write_text(CODE.format(mark=str(found)))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "users_own", raising=False)
    yield found
    sys.modules.pop("users_own", None)


def run(name: str, items: list[str]) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    bad: list[tuple[int, str]] = []
    encoder = CallableEncoder(name, [name], sample=items)
    parts = list(encoder.encode(items, lambda position, why: bad.append((position, why))))
    return np.concatenate([p for p, _ in parts]), np.concatenate([f[0] for _, f in parts]), bad


def test_nothing_is_imported_before_it_is_allowed(mark: Path) -> None:
    name = "users_own:lengths"
    line = f"{name}: this code was not allowed to run. .*--allow-code {name}"
    for allowed in ("users_own", "users_own:length", "users_own:*", name + " ", "USERS_OWN:lengths"):
        with pytest.raises(ConfigError, match=line):
            CallableEncoder(name, (allowed,), sample=["a"])
    assert not mark.exists()
    assert "users_own" not in sys.modules
    CallableEncoder(name, {name}, sample=["a"])
    assert mark.exists()


def test_what_it_gives_is_features(mark: Path) -> None:
    items = ["abca", "b"] * BATCH_SIZE
    positions, features, bad = run("users_own:lengths", items)
    assert positions.tolist() == list(range(len(items)))
    np.testing.assert_array_equal(features, [[len(item), item.count("a")] for item in items])
    assert features.dtype == np.float32
    assert bad == []


def test_its_identity_changes_with_its_code(mark: Path) -> None:
    encoder = CallableEncoder("users_own:lengths", ["users_own:lengths"], sample=["a"])
    assert isinstance(encoder, Encoder)
    identity = encoder.identities[0]
    assert (identity.kind, identity.width, identity.name) == ("callable", 2, "users_own:lengths")
    sys.modules.pop("users_own")
    source = mark.parent / "users_own.py"
    source.write_text(source.read_text().replace("count", "find"))
    other = CallableEncoder("users_own:lengths", ["users_own:lengths"], sample=["a"]).identities[0]
    assert other.digest != identity.digest
    # Two functions of one file are two encoders.
    third = CallableEncoder("users_own:gaps", ["users_own:gaps"], sample=["a"]).identities[0]
    assert third.transform != other.transform


def test_items_that_fail_or_are_not_finite_are_told_and_not_their_whole_batch(mark: Path) -> None:
    items = ["a"] * (BATCH_SIZE + 1) + ["none", "aa"]
    positions, features, bad = run("users_own:picky", items)
    assert bad == [(BATCH_SIZE + 1, "ZeroDivisionError: division by zero")]
    assert positions.tolist() == [*range(BATCH_SIZE + 1), BATCH_SIZE + 2]
    np.testing.assert_array_equal(features[-1], [2, 0.5])
    positions, features, bad = run("users_own:gaps", ["a", "bad", "b"])
    assert (positions.tolist(), features.tolist()) == ([0, 2], [[1.0], [1.0]])
    assert bad == [(1, "its features are not finite numbers")]
    assert [row for row, _ in run("users_own:huge", ["a", "b"])[2]] == [0, 1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wide", "gave 3 features per row, and 1 before"),
        ("fails", r"failed on 1 items \(RuntimeError: no such thing\)"),
        ("ragged", "gave no array of numbers"),
        ("words", "gave no array of numbers"),
        ("short", r"gave an array of shape \(4, 2\) for 3 items"),
        ("flat", r"gave an array of shape \(3,\) for 3 items"),
        ("known", "has no function 'known'"),
        ("gone", "has no function 'gone'"),
    ],
)
def test_what_is_wrong_with_it_is_said(name: str, message: str, mark: Path) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        run(f"users_own:{name}", ["a", "b", "c"])


@pytest.mark.parametrize(
    "name", ["users_own", "users_own:", ":f", "a b:c", "../users_own:f", "users_own:f()", "os:system;x"]
)
def test_only_names_of_functions(name: str, mark: Path) -> None:
    with pytest.raises(ConfigError, match="is not the name of a function"):
        CallableEncoder(name, [name], sample=["a"])
    assert not mark.exists()


def test_modules_that_cannot_be_imported_and_widths_that_are_not_known(mark: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be imported \(ModuleNotFoundError"):
        CallableEncoder("no_such_module:f", ["no_such_module:f"])
    with pytest.raises(ConfigError, match="the width of its features is not known"):
        CallableEncoder("users_own:lengths", ["users_own:lengths"])
    assert CallableEncoder("users_own:flat", ["users_own:flat"]).identities[0].width == 2

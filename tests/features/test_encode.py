"""From rows to stores: nothing is made twice, nothing is lost, and one pass serves several layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from outgrow.config import RawConfig
from outgrow.data.features_file import read_features
from outgrow.data.raw import RawRows, digest_of
from outgrow.errors import ConfigError, DataError
from outgrow.features import encode as room
from outgrow.features.encode import encode
from outgrow.features.model_spec import ModelSpec
from outgrow.features.protocols import EncoderIdentity


class Letters:
    """Counts letters: two layers of it, in batches of three, longest text first; "?" cannot be read."""

    input = "text"

    def __init__(self, fail_after=None):
        self.seen, self.closed, self._left = [], False, fail_after
        self.identities = tuple(
            EncoderIdentity(
                name=f"letters@{width}",
                kind="callable",
                revision="1",
                layer=str(width),
                width=width,
                pooling="none",
                transform="counts",
            )
            for width in (2, 5)
        )

    def encode(self, items, on_bad):
        order = sorted(range(len(items)), key=lambda i: (-len(items[i]), i))
        for start in range(0, len(items), 3):
            part = order[start : start + 3]
            rows = [i for i in part if items[i] != "?"]
            for i in set(part) - set(rows):
                on_bad(i, "not a word")
            if self._left == 0:
                raise RuntimeError("killed")
            self._left = None if self._left is None else self._left - 1
            self.seen += [items[i] for i in rows]
            counts = np.array([[items[i].count(c) for c in "abcde"] for i in rows], dtype=np.float32)
            counts = counts.reshape(len(rows), 5)
            yield np.array(rows, dtype=np.int64), (counts[:, :2], counts)

    def close(self):
        self.closed = True


PLAIN = RawConfig()
SPECS = [ModelSpec("two", "text", "letters", 2), ModelSpec("five", "text", "letters", 5)]


def rows(texts, ids=None):
    ids = ids or [f"r{i}" for i in range(len(texts))]
    digest = digest_of(zip(ids, (text.encode() for text in texts), strict=True))
    return RawRows("text", np.array(ids, dtype=object), texts, digest, source="rows.csv")


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def letters(tmp_path, monkeypatch):
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(room, "SHARD_ROWS", 4)
    loaded = []

    def use(encoder):
        monkeypatch.setattr(room, "load_encoder", lambda *_: loaded.append(encoder) or encoder)
        return encoder

    return use


TEXTS = ["abc", "a", "bb", "cab", "eeee", "d", "ad", "b", "ace", "dde"]


def test_two_layers_from_one_pass_in_the_rows_order(letters):
    encoder = letters(Letters())
    told = []
    two, five = encode(rows(TEXTS), SPECS, PLAIN, progress=lambda what, share: told.append((what, share)))
    assert sorted(encoder.seen) == sorted(TEXTS)
    assert encoder.closed
    table = read_features(five.folder, name="five")
    assert table.ids.tolist() == [f"r{i}" for i in range(10)]
    np.testing.assert_array_equal(table.values, [[t.count(c) for c in "abcde"] for t in TEXTS])
    np.testing.assert_array_equal(read_features(two.folder).values, table.values[:, :2])
    assert (two.rows, two.fresh, two.name, five.name) == (10, 10, "two", "five")
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert table.identity.encoder is not None and table.identity.encoder.startswith("letters@5#")


def test_nothing_is_made_twice(letters):
    letters(Letters())
    encode(rows(TEXTS), SPECS, PLAIN)
    again = letters(Letters())
    two, five = encode(rows(TEXTS), SPECS, PLAIN)
    assert (again.seen, two.fresh, five.fresh) == ([], 0, 0)
    # Another name is no other encoder; another row is another input.
    other = letters(Letters())
    encode(rows(TEXTS), [ModelSpec("new", "text", "letters", 2), SPECS[1]], PLAIN)
    assert other.seen == []
    more = letters(Letters())
    encode(rows([*TEXTS, "e"]), SPECS, PLAIN)
    assert len(more.seen) == 11


def test_an_interrupted_run_goes_on_with_the_same_bytes(letters, tmp_path, monkeypatch):
    letters(Letters(fail_after=3))
    with pytest.raises(RuntimeError, match="killed"):
        encode(rows(TEXTS), SPECS, PLAIN)
    on = letters(Letters())
    resumed = encode(rows(TEXTS), SPECS, PLAIN)
    # Rows 0 to 3 were done: two batches of the first shard.
    assert sorted(on.seen) == sorted(TEXTS[4:])
    assert [found.fresh for found in resumed] == [6, 6]
    monkeypatch.setenv("OUTGROW_CACHE", str(tmp_path / "other"))
    letters(Letters())
    whole = encode(rows(TEXTS), SPECS, PLAIN)
    for one, other in zip(resumed, whole, strict=True):
        assert content(one.folder) == content(other.folder)


def test_a_store_says_only_what_made_it(letters, monkeypatch):
    # Whatever else the same command loaded: its bytes must not depend on that.
    from outgrow.data.feature_manifest import read_manifest

    known = {"torch": "9.9", "model2vec": "1.0", "tokenizers": "0.5"}

    def number(name):
        if name not in known:
            raise room.PackageNotFoundError(name)
        return known[name]

    monkeypatch.setattr(room, "version", number)
    encoder = letters(Letters())
    encoder.identities = tuple(replace(one, kind="static") for one in encoder.identities)
    two, _ = encode(rows(TEXTS), SPECS, PLAIN)
    libraries = read_manifest(two.folder).libraries
    assert libraries.keys() == {"numpy", "outgrow", "pyarrow", "model2vec", "tokenizers"}
    assert libraries["model2vec"] == "1.0"


def test_a_model_is_checked_before_it_encodes_and_only_then(letters):
    checked = []
    first = letters(Letters())
    encode(rows(TEXTS), SPECS, PLAIN, check=lambda one: checked.append((one, list(one.seen))))
    assert checked == [(first, [])]
    letters(Letters())
    encode(rows(TEXTS), SPECS, PLAIN, check=lambda one: checked.append((one, [])))
    assert len(checked) == 1


def test_rows_that_cannot_be_read(letters):
    texts = ["abc", "?", "b", "?"]
    letters(Letters())
    with pytest.raises(DataError, match=r"rows.csv: row 'r1' cannot be read \(not a word\)"):
        encode(rows(texts), SPECS, PLAIN)
    letters(Letters())
    two, _ = encode(rows(texts), SPECS, RawConfig(on_error="skip"))
    assert two.skipped == (("r1", "not a word"), ("r3", "not a word"))
    left_before = replace(rows(texts), skipped=(("r9", "has no text"),))
    letters(Letters())
    again, _ = encode(left_before, SPECS, RawConfig(on_error="skip"))
    assert again.skipped == (("r9", "has no text"), *two.skipped)
    assert read_features(two.folder).ids.tolist() == ["r0", "r2"]
    # What was let go once is still an error to someone who asks for every row.
    letters(Letters())
    with pytest.raises(DataError, match="--on-error skip"):
        encode(rows(texts), SPECS, PLAIN)


def test_misuse_is_one_line(letters):
    letters(Letters())
    with pytest.raises(ConfigError, match="two models are called 'two'"):
        encode(rows(TEXTS), [SPECS[0], ModelSpec("two", "text", "letters", 5)], PLAIN)
    with pytest.raises(DataError, match="there are no rows to encode"):
        encode(rows([]), SPECS, PLAIN)
    pictures = RawRows("image", np.array(["a"], dtype=object), [np.zeros((2, 2), np.uint8)], "0" * 64)
    with pytest.raises(ConfigError, match="two, five reads texts, the rows are images"):
        encode(pictures, SPECS, PLAIN)


def test_features_of_another_shape_than_promised_are_one_line(letters, monkeypatch):
    def flat(items, _on_bad):
        yield np.arange(len(items)), (np.zeros(len(items), np.float32), np.zeros((len(items), 5), np.float32))

    monkeypatch.setattr(letters(Letters()), "encode", flat)
    with pytest.raises(DataError, match=r"shape \(2,\) for 2 rows of width 2"):
        encode(rows(["abc", "b"]), SPECS, PLAIN)

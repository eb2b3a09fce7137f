"""idx files are read as they are, and a header is believed only where the bytes are there."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from outgrow.data.idx import read_idx, read_idx_array
from outgrow.data.images import read_images
from outgrow.errors import DataError, FileError


def idx(array, kind=8):
    """Bytes of an idx file."""
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def digits(rng):
    return rng.integers(0, 256, (7, 4, 5), dtype=np.uint8), rng.integers(0, 10, 7, dtype=np.uint8)


@pytest.mark.parametrize("zipped", [False, True])
def test_pictures_and_labels(zipped, digits, tmp_path):
    ending, pack = (".gz", gzip.compress) if zipped else ("", bytes)
    for name, array in zip(("images-idx3", "labels-idx1"), digits, strict=True):
        (tmp_path / f"train-{name}-ubyte{ending}").write_bytes(pack(idx(array)))
        (tmp_path / f"t10k-{name}-ubyte{ending}").write_bytes(pack(idx(array[:2])))
    rows = read_images(tmp_path)
    assert rows.kind == "image"
    assert rows.ids.tolist() == [*(f"train-{i:05d}" for i in range(7)), "test-00000", "test-00001"]
    np.testing.assert_array_equal(np.stack(rows.items), np.concatenate([digits[0], digits[0][:2]]))
    np.testing.assert_array_equal(rows.labels, np.concatenate([digits[1], digits[1][:2]]))
    assert rows.split.tolist() == ["train"] * 7 + ["test"] * 2
    one = read_images(tmp_path / f"t10k-images-idx3-ubyte{ending}")
    assert one.ids.tolist() == ["t10k-00000", "t10k-00001"]
    assert one.labels.tolist() == digits[1][:2].tolist()
    assert one.split is None


def test_the_digest_is_of_pictures_and_their_shape(tmp_path):
    flat = np.arange(12, dtype=np.uint8)
    digests = set()
    for number, shape in enumerate([(2, 2, 3), (2, 3, 2), (2, 2, 3)]):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "x-images-idx3-ubyte").write_bytes(idx(flat.reshape(shape)))
        digests.add(read_idx(tmp_path / f"{number}" / "x-images-idx3-ubyte").digest)
    assert len(digests) == 2


GOOD = idx(np.zeros((2, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[:-1], r"shorter than its header \(2, 3, 3\) says"),
        (GOOD + b"x", "goes on behind the 18 bytes"),
        (GOOD[:10], "shorter than its header"),
        (b"\x89PNG\r\n", "its first two bytes are not 0"),
        (idx(np.zeros((2, 3, 3), np.float32), 0x0D), "numbers of type 0x0d"),
        (idx(np.zeros(5, np.uint8)), "has 1 dimensions; pictures have 3"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "shorter than its header"),
        (idx(np.zeros((0, 3, 3), np.uint8)), "is empty"),
        (gzip.compress(GOOD[:-1], mtime=0), "shorter than its header"),
        (gzip.compress(GOOD + b"x", mtime=0), "goes on behind"),
        (gzip.compress(GOOD, mtime=0)[:-9], "damaged or cut short"),
        (gzip.compress(GOOD, mtime=0)[:-8] + b"\0" * 8, "damaged or cut short"),
        # A megabyte of zip cannot hold what this header asks for: refused before anything is reserved.
        (
            gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10), mtime=0),
            "shorter than its header",
        ),
    ],
)
def test_a_header_that_lies(content, message, tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(FileError, match=message):
        read_idx_array(path, 3)


def test_labels_of_other_pictures(digits, tmp_path):
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(digits[0]))
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(digits[1][:3]))
    with pytest.raises(DataError, match="7 pictures, but 3 labels"):
        read_idx(tmp_path / "a-images-idx3-ubyte")
    with pytest.raises(FileError, match="holds no idx files"):
        read_idx(tmp_path)

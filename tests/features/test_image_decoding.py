"""Every way a picture is stored comes to the same upright, opaque RGB bytes, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.features.pictures import BadPictureError, open_picture, split_transform


@pytest.fixture(autouse=True)
def _pillow(needs: Callable[..., None]) -> None:
    needs("PIL")


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def stored(path: Path, picture: Any, **options: Any) -> np.ndarray:
    """Store a picture, or an array, and give what is read of it."""
    from PIL import Image

    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **options)
    found = open_picture(path)
    assert found.mode == "RGB"
    return np.asarray(found)


def test_lossless_formats_give_their_pixels(colours: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    for ending, options in {"png": {}, "bmp": {}, "tif": {}, "webp": {"lossless": True}}.items():
        np.testing.assert_array_equal(stored(tmp_path / f"p.{ending}", colours, **options), colours)
    np.testing.assert_array_equal(np.asarray(open_picture(colours)), colours)
    grey = colours[..., 0]
    for found in (stored(tmp_path / "grey.png", grey), np.asarray(open_picture(grey))):
        np.testing.assert_array_equal(found, np.stack([grey] * 3, axis=2))
    few = Image.fromarray(colours).quantize(8)
    np.testing.assert_array_equal(stored(tmp_path / "few.gif", few), np.asarray(few.convert("RGB")))
    assert set(np.unique(stored(tmp_path / "bits.png", grey > 127))) == {0, 255}


def test_alpha_is_laid_over_white(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    over_white = [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]
    np.testing.assert_allclose(stored(tmp_path / "a.png", pixels).astype(int), over_white, atol=1)
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([9, 9, 9])
    white = [[[255, 255, 255]]]
    assert stored(tmp_path / "la.png", Image.new("LA", (1, 1), (0, 0))).tolist() == white
    assert stored(tmp_path / "p.png", palette, transparency=0).tolist() == white


def test_sixteen_bits_keep_their_high_byte_and_others_are_refused(tmp_path: Path) -> None:
    deep = np.array([[0, 255, 256, 65535, 0x1280]], dtype=np.uint16)
    assert stored(tmp_path / "deep.png", deep)[0, :, 0].tolist() == [0, 0, 1, 255, 0x12]
    for kind in (np.float32, np.int32):
        with pytest.raises(BadPictureError, match="32-bit pixels"):
            stored(tmp_path / "p.tif", deep.astype(kind))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    from PIL import Image

    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = 255
    turn: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = np.ascontiguousarray(turn[orientation](upright))
    found = stored(tmp_path / "p.jpg", turned, exif=exif, quality=100)
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 3


def test_damaged_pictures_are_refused_with_the_reason(colours: np.ndarray, tmp_path: Path) -> None:
    for ending in ("jpg", "png", "webp"):
        path = tmp_path / f"short.{ending}"
        stored(path, np.tile(colours, (40, 40, 1)))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(BadPictureError, match="cannot be decoded"):
            open_picture(path)
    # The last is a program in a language that some libraries run to draw it: not even tried.
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    for content in (b"", b"no picture", program):
        (tmp_path / "p.jpg").write_bytes(content)
        with pytest.raises(BadPictureError, match=r"cannot be decoded \(cannot identify") as caught:
            open_picture(tmp_path / "p.jpg")
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(BadPictureError, match="not there any more"):
        open_picture(tmp_path / "gone.jpg")


def test_pictures_of_too_many_pixels_or_too_long_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    assert stored(tmp_path / "p.png", Image.new("RGB", (1, 200))).shape == (200, 1, 3)
    for item in (Image.new("RGB", (201, 1)), np.zeros((1, 201), np.uint8)):
        with pytest.raises(BadPictureError, match="is 201 x 1 pixels, longer than 200 times"):
            stored(tmp_path / "p.png", item)
        with pytest.raises(BadPictureError, match="is 201 x 1 pixels, longer than 200 times"):
            open_picture(np.asarray(item))
    # Pillow warns above its limit and raises above twice of it.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for height in (15, 30):
        with pytest.raises(BadPictureError, match="too many pixels"):
            stored(tmp_path / "p.png", Image.new("RGB", (10, height)))
    for array in (np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)):
        with pytest.raises(BadPictureError, match=r"is not an array of bytes|has shape"):
            open_picture(array)


def test_the_usual_last_steps_are_taken_off_a_transform(colours: np.ndarray) -> None:
    from PIL import Image

    class ToTensor:
        pass

    class Normalize:
        mean, std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)

    class Compose:
        def __init__(self, *steps: object) -> None:
            self.transforms = steps

    def turn(picture: Image.Image) -> Image.Image:
        return picture.transpose(Image.Transpose.ROTATE_90)

    split = split_transform(Compose(turn, ToTensor(), Normalize()), "words")
    assert (split.mean, split.std, split.words) == (Normalize.mean, Normalize.std, "words")
    np.testing.assert_array_equal(split(Image.fromarray(colours)), np.rot90(colours))
    for other in (Compose(turn), Compose(Normalize(), ToTensor()), turn):
        assert split_transform(other, "words") is other

"""Every way a picture is stored comes to the same upright, opaque RGB bytes, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from outgrow.features.pictures import BadPictureError, open_picture, split_transform


@pytest.fixture(autouse=True)
def _pillow(needs: Callable[..., None]) -> None:
    needs("PIL")


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_lossless_formats_give_their_pixels(ending: str, colours: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(colours).save(
        tmp_path / f"p.{ending}", **({"lossless": True} if ending == "webp" else {})
    )
    picture = open_picture(tmp_path / f"p.{ending}")
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture), colours)
    np.testing.assert_array_equal(np.asarray(open_picture(colours)), colours)


def test_grey_palette_and_black_and_white(colours: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    grey = colours[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(
        np.asarray(open_picture(tmp_path / "grey.png")), np.stack([grey] * 3, axis=2)
    )
    np.testing.assert_array_equal(np.asarray(open_picture(grey)), np.stack([grey] * 3, axis=2))
    few = Image.fromarray(colours).quantize(8)
    few.save(tmp_path / "palette.gif")
    np.testing.assert_array_equal(
        np.asarray(open_picture(tmp_path / "palette.gif")), np.asarray(few.convert("RGB"))
    )
    Image.fromarray(grey > 127).save(tmp_path / "bits.png")
    assert set(np.unique(np.asarray(open_picture(tmp_path / "bits.png")))) == {0, 255}


def test_alpha_is_laid_over_white(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        np.asarray(open_picture(tmp_path / "a.png")).astype(int),
        [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]],
        atol=1,
    )
    grey = Image.new("LA", (1, 1), (0, 0))
    grey.save(tmp_path / "la.png")
    assert np.asarray(open_picture(tmp_path / "la.png")).tolist() == [[[255, 255, 255]]]
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([9, 9, 9])
    palette.save(tmp_path / "p.png", transparency=0)
    assert np.asarray(open_picture(tmp_path / "p.png")).tolist() == [[[255, 255, 255]]]


def test_sixteen_bits_keep_their_high_byte_and_others_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    deep = np.array([[0, 255, 256, 65535, 0x1280]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.asarray(open_picture(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 0, 1, 255, 0x12]
    for number, kind in enumerate((np.float32, np.int32)):
        Image.fromarray(deep.astype(kind)).save(tmp_path / f"{number}.tif")
        with pytest.raises(BadPictureError, match="32-bit pixels"):
            open_picture(tmp_path / f"{number}.tif")


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
    stored = np.ascontiguousarray(turn[orientation](upright))
    Image.fromarray(stored).save(tmp_path / "p.jpg", exif=exif, quality=100)
    found = np.asarray(open_picture(tmp_path / "p.jpg")).astype(int)
    assert found.shape == upright.shape
    assert np.abs(found - upright).mean() < 3


def test_damaged_pictures_are_refused_with_the_reason(colours: np.ndarray, tmp_path: Path) -> None:
    from PIL import Image

    large = np.tile(colours, (40, 40, 1))
    for ending in ("jpg", "png", "webp"):
        whole = tmp_path / f"whole.{ending}"
        Image.fromarray(large).save(whole)
        short = tmp_path / f"short.{ending}"
        short.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises(BadPictureError, match="cannot be decoded"):
            open_picture(short)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    # A program in a language that some libraries run to draw it: not even tried, whatever its ending.
    (tmp_path / "program.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name in ("empty", "text", "program"):
        with pytest.raises(BadPictureError, match=r"cannot be decoded \(cannot identify") as caught:
            open_picture(tmp_path / f"{name}.jpg")
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(BadPictureError, match="not there any more"):
        open_picture(tmp_path / "gone.jpg")


@pytest.mark.parametrize("factor", [1.5, 3])
def test_too_many_pixels_are_refused(factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    # Pillow warns above its limit and raises above twice of it.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("RGB", (10, int(10 * factor))).save(tmp_path / "bomb.png")
    with pytest.raises(BadPictureError, match="too many pixels"):
        open_picture(tmp_path / "bomb.png")


def test_a_thread_of_a_picture_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (1, 200)).save(tmp_path / "fits.png")
    assert open_picture(tmp_path / "fits.png").size == (1, 200)
    Image.new("RGB", (201, 1)).save(tmp_path / "long.png")
    for item in (tmp_path / "long.png", np.zeros((1, 201), np.uint8)):
        with pytest.raises(BadPictureError, match="is 201 x 1 pixels, longer than 200 times"):
            open_picture(item)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    with pytest.raises(BadPictureError):
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

"""One picture, as anybody may bring it, to RGB bytes: upright, opaque, eight bits.

What is not a whole picture of a known format is refused with the reason, before its pixels are reserved where
its size alone is a threat. No torch here: worker processes start in a fraction of a second.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats that are tried, whatever the file's ending; the library knows others that run programs (EPS)."""

DECODING = "first frame, EXIF orientation, alpha over white, high byte of 16 bits, RGB"
"""What `open_picture` does, in an encoder's identity."""

MOST_ELONGATED = 200
"""Longer side in units of the shorter one. Transforms bring the shorter side to some 224 pixels: 200 times
that is 30 MB, but a picture of 1 x 80 million pixels, a small file, would become 12 TB."""


class BadPictureError(Exception):
    """A picture that cannot be used; the message says why."""


def open_picture(item: str | Path | np.ndarray) -> Image:
    """Decode one picture."""
    from PIL import Image, ImageOps

    if isinstance(item, np.ndarray):
        return _not_too_long(Image.fromarray(_checked(item))).convert("RGB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(item, formats=FORMATS) as opened:
                opened.load()
                return _to_rgb(_not_too_long(ImageOps.exif_transpose(opened)), opened.format)
    except BadPictureError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadPictureError("has too many pixels to be decoded safely") from error
    except FileNotFoundError as error:
        raise BadPictureError("is not there any more") from error
    except Exception as error:  # damaged files make the decoders raise almost anything
        first = next(iter(str(error).splitlines()), "") or type(error).__name__
        # Some of these messages name the file by its whole path, which the row's own name says already.
        raise BadPictureError(f"cannot be decoded ({first.replace(str(item), 'the file')[:120]})") from error


def _checked(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or array.size == 0:
        raise BadPictureError(f"is not an array of bytes ({array.dtype}, {array.shape})")
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] == 3):
        raise BadPictureError(f"has shape {array.shape}, not (h, w) or (h, w, 3)")
    return np.ascontiguousarray(array)


def _not_too_long(picture: Image) -> Image:
    width, height = picture.size
    if max(width, height) > MOST_ELONGATED * min(width, height):
        raise BadPictureError(f"is {width} x {height} pixels, longer than {MOST_ELONGATED} times its width")
    return picture


def _to_rgb(picture: Image, stored: str | None) -> Image:
    from PIL import Image

    mode = picture.mode
    if mode == "RGB":
        return picture
    if mode.startswith("I;16") or (mode == "I" and stored == "PNG"):
        # The high byte, as Pillow itself takes it of 16-bit colour.
        high = np.asarray(picture).astype(np.uint32) >> 8
        return Image.fromarray(np.clip(high, 0, 255).astype(np.uint8)).convert("RGB")
    if mode in ("I", "F"):
        raise BadPictureError("has 32-bit pixels, whose white is not known")
    if mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    return picture.convert("RGB")


@dataclass(frozen=True)
class SplitTransform:
    """A transform's work on pictures, with its scaling to floats left to the model's side."""

    steps: tuple[Any, ...]
    """Picture to picture."""
    mean: tuple[float, ...]
    """Of the scaling that follows, subtracted from values in [0, 1], by channel."""
    std: tuple[float, ...]
    """What is divided by then."""
    words: str
    """What the whole does."""

    def __call__(self, picture: Image) -> UInt8[np.ndarray, "h w 3"]:
        """Give the pixels of a picture."""
        for step in self.steps:
            picture = step(picture)
        return np.asarray(picture)


def split_transform(transform: Any, words: str) -> Any:
    """Take the scaling off a composed transform, where it ends in the usual two steps."""
    steps = tuple(getattr(transform, "transforms", ()))
    names = [type(step).__name__ for step in steps]
    if len(steps) < 2 or names[-2] not in ("ToTensor", "MaybeToTensor") or names[-1] != "Normalize":
        return transform
    mean, std = (tuple(float(value) for value in getattr(steps[-1], name)) for name in ("mean", "std"))
    return SplitTransform(steps[:-2], mean, std, words)

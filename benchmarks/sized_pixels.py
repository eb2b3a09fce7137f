"""The usual transform of pictures: shorter side to a size, middle cut out.

In a file of its own, since worker processes import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class SizedPixels:
    """Bytes, whose scaling is left to the model's side."""

    crop: int
    """Width and height of the result."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    """Channel means of ImageNet's training pictures, subtracted from values in [0, 1]."""
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    """Their standard deviations, divided by then."""

    @property
    def words(self) -> str:
        """What it does, for an encoder's identity."""
        return f"shorter side {self.crop} bilinear, centre {self.crop}, mean {self.mean}, std {self.std}"

    def __call__(self, picture: Image) -> np.ndarray:
        """Give the pixels of a picture."""
        from PIL import Image

        width, height = picture.size
        scale = self.crop / min(width, height)
        size = (max(self.crop, round(width * scale)), max(self.crop, round(height * scale)))
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.BILINEAR)
        left, top = (size[0] - self.crop) // 2, (size[1] - self.crop) // 2
        return np.asarray(picture.crop((left, top, left + self.crop, top + self.crop)))

"""Any torch module with a transform, as an encoder of pictures.

Worker processes decode and size pictures to bytes while the module runs; bytes become scaled floats on the
module's own device, laid out channels last. Batch norm is folded into convolutions where nothing changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from outgrow.errors import ConfigError
from outgrow.features.extras import device_of, need
from outgrow.features.fold_batch_norm import fold_batch_norm
from outgrow.features.image_batches import PictureBatches
from outgrow.features.pictures import DECODING, split_transform
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad, finite_rows
from outgrow.features.text_batches import Budget, halving

if TYPE_CHECKING:
    import torch

BATCH_SIZE = {"cpu": 32, "cuda": 256}
"""Pictures in a batch by device: EfficientNet-lite0 at 112 px runs as fast on a processor with 32 as with 64
or 16; accelerators have more to keep busy."""

DTYPES = ("float32", "bfloat16", "auto")
"""Precisions; "auto" is bfloat16 on a GPU and float32 elsewhere."""


class TorchEncoder:
    """A torch module over pictures."""

    input = "image"

    def __init__(
        self,
        module: torch.nn.Module,
        transform: Callable[[Any], Any],
        *,
        name: str,
        transform_words: str | None = None,
        kind: str = "torch",
        pooling: str = "none",
        licence: str | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
        device: str = "auto",
        dtype: str = "float32",
    ) -> None:
        need("vision", "torch", "PIL.Image")
        import torch

        if dtype not in DTYPES:
            raise ConfigError(f"the precision {dtype!r} is not known", name, f"Use {', '.join(DTYPES)}.")
        self._device = device_of(device)
        on_gpu = self._device.startswith("cuda")
        if dtype == "auto":
            dtype = "bfloat16" if on_gpu else "float32"
        self._dtype = dtype
        words = transform_words or getattr(transform, "words", None) or repr(transform)
        if " at 0x" in words:
            raise ConfigError(
                "the transform does not say what it does",
                name,
                "Describe it with transform_words, as part of the features' identity.",
            )
        module = module.eval().to(self._device)
        revision = weights_digest(module)
        transform = split_transform(transform, words)
        # Of values in [0, 1], by channel, for transforms that give bytes; none for those that give floats.
        self._mean, self._std = (tuple(getattr(transform, key, ())) for key in ("mean", "std"))
        probe = self._scaled(_probe(transform, name))
        self._module = fold_batch_norm(module, probe).to(memory_format=torch.channels_last)
        try:
            made = self._forward(probe)
        except Exception as error:
            raise ConfigError(
                f"the model failed on two pictures of noise ({type(error).__name__}: {error})",
                name,
                "Check that model and transform belong together.",
            ) from error
        if not isinstance(made, torch.Tensor) or made.dim() != 2 or len(made) != len(probe):
            shape = tuple(made.shape) if isinstance(made, torch.Tensor) else type(made).__name__
            raise ConfigError(
                f"the model gave {shape} for {len(probe)} pictures",
                name,
                "It must give (pictures, features).",
            )
        self._pictures = PictureBatches(
            transform,
            batch_size=batch_size or BATCH_SIZE["cuda" if on_gpu else "cpu"],
            workers=workers,
            allocate=_pinned if on_gpu else None,
        )
        self._budget = Budget(self._pictures.batch_size, "pictures")
        identity = EncoderIdentity(
            name=name,
            kind=kind,
            revision=revision,
            layer="pre-logits",
            width=int(made.shape[1]),
            pooling=pooling,
            transform=f"{DECODING}; {words}",
            dtype=dtype,
            licence=licence,
        )
        self.identities = (identity,)

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode pictures."""
        # One batch behind: a GPU works on a batch while the next one is being received.
        behind: tuple[np.ndarray, torch.Tensor] | None = None
        # Closed here and now where something is raised: the workers' answers are then worth nothing.
        with closing(self._pictures.batches(items)) as batches:
            for batch in batches:
                for position, why in batch.bad:
                    on_bad(position, why)
                ahead = (batch.positions, self._run(batch.pixels)) if len(batch.positions) else None
                if behind is not None:
                    yield self._collect(*behind, on_bad)
                behind = ahead
        if behind is not None:
            yield self._collect(*behind, on_bad)

    def _collect(self, positions: Int[np.ndarray, " b"], made: torch.Tensor, on_bad: OnBad) -> Encoded:
        features, width = made.float().cpu().numpy(), self.identities[0].width
        if features.shape != (len(positions), width):
            raise ConfigError(
                f"the model gave features of shape {features.shape} for {len(positions)} pictures",
                self.identities[0].name,
                f"It must give ({len(positions)}, {width}).",
            )
        return finite_rows(positions, features, on_bad)

    def _run(self, pixels: np.ndarray) -> torch.Tensor:
        """Run the module over one batch, in halves where memory runs out."""
        import torch

        rows, size, name = np.arange(len(pixels)), self._budget.size, self.identities[0].name
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        results = halving(
            parts, lambda part: self._forward(self._scaled(pixels[part[0] : part[-1] + 1])),
            torch.OutOfMemoryError, self._budget, name,
        )  # fmt: skip
        pieces = [made for _, made in results]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _scaled(self, pixels: np.ndarray) -> torch.Tensor:
        """Turn pixels received into what the module reads: floats, scaled, on its device."""
        import torch

        moved = torch.from_numpy(pixels).to(self._device, non_blocking=True)
        if pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[3] == 3:
            # Bytes come with their channels last, which is also how convolutions run fastest: only the names
            # of the axes change.
            ready = moved.permute(0, 3, 1, 2).float().div_(255)
            if self._mean:
                mean, std = (
                    torch.tensor(of, device=self._device).view(1, -1, 1, 1) for of in (self._mean, self._std)
                )
                ready = ready.sub_(mean).div_(std)
            return ready
        ready = moved.float()
        return ready.contiguous(memory_format=torch.channels_last) if ready.dim() == 4 else ready

    def _forward(self, ready: torch.Tensor) -> torch.Tensor:
        """Run the module without a trace of training."""
        import torch

        low = self._dtype == "bfloat16"
        kind = torch.device(self._device).type
        with torch.inference_mode(), torch.autocast(kind, dtype=torch.bfloat16, enabled=low):
            return self._module(ready)

    def close(self) -> None:
        """End worker processes; may be called twice."""
        self._pictures.close()


def weights_digest(module: torch.nn.Module) -> str:
    """Hash a module's weights."""
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, torch.Tensor):
            plain = tensor.detach().cpu().contiguous()
            total.update(f"{name} {plain.dtype} {tuple(plain.shape)};".encode())
            # As bytes: numpy has no bfloat16.
            total.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def _probe(transform: Callable[[Any], Any], name: str) -> np.ndarray:
    """Two pictures of noise, as the transform makes them: larger than most models read, and not square."""
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), dtype=np.uint8)
    try:
        return np.stack([np.asarray(transform(Image.fromarray(picture))) for picture in noise])
    except Exception as error:
        raise ConfigError(
            f"the transform failed on a picture of noise ({type(error).__name__}: {error})",
            name,
            "It must turn an RGB picture (PIL) into a tensor.",
        ) from error


def _pinned(shape: tuple[int, ...], kind: np.dtype[Any]) -> np.ndarray:
    import torch

    # Memory that the GPU reads by itself, while this process goes on.
    pinned = torch.empty(shape, dtype=getattr(torch, kind.name), pin_memory=True)
    return pinned.numpy()

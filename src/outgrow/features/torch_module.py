"""Any torch module with a transform, as an encoder of pictures.

Worker processes decode and size pictures to bytes while the module runs; bytes become scaled floats on the
module's own device, laid out channels last. Batch norm is folded into convolutions where nothing changes.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from outgrow.errors import ConfigError
from outgrow.features.fold_batch_norm import fold_batch_norm
from outgrow.features.image_batches import PictureBatches
from outgrow.features.pictures import DECODING, need_pillow, split_transform
from outgrow.features.protocols import Encoded, EncoderIdentity, OnBad

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

BATCH_SIZE = 32
"""Pictures per batch on a CPU: EfficientNet-lite0 at 112 px runs as fast with 32 as with 64 or 16."""

BATCH_SIZE_CUDA = 256
"""Pictures per batch on a GPU, which has more to keep busy; halved where its memory runs out."""

DTYPES = ("float32", "bfloat16", "auto")
"""Precisions; "auto" is bfloat16 on a GPU and float32 elsewhere."""


@dataclass(frozen=True)
class Scaling:
    """Turns pixels received into what a module reads: floats, scaled, on its device."""

    mean: tuple[float, ...]
    """Of values in [0, 1], by channel, for transforms that give bytes; empty for those that give floats."""
    std: tuple[float, ...]
    """Of values in [0, 1], by channel, for transforms that give bytes; empty for those that give floats."""
    device: str
    """Where to."""

    def __call__(self, pixels: np.ndarray) -> torch.Tensor:
        """Scale a batch."""
        import torch

        moved = torch.from_numpy(pixels).to(self.device, non_blocking=True)
        if pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[3] == 3:
            # Bytes come with their channels last, which is also how convolutions run fastest: only the names
            # of the axes change.
            ready = moved.permute(0, 3, 1, 2).float().div_(255)
            if self.mean:
                mean = torch.tensor(self.mean, device=self.device).view(1, -1, 1, 1)
                std = torch.tensor(self.std, device=self.device).view(1, -1, 1, 1)
                ready = ready.sub_(mean).div_(std)
            return ready
        ready = moved.float()
        return ready.contiguous(memory_format=torch.channels_last) if ready.dim() == 4 else ready


def forward(module: torch.nn.Module, ready: torch.Tensor, device: str, dtype: str) -> torch.Tensor:
    """Run a module without a trace of training."""
    import torch

    with (
        torch.inference_mode(),
        torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=dtype == "bfloat16"),
    ):
        return module(ready)


class TorchEncoder:
    """Runs a torch module over pictures; made by `torch_encoder`."""

    input = "image"

    def __init__(
        self,
        module: torch.nn.Module,
        pictures: PictureBatches,
        identity: EncoderIdentity,
        scaling: Scaling,
        device: str,
    ) -> None:
        self._module, self._pictures, self._scaling, self._device = module, pictures, scaling, device
        self.identities = (identity,)
        self._most = pictures.batch_size

    def encode(self, items: Sequence[Any], on_bad: OnBad) -> Iterator[Encoded]:
        """Encode pictures."""
        width = self.identities[0].width
        # One batch behind: a GPU works on a batch while the next one is being received.
        behind: tuple[np.ndarray, torch.Tensor] | None = None
        # Closed here and now where something is raised: the workers' answers are then worth nothing.
        with closing(self._pictures.batches(items)) as batches:
            for batch in batches:
                for position, why in batch.bad:
                    on_bad(position, why)
                ahead = (batch.positions, self._run(batch.pixels)) if len(batch.positions) else None
                if behind is not None:
                    yield self._collect(*behind, width, on_bad)
                behind = ahead
        if behind is not None:
            yield self._collect(*behind, width, on_bad)

    def _collect(self, positions: np.ndarray, made: torch.Tensor, width: int, on_bad: OnBad) -> Encoded:
        features = made.float().cpu().numpy()
        if features.shape != (len(positions), width):
            raise ConfigError(
                f"the model gave features of shape {features.shape} for {len(positions)} pictures",
                self.identities[0].name,
                f"It must give ({len(positions)}, {width}).",
            )
        finite = np.isfinite(features).all(axis=1)
        for position in positions[~finite].tolist():
            on_bad(position, "its features are not finite numbers")
        return positions[finite], (features[finite],)

    def _run(self, pixels: np.ndarray) -> torch.Tensor:
        """Run the module over one batch, in halves where memory runs out."""
        import torch

        pieces = []
        start = 0
        while start < len(pixels):
            try:
                pieces.append(self._forward(pixels[start : start + self._most]))
                start += self._most
            except torch.OutOfMemoryError:
                if self._most == 1:
                    raise
                self._most = max(1, min(self._most, len(pixels)) // 2)
                _log.warning("out of memory on %s: going on with batches of %d", self._device, self._most)
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _forward(self, pixels: np.ndarray) -> torch.Tensor:
        return forward(self._module, self._scaling(pixels), self._device, self.identities[0].dtype)

    def close(self) -> None:
        """End worker processes; may be called twice."""
        self._pictures.close()


def torch_encoder(
    module: torch.nn.Module,
    transform: Callable[[Any], Any],
    *,
    name: str,
    transform_words: str | None = None,
    kind: str = "torch",
    revision: str | None = None,
    layer: str = "pre-logits",
    pooling: str = "none",
    licence: str | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
) -> TorchEncoder:
    """Make an encoder of any torch module."""
    torch = need_torch()
    need_pillow()
    if dtype not in DTYPES:
        raise ConfigError(f"the precision {dtype!r} is not known", name, f"Use {', '.join(DTYPES)}.")
    device = _device(device)
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
    words = transform_words or getattr(transform, "words", None) or repr(transform)
    if " at 0x" in words:
        raise ConfigError(
            "the transform does not say what it does",
            name,
            "Describe it with transform_words, as part of the features' identity.",
        )
    module = module.eval().to(device)
    revision = revision or weights_digest(module)
    transform = split_transform(transform, words)
    scaling = Scaling(tuple(getattr(transform, "mean", ())), tuple(getattr(transform, "std", ())), device)
    probe = scaling(_probe(transform, name))
    module = fold_batch_norm(module, probe).to(memory_format=torch.channels_last)
    try:
        made = forward(module, probe, device, dtype)
    except Exception as error:
        raise ConfigError(
            f"the model failed on two pictures of noise ({type(error).__name__}: {error})",
            name,
            "Check that model and transform belong together.",
        ) from error
    if not isinstance(made, torch.Tensor) or made.dim() != 2 or len(made) != len(probe):
        shape = tuple(made.shape) if isinstance(made, torch.Tensor) else type(made).__name__
        raise ConfigError(
            f"the model gave {shape} for {len(probe)} pictures", name, "It must give (pictures, features)."
        )
    on_gpu = device.startswith("cuda")
    size = batch_size or (BATCH_SIZE_CUDA if on_gpu else BATCH_SIZE)
    pictures = PictureBatches(
        transform, batch_size=size, workers=workers, allocate=_pinned if on_gpu else None
    )
    identity = EncoderIdentity(
        name=name,
        kind=kind,
        revision=revision,
        layer=layer,
        width=int(made.shape[1]),
        pooling=pooling,
        transform=f"{DECODING}; {words}",
        dtype=dtype,
        licence=licence,
    )
    return TorchEncoder(module, pictures, identity, scaling, device)


def need_torch() -> Any:
    """Give torch, where it is installed."""
    try:
        import torch
    except ImportError as error:
        raise ConfigError(
            "vision models need torch, which is not installed",
            remedy="Install it: pip install 'outgrow[vision]'.",
        ) from error
    return torch


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


def _device(device: str) -> str:
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("there is no GPU that torch can use", device, "Use --device cpu.")
    return device


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

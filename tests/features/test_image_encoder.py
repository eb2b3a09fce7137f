"""A torch module over pictures gives what a plain loop gives, whatever the workers, batches and bad rows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError, OutgrowError
from outgrow.features.pictures import SplitTransform
from outgrow.features.protocols import Encoder
from outgrow.features.torch_module import TorchEncoder

ROWS = 11
Sized = Callable[..., SplitTransform]


@pytest.fixture(autouse=True)
def _extra(needs: Callable[..., None]) -> None:
    needs("torch", "PIL")


@pytest.fixture
def paths(rng: np.random.Generator, tmp_path: Path) -> list[Path]:
    """Smooth pictures of several sizes."""
    from PIL import Image

    made = []
    for row in range(ROWS):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        made.append(tmp_path / f"{row:02d}.jpg")
        coarse.resize((70 + 5 * row, 90), Image.Resampling.BICUBIC).save(made[-1], quality=95)
    return made


def small_network(seed: int = 0) -> Any:
    """Convolutions with batch norm, one of whose inputs is used twice, and pooled features."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 8, 3, stride=2, bias=False)
            self.norm = torch.nn.BatchNorm2d(8)
            self.second = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8)
            self.twice = torch.nn.BatchNorm2d(8)
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, pictures: Any) -> Any:
            x = torch.relu(self.norm(self.first(pictures)))
            x = self.second(x)
            # What the convolution gives is used without the batch norm as well.
            x = torch.cat([self.twice(x), x], dim=1)
            return self.dropout(x).mean((2, 3))

    torch.manual_seed(seed)
    network = Network()
    for norm in (network.norm, network.twice):
        torch.nn.init.uniform_(norm.running_mean, -1, 1)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
        torch.nn.init.uniform_(norm.weight, -1, 1)
        torch.nn.init.uniform_(norm.bias, -1, 1)
    return network


def plain_loop(module: Any, paths: list[Path], transform: SplitTransform) -> np.ndarray:
    """One picture at a time, in floats, unfolded."""
    import torch
    from PIL import Image

    rows = []
    for path in paths:
        with Image.open(path) as picture:
            pixels = np.asarray(transform(picture.convert("RGB")), dtype=np.float32) / 255
        scaled = (pixels - np.array(transform.mean, np.float32)) / np.array(transform.std, np.float32)
        with torch.inference_mode():
            rows.append(module.eval()(torch.from_numpy(scaled.transpose(2, 0, 1).copy())[None]).numpy()[0])
    return np.stack(rows)


def encode(encoder: Encoder, items: list[Any]) -> tuple[np.ndarray, np.ndarray, list[tuple[int, str]]]:
    bad: list[tuple[int, str]] = []
    parts = list(encoder.encode(items, lambda position, why: bad.append((position, why))))
    encoder.close()
    return np.concatenate([p for p, _ in parts]), np.concatenate([f[0] for _, f in parts]), bad


@pytest.mark.parametrize(("workers", "batch_size"), [(0, 4), (2, 3), (1, 100)])
def test_equal_to_a_plain_loop(sized: Sized, workers: int, batch_size: int, paths: list[Path]) -> None:
    transform = sized(48)
    wanted = plain_loop(small_network(), paths, transform)
    encoder = TorchEncoder(
        small_network(), transform, name="small", workers=workers, batch_size=batch_size, device="cpu"
    )
    assert isinstance(encoder, Encoder)
    positions, features, bad = encode(encoder, paths)
    assert positions.tolist() == list(range(ROWS))
    assert bad == []
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, wanted, atol=1e-5 * np.abs(wanted).max())
    grey, colour = encode(encoder, [np.full((50, 60), 9, np.uint8), np.full((50, 60, 3), 9, np.uint8)])[1]
    np.testing.assert_array_equal(grey, colour)


def test_bad_pictures_are_told_and_the_rest_goes_on(sized: Sized, paths: list[Path]) -> None:
    transform = sized(48)
    wanted = plain_loop(small_network(), paths, transform)
    for row in (0, 4, 5, 6, 7):  # the whole second batch among them
        paths[row].write_bytes(b"damaged")
    encoder = TorchEncoder(small_network(), transform, name="small", workers=2, batch_size=4, device="cpu")
    positions, features, bad = encode(encoder, paths)
    assert [row for row, _ in bad] == [0, 4, 5, 6, 7]
    assert positions.tolist() == [1, 2, 3, 8, 9, 10]
    np.testing.assert_allclose(features, wanted[positions], atol=1e-5 * np.abs(wanted).max())
    assert not list(encoder.encode([], lambda *_: None))

    def refuse(position: int, why: str) -> None:
        raise ValueError(position)

    # Whoever wants no row left out gets the error, and the encoder goes on to serve.
    with pytest.raises(ValueError, match="0"):
        list(encoder.encode(paths, refuse))
    np.testing.assert_array_equal(encode(encoder, paths)[0], positions)


def test_the_identity_says_what_changes_features(sized: Sized, paths: list[Path]) -> None:
    def identity(seed: int = 0, crop: int = 48, **options: Any) -> Any:
        return TorchEncoder(
            small_network(seed), sized(crop), name="small", workers=0, device="cpu", **options
        ).identities[0]

    first = identity()
    assert (first.kind, first.width, first.layer, first.dtype) == ("torch", 16, "pre-logits", "float32")
    assert "EXIF" in first.transform and "fit 48" in first.transform
    assert identity(batch_size=7).digest == first.digest
    others = [identity(1), identity(crop=56), identity(dtype="bfloat16")]
    assert len({first.digest, *(other.digest for other in others)}) == 4
    assert identity(dtype="auto").dtype == "float32"


def test_a_module_left_in_training_is_put_right_and_bfloat16_is_near(sized: Sized, paths: list[Path]) -> None:
    network = small_network()
    assert network.training
    encoder = TorchEncoder(network, sized(48), name="small", workers=0, device="cpu")
    first, second = encode(encoder, paths)[1], encode(encoder, paths)[1]
    np.testing.assert_array_equal(first, second)
    half = TorchEncoder(small_network(), sized(48), name="small", workers=0, device="cpu", dtype="bfloat16")
    near = encode(half, paths)[1]
    assert not np.array_equal(near, first)
    assert np.abs(near - first).max() < 0.05 * np.abs(first).max()


def test_transforms_to_tensors_are_used_as_they_are(sized: Sized, paths: list[Path]) -> None:
    import torch
    from PIL import Image

    transform = sized(48)
    mean, std = np.float32(transform.mean), np.float32(transform.std)

    def own(picture: Image.Image) -> torch.Tensor:
        scaled = (np.asarray(transform(picture), np.float32) / 255 - mean) / std
        return torch.from_numpy(scaled.transpose(2, 0, 1).copy())

    with pytest.raises(ConfigError, match=r"does not say what it does.*transform_words"):
        TorchEncoder(small_network(), own, name="small", device="cpu")
    encoder = TorchEncoder(small_network(), own, name="small", transform_words="as usual", device="cpu")
    wanted = plain_loop(small_network(), paths, transform)
    np.testing.assert_allclose(encode(encoder, paths)[1], wanted, atol=1e-5 * np.abs(wanted).max())


def test_out_of_memory_halves_the_batch_and_says_so(
    sized: Sized, paths: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    class Large(torch.nn.Module):
        most = 3

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            if len(pictures) > self.most:
                raise torch.OutOfMemoryError("out of memory")
            return pictures.mean((2, 3))

    encoder = TorchEncoder(Large(), sized(48), name="large", workers=0, batch_size=8, device="cpu")
    with caplog.at_level(logging.WARNING):
        positions, features, _ = encode(encoder, paths)
    assert positions.tolist() == list(range(ROWS))
    assert len(features) == ROWS
    assert "going on with batches of 2" in caplog.messages[-1]
    assert len(caplog.messages) == 2  # 8 to 4 to 2, and it stays there
    Large.most = 0
    with pytest.raises(OutgrowError, match="a single row does not fit into the device's memory"):
        encode(encoder, paths)


def test_features_that_are_not_finite_are_told(sized: Sized, paths: list[Path]) -> None:
    import torch

    class Dark(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return torch.log(pictures.mean((2, 3)))

    dark = sized(8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    encoder = TorchEncoder(Dark(), dark, name="dark", workers=0, device="cpu")
    items = [np.full((8, 8), value, np.uint8) for value in (9, 0, 7)]
    positions, _, bad = encode(encoder, items)
    assert positions.tolist() == [0, 2]
    assert bad == [(1, "its features are not finite numbers")]


@pytest.mark.parametrize(
    ("forward", "options", "message"),
    [
        (lambda x: x, {}, r"gave \(2, 3, 8, 8\) for 2 pictures. It must give \(pictures, features\)"),
        (lambda x: [x], {}, "gave list for 2 pictures"),
        (lambda x: x.sum(), {}, r"gave \(\) for 2 pictures"),
        (lambda x: 1 / 0, {}, r"failed on two pictures of noise \(ZeroDivisionError"),
        (lambda x: x, {"dtype": "float64"}, "precision 'float64' is not known"),
        (lambda x: x, {"device": "cuda:99"}, "the device 'cuda:99' cannot be used"),
        (lambda x: x, {"transform": len, "transform_words": "l"}, "transform failed on a picture of noise"),
    ],
)
def test_what_does_not_fit_is_said_at_once(
    sized: Sized, forward: Callable[[Any], Any], options: dict[str, Any], message: str
) -> None:
    import torch

    class Odd(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> Any:
            return forward(pictures)

    with pytest.raises(ConfigError, match=message):
        TorchEncoder(Odd(), **{"transform": sized(8), "name": "odd", "device": "cpu", **options})


def test_batch_norm_is_folded_only_where_nothing_changes() -> None:
    import torch

    from outgrow.features.fold_batch_norm import fold_batch_norm

    probe = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    both = small_network().eval()
    # One of its two folds would be wrong: then neither is kept.
    assert fold_batch_norm(both, probe) is both

    straight = torch.nn.Sequential(both.first, both.norm, torch.nn.ReLU(), both.second, both.twice).eval()
    before = {name: value.clone() for name, value in straight.state_dict().items()}
    folded = fold_batch_norm(straight, probe)
    assert not [part for part in folded.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        wanted, found = straight(probe), folded(probe)
    assert (wanted - found).abs().max() <= 1e-5 * wanted.abs().max()
    after = straight.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())

    # A convolution that serves others besides its batch norm is left alone, and the rest is folded.
    class Shared(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.one = both.first, both.norm
            self.other = torch.nn.Sequential(both.second, both.twice)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.other(self.one(self.conv(pictures)) - 2 * self.conv(pictures))

    shared = Shared().eval()
    parts = fold_batch_norm(shared, probe).named_modules()
    assert [name for name, part in parts if isinstance(part, torch.nn.BatchNorm2d)] == ["one"]
    bare = torch.nn.Conv2d(3, 4, 3).eval()
    assert fold_batch_norm(bare, probe) is bare


def test_a_real_model_keeps_its_features(sized: Sized, efficientnet_lite0: Path, paths: list[Path]) -> None:
    import torch
    from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-untyped]

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = EfficientNet.from_name("efficientnet-lite0")
            self.network.load_state_dict(torch.load(efficientnet_lite0, weights_only=True))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.network.extract_features(pictures).mean((2, 3))

    wanted = plain_loop(Pooled(), paths, sized(112))
    encoder = TorchEncoder(
        Pooled(), sized(112), name="efficientnet-lite0", workers=2, batch_size=4, device="cpu"
    )
    folded = [part for part in encoder._module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert folded == []
    features = encode(encoder, paths)[1]
    assert features.shape == (ROWS, 1280)
    np.testing.assert_allclose(features, wanted, atol=1e-5 * np.abs(wanted).max())
    # The features say something: pictures differ from each other far more than from themselves.
    cosine = features @ features.T / np.outer(*[np.linalg.norm(features, axis=1)] * 2)
    assert np.median(cosine[~np.eye(ROWS, dtype=bool)]) < 0.95

